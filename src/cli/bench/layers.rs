//! Where the time of the backbone goes, layer by layer, and the backbone beside the runtime alone.

use std::fmt::Write as _;
use std::time::Instant;

use ndarray::Array4;
use serde_json::{Value, json};

use super::{Quantiles, milliseconds};
use crate::backbone::{Backbone, BackboneSpec, Exercise, Layer, OnnxFiles, Vectors};
use crate::protocol::people::counted;

/// Frames before the first that is timed.
const WARM_UP: u32 = 5;

/// Runs of the exercise that measures the machine's peak.
const EXERCISES: u32 = 200;

/// What a frame of the backbone consists of.
pub(super) struct Layers {
    model: String,
    vectors: Vectors,
    frames: u32,
    /// Milliseconds of the whole frame.
    frame: Quantiles,
    /// Medians, in milliseconds.
    layers: Vec<(Layer, f64)>,
    /// Multiply-accumulates a millisecond that the machine can do.
    peak: Option<f64>,
}

/// Values spread evenly over -1 to 1, in no order that a network would know.
fn pattern(spec: &BackboneSpec) -> Array4<f32> {
    let mut index = 0_usize;
    Array4::from_shape_simple_fn(spec.input.shape(), || {
        index += 1;
        (index * 7919 % 256) as f32 / 127.5 - 1.0
    })
}

pub(super) fn measure(
    onnx: &OnnxFiles,
    name: &str,
    spec: &BackboneSpec,
    frames: u32,
) -> anyhow::Result<Layers> {
    let mut backbone = Backbone::load(onnx, name, spec)?;
    let input = pattern(spec);
    let mut known: Vec<Layer> = Vec::new();
    backbone.extract_in_steps(input.view(), &mut |layer| known.push(layer()))?;
    let mut times = vec![Vec::with_capacity(frames as usize); known.len()];
    let mut totals = Vec::new();
    for count in 0..WARM_UP + frames {
        let begun = Instant::now();
        let (mut last, mut number) = (begun, 0);
        backbone.extract_in_steps(input.view(), &mut |_| {
            let now = Instant::now();
            if count >= WARM_UP {
                times[number].push((now - last).as_secs_f64() * 1e3);
            }
            (last, number) = (now, number + 1);
        })?;
        if count >= WARM_UP {
            totals.push(milliseconds(begun));
        }
    }
    let medians = times.iter().map(|times| Quantiles::of(times).p50);
    let peak = Exercise::new(backbone.vectors()).map(peak);
    Ok(Layers {
        model: name.to_owned(),
        vectors: backbone.vectors(),
        frames,
        frame: Quantiles::of(&totals),
        layers: known.into_iter().zip(medians).collect(),
        peak,
    })
}

/// The fastest of many, since other programs only make it slower.
fn peak(mut exercise: Exercise) -> f64 {
    let mut least = f64::INFINITY;
    for _ in 0..EXERCISES {
        let begun = Instant::now();
        exercise.run();
        least = least.min(milliseconds(begun));
    }
    exercise.work() as f64 / least
}

impl Layers {
    /// What no layer's time covers: checking the input, pooling the taps.
    fn other(&self) -> f64 {
        (self.frame.p50 - self.layers.iter().map(|(_, time)| time).sum::<f64>()).max(0.0)
    }

    /// Part of the machine's peak.
    fn of_peak(&self, work: usize, time: f64) -> Option<f64> {
        let peak = self.peak.filter(|_| work > 0 && time > 0.0)?;
        Some(work as f64 / time / peak)
    }

    pub(super) fn json(&self) -> Value {
        let layers = self.layers.iter().map(|(layer, time)| {
            json!({
                "layer": layer.name, "kind": layer.kind, "shape": layer.shape,
                "multiply_accumulates": layer.work, "p50": time,
                "share_of_peak": self.of_peak(layer.work, *time),
            })
        });
        json!({
            "model": self.model, "simd": self.vectors.name(), "frames": self.frames,
            "frame_ms": self.frame.json(), "layers_ms": layers.collect::<Vec<_>>(),
            "other_ms": self.other(), "peak_multiply_accumulates_per_ms": self.peak,
        })
    }

