use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use crate::learn::head::{
    ClassId, ExampleId, FeatureScaling, GroupId, Head, HeadConfig, Lesson, Method, Shrinkage, new,
};

type Sample = Vec<(ExampleId, ClassId, Vec<f32>)>;

/// Examples of classes whose sizes differ, class 0 with a single one.
fn samples(count: u64, classes: u32, dim: usize, seed: u64) -> Sample {
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    let mut sample = Vec::new();
    for id in 0..count {
        let class = if id == 0 { 0 } else { 1 + (id as u32 % (classes - 1)) };
        let feature = (0..dim)
            .map(|at| {
                let own = if at as u32 % classes == class { 1.0 } else { 0.0 };
                0.3 + own + random.random_range(-1.0..1.0)
            })
            .collect();
        sample.push((ExampleId(id), ClassId(class), feature));
    }
    sample
}

fn head(shrinkage: Shrinkage, dim: usize, classes: u32) -> Box<dyn Head> {
    let method = Method::Lda { shrinkage };
    let config = HeadConfig { method, scaling: FeatureScaling::default() };
    let mut head = new(&config, dim).expect("valid settings");
    (0..classes).for_each(|class| head.add_class(ClassId(class)).expect("a new class"));
    head
}

fn learn(head: &mut dyn Head, sample: &Sample) {
    for (id, class, feature) in sample {
        head.learn(*id, *class, feature).expect("a valid example");
    }
}

/// Scores by the definition, with `G` written out and the ridge rounded as documented.
fn by_definition(sample: &Sample, classes: u32, shrinkage: f64, query: &[f32]) -> Vec<f64> {
    let unit = |x: &[f32]| {
        let norm = x.iter().map(|&v| f64::from(v).powi(2)).sum::<f64>().sqrt();
        x.iter().map(|&v| f64::from(v) / norm).collect::<Vec<f64>>()
    };
    let dim = query.len();
    let z: Vec<(usize, Vec<f64>)> =
        sample.iter().map(|(_, class, x)| (class.0 as usize, unit(x))).collect();
    let mut means = vec![vec![0.0; dim]; classes as usize];
    let mut counts = vec![0.0; classes as usize];
    for (class, z) in &z {
        counts[*class] += 1.0;
        means[*class].iter_mut().zip(z).for_each(|(m, v)| *m += v);
    }
    for (mean, count) in means.iter_mut().zip(&counts) {
        mean.iter_mut().for_each(|m| *m /= count);
    }
    let freedom = z.len() as f64 - 1.0;
    let mut g = vec![vec![0.0; dim]; dim];
    for (class, z) in &z {
        let off: Vec<f64> = z.iter().zip(&means[*class]).map(|(a, b)| a - b).collect();
        for i in 0..dim {
            for j in 0..dim {
                g[i][j] += off[i] * off[j] / freedom;
            }
        }
    }
    let trace: f64 = (0..dim).map(|i| g[i][i]).sum();
    let ridge = shrinkage / (1.0 - shrinkage) * trace * freedom / dim as f64;
    let rounded = 2f64.powf((ridge.log2() * 16.0).round() / 16.0);
    for (i, row) in g.iter_mut().enumerate() {
        row.iter_mut().for_each(|v| *v *= 1.0 - shrinkage);
        row[i] += (1.0 - shrinkage) * rounded / freedom;
    }
    let q = unit(query);
    means
        .iter()
        .map(|mean| {
            let w = gauss(g.clone(), mean.clone());
            let dot = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(x, y)| x * y).sum::<f64>();
            dot(&q, &w) - 0.5 * dot(mean, &w)
        })
        .collect()
}

fn gauss(mut a: Vec<Vec<f64>>, mut b: Vec<f64>) -> Vec<f64> {
    let n = b.len();
    for k in 0..n {
        for i in k + 1..n {
            let by = a[i][k] / a[k][k];
            let pivot = a[k].clone();
            a[i][k..].iter_mut().zip(&pivot[k..]).for_each(|(a, p)| *a -= by * p);
            b[i] -= by * b[k];
        }
    }
    for k in (0..n).rev() {
        b[k] = (b[k] - (k + 1..n).map(|j| a[k][j] * b[j]).sum::<f64>()) / a[k][k];
    }
    b
}

