//! Steps as people see them.

use super::layer::Layer;
use super::program::{Kind, Step};
use fieldtune_kernels::conv::Conv;
use fieldtune_kernels::depthwise::Depthwise;
use fieldtune_kernels::winograd::Winograd;

impl Step {
    pub(super) fn layer(&self) -> Layer {
        let pixels = self.map.pixels();
        let (kind, work) = match &self.kind {
            Kind::ToBlocks => ("to blocks", 0),
            Kind::Point(conv) | Kind::Gated(conv) | Kind::Stepped { conv, .. } => {
                ("1x1", conv.iter().map(|conv| conv.work(pixels)).sum())
            }
            Kind::Dense { conv, .. } => {
                let is_first = conv.first().is_some_and(|conv| conv.planar);
                let kind = if is_first { "first" } else { "dense" };
                (kind, conv.iter().map(|conv| conv.work(pixels)).sum())
            }
            Kind::Winograd(conv) => ("winograd", conv.iter().map(Winograd::work).sum()),
            Kind::Depthwise(all) => {
                ("depthwise", all.iter().map(|weights| weights.work(pixels)).sum())
            }
            Kind::Expanded { both, .. } => {
                let before = self.from.pixels();
                let work = |(expand, depthwise): &(Conv, Depthwise)| {
                    expand.work(before) + depthwise.work(pixels)
                };
                ("1x1, depthwise", both.iter().map(work).sum())
            }
            Kind::Pad { .. } => ("pad", 0),
            Kind::Pool(..) => ("pool", 0),
            Kind::Sum(_) => ("global pool", 0),
            Kind::Plus(_) => ("add", 0),
            Kind::Times(_) | Kind::Scaled(_) => ("multiply", 0),
            Kind::Affine(..) | Kind::Alone(_) => ("activation", 0),
            Kind::Concat(_) => ("concat", 0),
            Kind::FromRows => ("to blocks", 0),
            Kind::Norm(_) => ("normalise", 0),
            Kind::Attention(attention, heads) => ("attention", heads.count * attention.work()),
        };
        let [height, width] = self.map.size;
        let shape = vec![1, self.map.channels, height, width];
        Layer { name: self.name.clone(), kind: kind.to_owned(), shape, work }
    }
}
