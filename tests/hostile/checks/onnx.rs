//! Networks: read, looked at and made ready to run, or refused.

use fieldtune::backbone::preprocess::{ChannelOrder, Fit, InputSpec, Layout, Norm};
use fieldtune::backbone::{Backbone, BackboneSpec, ClassifierLayers, Graph};
use fieldtune::protocol::console::harmless;

use super::assert_harmless;

/// * `data`: a file.
pub fn check(data: &[u8]) {
    match ClassifierLayers::parse(data, "network") {
        Ok(head) => assert!(!head.layers.is_empty()),
        Err(error) => refused(&error.to_string()),
    }
    match Graph::parse(data, "network") {
        Ok(graph) => looked_at(&graph),
        Err(error) => refused(&error.to_string()),
    }
}

fn looked_at(graph: &Graph) {
    if let Err(error) = graph.input() {
        return refused(&error.to_string());
    }
    let _ = graph.parameters();
    let feature = graph.detect().tensor;
    match graph.clone().cut(&[feature]) {
        Ok(cut) => assert!(cut.input().is_err() || cut.parameters() < u64::MAX),
        Err(error) => return refused(&error.to_string()),
    }
    // The runtime is not made for strangers' files: one layer's axis makes it count to 2^64, see docs/access-and-security.md.
    if std::env::var_os("FIELDTUNE_FUZZ_RUNTIME").is_some() {
        made_ready(graph);
    }
}

/// What the runtime does with it, too.
fn made_ready(graph: &Graph) {
    let declared = graph.input().expect("it was asked for before");
    let (width, height) = declared.size().unwrap_or((32, 32));
    if width.max(height) > 64 {
        return;
    }
    let (mean, scale) = Norm::Tf.mean_scale();
    let (layout, order, fit) = (declared.layout, ChannelOrder::Rgb, Fit::Whole);
    let input = InputSpec { width, height, layout, order, mean, scale, fit, any_size: false };
    match graph.survey(&input) {
        Ok(survey) => assert!(survey.candidates.iter().all(|c| !c.tensor.is_empty())),
        Err(error) => return refused(&error.to_string()),
    }
    let mut backbone =
        match Backbone::from_graph(graph.clone(), &BackboneSpec { input, taps: vec![] }) {
            Ok(backbone) => backbone,
            Err(error) => return refused(&error.to_string()),
        };
    let (width, height) = (width as usize, height as usize);
    let axes = match layout {
        Layout::Nchw => (1, 3, height, width),
        Layout::Nhwc => (1, height, width, 3),
    };
    match backbone.extract(ndarray::Array4::zeros(axes).view()) {
        Ok(feature) => assert_eq!(feature.len(), backbone.dim()),
        Err(error) => refused(&error.to_string()),
    }
}

fn refused(error: &str) {
    assert!(error.starts_with("network: "), "{error}");
    assert_harmless(&harmless(error));
}