    pub(super) fn text(&self) -> String {
        let mut out = format!(
            "{}: {} frames, {}, vectors {}, ms; p50 of each layer\n{:>8} {:>6} {:>7} {:>7}  {:<12} {:<18} layer\n",
            self.model,
            self.frames,
            counted(self.vectors.threads(), "thread", "threads"),
            self.vectors.name(),
            "ms",
            "share",
            "M mac",
            "of peak",
            "kind",
            "shape"
        );
        let share = |time: f64| format!("{:.1} %", 100.0 * time / self.frame.p50);
        for (layer, time) in &self.layers {
            let of_peak = self.of_peak(layer.work, *time);
            let of_peak = of_peak.map_or_else(String::new, |part| format!("{:.0} %", part * 100.0));
            let work = if layer.work > 0 {
                format!("{:.2}", layer.work as f64 / 1e6)
            } else {
                String::new()
            };
            let shape = format!("{:?}", layer.shape);
            let _ = writeln!(
                out,
                "{time:>8.3} {:>6} {work:>7} {of_peak:>7}  {:<12} {shape:<18} {}",
                share(*time),
                layer.kind,
                layer.name
            );
        }
        let _ = writeln!(out, "{:>8.3} {:>6} {:>15}  other", self.other(), share(self.other()), "");
        let work: usize = self.layers.iter().map(|(layer, _)| layer.work).sum();
        let of_peak = self.of_peak(work, self.frame.p50).unwrap_or_default() * 100.0;
        let _ = writeln!(
            out,
            "{:>8.3} 100.0 % {:>7.2} {of_peak:>5.0} %  a frame (p95 {:.3})",
            self.frame.p50,
            work as f64 / 1e6,
            self.frame.p95
        );
        out
    }
}

/// The backbone, and the same with everything left to the runtime, in turns.
pub(super) struct Comparison {
    model: String,
    vectors: Vectors,
    frames: u32,
    own: Quantiles,
    runtime: Quantiles,
    /// The largest difference of a value, as a part of the largest value.
    difference: f32,
}

pub(super) fn compare(
    onnx: &OnnxFiles,
    name: &str,
    spec: &BackboneSpec,
    frames: u32,
) -> anyhow::Result<Comparison> {
    let vectors = Vectors::chosen();
    let mut own = Backbone::load(onnx, name, spec)?;
    let mut runtime = Backbone::load_with(onnx, name, spec, Vectors::off())?;
    let input = pattern(spec);
    let (mut times, mut others) = (Vec::new(), Vec::new());
    let mut difference = 0.0_f32;
    for count in 0..WARM_UP + frames {
        let begun = Instant::now();
        let feature = own.extract(input.view())?;
        let time = milliseconds(begun);
        let begun = Instant::now();
        let wanted = runtime.extract(input.view())?;
        if count >= WARM_UP {
            times.push(time);
            others.push(milliseconds(begun));
        }
        let largest = wanted.iter().fold(f32::MIN_POSITIVE, |most, value| most.max(value.abs()));
        let apart = feature.iter().zip(&wanted).map(|(a, b)| (a - b).abs() / largest);
        difference = apart.fold(difference, f32::max);
    }
    Ok(Comparison {
        model: name.to_owned(),
        vectors,
        frames,
        own: Quantiles::of(&times),
        runtime: Quantiles::of(&others),
        difference,
    })
}

impl Comparison {
    pub(super) fn json(&self) -> Value {
        json!({
            "model": self.model, "simd": self.vectors.name(), "frames": self.frames,
            "frame_ms": self.own.json(), "tract_ms": self.runtime.json(),
            "ratio": self.own.p50 / self.runtime.p50, "difference": self.difference,
        })
    }

    pub(super) fn text(&self) -> String {
        format!(
            "{}: {} frames each, in turns, ms\n{:<10} {:>9} {:>9} {:>9}\n{:<10} {}\n{:<10} {}\nratio of p50 {:.3}; largest difference of the feature {:.1e} of its largest value\n",
            self.model,
            self.frames,
            "",
            "p50",
            "p95",
            "max",
            self.vectors.name(),
            self.own,
            "tract",
            self.runtime,
            self.own.p50 / self.runtime.p50,
            self.difference
        )
    }
}