fn assert_close(got: &[f32], wanted: &[f64], what: &str) {
    let scale = wanted.iter().filter(|v| v.is_finite()).fold(1e-9f64, |a, v| a.max(v.abs()));
    for (got, wanted) in got.iter().zip(wanted) {
        let same = *wanted == f64::from(*got);
        let off = (f64::from(*got) - wanted).abs() / scale;
        assert!(same || off < 2e-5, "{what}: {got} is not {wanted}");
    }
}

#[test]
fn both_forms_give_what_the_definition_says() {
    // 12 examples of 20 values are dual, 60 primal; 21 has just crossed over, one by one.
    for (count, dim) in [(12, 20), (21, 20), (60, 20), (40, 41)] {
        for shrinkage in [0.1f32, 0.5, 0.9] {
            let sample = samples(count, 4, dim, count);
            let mut head = head(Shrinkage::Fixed(shrinkage), dim, 4);
            learn(head.as_mut(), &sample);
            let query = &samples(3, 4, dim, 99)[2].2;
            let wanted = by_definition(&sample, 4, f64::from(shrinkage), query);
            let got = head.score(query).expect("a valid feature");
            assert_close(&got, &wanted, &format!("{count} x {dim}, shrinkage {shrinkage}"));
        }
    }
}

#[test]
fn leaving_one_out_is_the_same_as_teaching_all_others() {
    for (count, dim, classes) in [(2, 8, 2), (3, 8, 2), (4, 8, 3), (14, 20, 4), (50, 20, 4)] {
        for shrinkage in [Shrinkage::Fixed(0.5), Shrinkage::Fixed(0.05)] {
            let sample = samples(count, classes, dim, 5 + count);
            let mut whole = head(shrinkage, dim, classes);
            learn(whole.as_mut(), &sample);
            let left_out = whole.leave_one_out().expect("lda can");
            assert_eq!(left_out.len(), sample.len());
            for (at, one) in left_out.iter().enumerate() {
                let mut others = sample.clone();
                let (id, class, feature) = others.remove(at);
                assert_eq!((one.example, one.class), (id, class));
                let mut head = head(shrinkage, dim, classes);
                learn(head.as_mut(), &others);
                let wanted: Vec<f64> = head
                    .score(&feature)
                    .expect("a valid feature")
                    .into_iter()
                    .map(f64::from)
                    .collect();
                assert_close(&one.scores, &wanted, &format!("{count} examples less {at}"));
            }
        }
    }
}

#[test]
fn leaving_a_group_out_equals_teaching_the_others() {
    for (count, dim, classes) in [(10, 60, 3), (40, 30, 4), (12, 90, 2)] {
        for shrinkage in [Shrinkage::ByLooks, Shrinkage::Fixed(0.3)] {
            // Groups of one to three examples, with none to two views each.
            let rows = samples(count * 3, classes, dim, 7 + count);
            let rows: Vec<Vec<f32>> = rows.into_iter().map(|(.., row)| row).collect();
            let lessons: Vec<(u64, u64, u32, Vec<&[f32]>)> = (0..count)
                .map(|id| {
                    let (group, own) = (id / (1 + id % 3), &rows[id as usize * 3..]);
                    let views = 1 + (id % 3) as usize;
                    let features = own[..views].iter().map(Vec::as_slice).collect();
                    (id, group + 100 * (group % u64::from(classes)), 0, features)
                })
                .map(|(id, group, _, features)| {
                    (id, group, (group / 100) as u32 % classes, features)
                })
                .collect();
            let teach = |left_out: Option<u64>| {
                let mut head = head(shrinkage, dim, classes);
                for (id, group, class, features) in &lessons {
                    if Some(*group) != left_out {
                        let (example, group) = (ExampleId(*id), GroupId(*group));
                        let class = ClassId(*class);
                        head.teach(&[Lesson { example, group, class, features }])
                            .expect("a valid example");
                    }
                }
                head
            };
            let whole = teach(None).leave_one_out().expect("lda can");
            assert_eq!(whole.len(), lessons.len());
            for one in whole {
                let lesson = &lessons[one.example.0 as usize];
                assert_eq!((one.group.0, one.class.0), (lesson.1, lesson.2));
                let others = teach(Some(one.group.0));
                let wide = |score: f32| f64::from(score);
                let wanted: Vec<f64> =
                    others.score(lesson.3[0]).expect("valid").into_iter().map(wide).collect();
                assert_close(&one.scores, &wanted, &format!("{count} without {}", one.group.0));
                let spread = others.spread(lesson.3[0]).expect("valid").map(wide);
                assert_close(&[one.spread.expect("lda has one")], &[spread.expect("so")], "it");
            }
        }
    }
}

