//! Networks that look at a frame twice: at all of it, and at its centre.
#![allow(clippy::unwrap_used, reason = "what a test prepares may fail the test")]

use crate::common::{data, desk};

use std::fs;

use fieldtune::backbone::card::ModelCard;
use fieldtune::backbone::preprocess::Fit;
use fieldtune::backbone::{BackboneFiles, FeatureSource as _};
use fieldtune::image::frame::Timestamp;
use fieldtune::image::picture;
use fieldtune::image::views::ViewKinds;

use desk::{Bench, text};

/// The tests' network with that fit.
fn tiny(fit: Fit) -> BackboneFiles {
    let path = data("tiny.toml");
    let card = ModelCard::read_card(&path).unwrap();
    let onnx = card.network(path.parent()).unwrap();
    let mut spec = card.spec;
    spec.input.fit = fit;
    BackboneFiles { onnx, name: card.name, spec }
}

#[test]
fn a_second_look_stands_behind_the_first() {
    let fraction = 0.6;
    let looks = [Fit::Whole, Fit::CenterCrop { fraction }, Fit::WholeAndCenter { fraction }];
    let mut sources = looks.map(|fit| tiny(fit).load(None).unwrap());
    let file = fs::read(data("pictures/resize-larger.png")).unwrap();
    let frame = picture::decode(&file, "a picture", Timestamp(0)).unwrap();
    let kinds = ViewKinds::default();
    let seen = sources.each_mut().map(|source| {
        let own = source.feature(&frame).unwrap();
        let (with_maps, maps) = source.feature_and_maps(&frame).unwrap();
        assert_eq!(own, with_maps);
        let all = [vec![own], source.views(&frame, &kinds).unwrap()].concat();
        assert!(all.len() > 3 && all.iter().all(|feature| feature.len() == source.dim()));
        (all, maps)
    });
    let [(whole, maps), (centre, _), (both, maps_of_both)] = seen;
    assert_ne!(whole, centre);
    let wanted: Vec<Vec<f32>> =
        whole.iter().zip(&centre).map(|(whole, centre)| [&whole[..], centre].concat()).collect();
    assert_eq!(both, wanted);
    // Maps, from which heat maps and patches are made, are those of the whole.
    assert_eq!(maps, maps_of_both);
    let prints = looks.map(|fit| tiny(fit).fingerprint().0);
    assert!(prints[0] != prints[2] && prints[1] != prints[2]);
    let error = tiny(looks[2]).tail(None).unwrap_err().to_string();
    assert!(error.contains("it looks at a frame twice"), "{error}");
}

#[test]
fn a_store_remembers_that_it_is_looked_at_twice() {
    let bench = Bench::new();
    let twice = ["--model", "fieldtune-224-twice"];
    let pictures = ["red", "green"].map(|kind| bench.new_picture(kind));
    for (class, picture) in ["red", "green"].iter().zip(&pictures) {
        bench.ok(&[&["teach", class, picture][..], &twice].concat());
    }
    let status = bench.ok(&["status"]).stdout;
    assert!(status.contains("fieldtune-224-twice (912 values)"), "{status}");
    // The built-in network is fed as the store was taught.
    let built_in = ["--model", "built-in"];
    for (class, picture) in ["red", "green"].iter().zip(&pictures) {
        let run = bench.ok(&[&["classify", picture, "--json"][..], &built_in].concat());
        assert!(run.stdout.contains(&format!("\"best\":\"{class}\"")), "{run:?}");
    }
    let inspected = bench.json(&["inspect", "fieldtune-224-twice", "--frames", "1"]);
    assert_eq!((inspected["looks"].as_u64(), inspected["dim"].as_u64()), (Some(2), Some(912)));
    let sizes = ["--frames", "1", "--examples", "10", "--classes", "2"];
    bench.ok(&[&["bench"][..], &sizes, &twice].concat());
    let drawn = bench.path().join("where.png");
    bench.ok(&[&["classify", &pictures[0], "--explain", text(&drawn)][..], &built_in].concat());
    assert!(drawn.exists());
    for refused in [&["finetune"][..], &["export", "head.npz"], &["bench", "--layers"]] {
        let model = if refused[0] == "bench" { twice } else { built_in };
        let run = bench.run(&[refused, &model].concat());
        assert_eq!(run.code, 2, "{run:?}");
        assert!(run.stderr.contains("looks at a frame twice"), "{run:?}");
    }
    let run = bench.run(&[&["classify", &pictures[0]][..], &["--model", "fieldtune-224"]].concat());
    assert!(run.code == 2 && run.stderr.contains("fieldtune-224-twice"), "{run:?}");
}