#[test]
fn a_look_weighs_the_same_however_many_frames_it_has() {
    let rows = samples(12, 3, 8, 4);
    fn lesson<'a>(id: u64, features: &'a [&'a [f32]]) -> Lesson<'a> {
        let (group, class) = (GroupId(id % 6), ClassId((id % 3) as u32));
        Lesson { example: ExampleId(id), group, class, features }
    }
    let (mut once, mut twice) = (head(Shrinkage::ByLooks, 8, 3), head(Shrinkage::ByLooks, 8, 3));
    for id in 0..6u64 {
        let own: &[f32] = &rows[id as usize].2;
        once.teach(&[lesson(id, &[own])]).expect("valid");
        twice.teach(&[lesson(id, &[own, own])]).expect("valid");
        if id < 3 {
            // The same frame again, as another example of its group.
            twice.teach(&[lesson(id + 6, &[own])]).expect("valid");
        }
    }
    let query = &rows[11].2;
    let (a, b) = (once.score(query).expect("valid"), twice.score(query).expect("valid"));
    let wide: Vec<f64> = a.into_iter().map(f64::from).collect();
    assert_close(&b, &wide, "twins count once");
    (6..9).for_each(|id| {
        let own: &[f32] = &rows[id as usize - 6].2;
        twice.unlearn(&lesson(id, &[own])).expect("it was learned");
    });
    assert_close(&twice.score(query).expect("valid"), &wide, "after forgetting them");
}

/// By the definition: the squared distance to a mean in the metric that the scores have.
#[test]
fn spread_less_twice_a_score_is_the_squared_distance() {
    for count in [9, 60] {
        let sample = samples(count, 3, 20, count);
        let mut head = head(Shrinkage::Fixed(0.5), 20, 3);
        learn(head.as_mut(), &sample);
        let distance = |feature: &[f32]| {
            let (scores, spread) = (head.score(feature), head.spread(feature));
            let spread = spread.expect("valid").expect("lda has one");
            scores.expect("valid").into_iter().map(move |score| spread - 2.0 * score)
        };
        // An only example is its class's mean; class 0 has one.
        let own = distance(&sample[0].2).next().expect("three classes");
        let other = distance(&sample[1].2).next().expect("three classes");
        assert!(own.abs() < 1e-3 * other && other > 1.0, "{own} {other}");
    }
}

#[test]
fn one_example_a_class_is_the_nearest_mean() {
    let mut head = head(Shrinkage::Fixed(0.5), 2, 2);
    head.learn(ExampleId(0), ClassId(0), &[1.0, 0.0]).expect("valid");
    head.learn(ExampleId(1), ClassId(1), &[0.0, 2.0]).expect("valid");
    let scores = head.score(&[3.0, 4.0]).expect("valid");
    assert!((scores[0] - 0.1).abs() < 1e-6 && (scores[1] - 0.3).abs() < 1e-6, "{scores:?}");
}

/// Two classes whose means differ in every value by a little, `looks` of each.
///
/// * `shared`: how far all values of a feature stray together, along directions of their own; the rest strays by
///   itself.
fn strayed(looks: u64, shared: f32, seed: u64) -> Sample {
    const DIM: usize = 24;
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    let mut sample = Vec::new();
    for id in 0..2 * looks {
        let class = id % 2;
        let along: [f32; 3] = std::array::from_fn(|_| shared * random.random_range(-1.0..1.0));
        let feature = (0..DIM).map(|at| {
            let sign = if (at * 7) % 5 < 2 { 1.0 } else { -1.0 };
            let own = if class == 0 { 0.06 * sign } else { -0.06 * sign };
            let strays: f32 = (0..3).map(|k| along[k] * (((at * (k + 2)) % 7) as f32 - 3.0)).sum();
            1.0 + own + strays + random.random_range(-0.15..0.15)
        });
        sample.push((ExampleId(id), ClassId(class as u32), feature.collect()));
    }
    sample
}

fn right(head: &dyn Head, sample: &Sample) -> f64 {
    let classified = sample.iter().filter(|(_, class, feature)| {
        let scores = head.score(feature).expect("a valid feature");
        let other = 1 - class.0 as usize;
        scores[class.0 as usize] > scores[other]
    });
    classified.count() as f64 / sample.len() as f64
}

#[test]
fn left_out_looks_choose_a_shrinkage_near_the_best() {
    // Looks that stray together want little shrinkage, looks whose values stray alone want much.
    for (shared, looks) in [(0.5, 12), (0.5, 40), (0.0, 12), (0.0, 40)] {
        let (mut chosen, mut rule, mut best) = (0.0, 0.0, [0.0f64; 6]);
        for seed in 0..8 {
            let (taught, fresh) = (strayed(looks, shared, seed), strayed(200, shared, 100 + seed));
            let of = |shrinkage| {
                let mut head = head(shrinkage, 24, 2);
                learn(head.as_mut(), &taught);
                head.tune();
                right(head.as_ref(), &fresh) / 8.0
            };
            chosen += of(Shrinkage::LeaveOneOut);
            rule += of(Shrinkage::ByLooks);
            let fixed = [0.02, 0.05, 0.1, 0.25, 0.5, 0.9].map(|s| of(Shrinkage::Fixed(s)));
            best.iter_mut().zip(fixed).for_each(|(best, fixed)| *best += fixed);
        }
        let best = best.into_iter().fold(0.0, f64::max);
        let what = format!("{shared}, {looks} looks: {chosen}, by the rule {rule}, best {best}");
        assert!(chosen >= rule + 0.6 * (best - rule) - 0.01, "{what}");
    }
}

#[test]
fn few_looks_use_the_rule_many_measure_their_shrinkage() {
    let scores = |shrinkage, looks, query: &[f32]| {
        let mut head = head(shrinkage, 24, 2);
        learn(head.as_mut(), &strayed(looks, 0.5, 1));
        head.tune();
        head.score(query).expect("a valid feature")
    };
    let query = &strayed(1, 0.5, 2)[0].2;
    for looks in [1, 3, 7] {
        let by_rule = scores(Shrinkage::ByLooks, looks, query);
        assert_eq!(scores(Shrinkage::LeaveOneOut, looks, query), by_rule, "{looks} looks");
    }
    assert_ne!(scores(Shrinkage::LeaveOneOut, 20, query), scores(Shrinkage::ByLooks, 20, query));
}

#[test]
fn what_was_forgotten_leaves_nothing_in_a_tuned_head() {
    let sample = strayed(20, 0.5, 3);
    let (mut once, mut again) =
        (head(Shrinkage::LeaveOneOut, 24, 2), head(Shrinkage::LeaveOneOut, 24, 2));
    learn(once.as_mut(), &sample);
    learn(again.as_mut(), &sample);
    again.tune();
    for (id, class, feature) in strayed(60, 0.0, 4) {
        again.learn(ExampleId(1000 + id.0), class, &feature).expect("new");
    }
    again.tune();
    for (id, class, feature) in strayed(60, 0.0, 4) {
        let features: &[&[f32]] = &[&feature];
        let (example, group) = (ExampleId(1000 + id.0), GroupId(1000 + id.0));
        again.unlearn(&Lesson { example, group, class, features }).expect("it was learned");
    }
    once.tune();
    again.tune();
    let query = &strayed(1, 0.5, 5)[0].2;
    let wanted: Vec<f64> = once.score(query).expect("valid").into_iter().map(f64::from).collect();
    assert_close(&again.score(query).expect("valid"), &wanted, "after forgetting");
}
