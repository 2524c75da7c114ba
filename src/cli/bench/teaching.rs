//! What teaching and forgetting one example costs.

use std::cell::RefCell;
use std::fmt::Write as _;
use std::rc::Rc;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::synthetic::Features;
use super::{Quantiles, milliseconds};
use crate::backbone::{ExtractError, FeatureSource};
use crate::cli::Context;
use crate::image::frame::{Frame, Timestamp};
use crate::learn::command::{Command, ForgetExamples, NewExample, TeachExamples};
use crate::learn::engine::Engine;
use crate::learn::examples::Example;
use crate::learn::head::{self, ClassId, ExampleId, HeadConfig, HeadKind};
use crate::learn::learner::{Change, ClassName, Learner};

/// Gives a feature that is there already, so that an engine can be timed without its backbone.
#[derive(Debug)]
pub(super) struct Ready {
    feature: Rc<RefCell<Vec<f32>>>,
}

impl Ready {
    pub(super) fn of(dim: usize) -> Self {
        Self { feature: Rc::new(RefCell::new(vec![0.0; dim])) }
    }

    /// The feature it gives; another may be put there.
    pub(super) fn at_hand(&self) -> Rc<RefCell<Vec<f32>>> {
        Rc::clone(&self.feature)
    }
}

impl FeatureSource for Ready {
    fn dim(&self) -> usize {
        self.feature.borrow().len()
    }

    fn feature(&mut self, _: &Frame) -> Result<Vec<f32>, ExtractError> {
        Ok(self.feature.borrow().clone())
    }
}

/// Times each point is measured, within a time that lets slow heads finish.
const TRIES: std::ops::RangeInclusive<usize> = 5..=100;
const LONGEST: Duration = Duration::from_secs(3);

/// Milliseconds at one number of examples and classes.
pub(super) struct Teaching {
    head: HeadKind,
    examples: usize,
    classes: usize,
    tries: usize,
    /// The commands.
    teach: Quantiles,
    forget: Quantiles,
    /// The first verdict after teaching: what a head puts off until it is asked shows here.
    classify: Quantiles,
    /// The head alone.
    learn: Quantiles,
    unlearn: Quantiles,
}

/// A learner with `examples` examples, as many of each class, and where more come from.
pub(super) fn taught(
    dim: usize,
    kind: HeadKind,
    examples: usize,
    classes: usize,
) -> anyhow::Result<(Learner, Features)> {
    let mut features = Features::new(dim, classes, 1);
    let mut learner = Learner::new(dim, HeadConfig::of(kind), usize::MAX)?;
    let class = |class| Ok(Change::AddClass(ClassId(class), ClassName::new(&name(class))?));
    let mut changes = (0..classes as u32)
        .map(class)
        .collect::<Result<Vec<_>, crate::learn::learner::LearnError>>()?;
    changes.extend((1..=examples as u64).map(|id| Change::AddExample(features.example(id))));
    learner.change(changes)?;
    Ok((learner, features))
}

fn name(class: u32) -> String {
    format!("class{class}")
}

/// Every head at every number of examples and of classes, as far as each class has an example.
pub(super) fn measure(
    dim: usize,
    heads: &[HeadKind],
    examples: &[u32],
    classes: &[u32],
    context: &Context,
) -> anyhow::Result<Vec<Teaching>> {
    let mut points = Vec::new();
    for &head in heads {
        for &examples in examples {
            let fitting = classes.iter().filter(|&&classes| classes <= examples);
            points.extend(fitting.map(|&classes| (head, examples as usize, classes as usize)));
        }
    }
    let bar = context.bar(points.len() as u64, "teaching");
    let mut measured = Vec::with_capacity(points.len());
    for (head, examples, classes) in points {
        let [teach, forget, classify] = commands(dim, head, examples, classes)?;
        let (learn, unlearn) = alone(dim, head, examples, classes)?;
        measured.push(Teaching {
            head,
            examples,
            classes,
            tries: teach.len().min(learn.len()),
            teach: Quantiles::of(&teach),
            forget: Quantiles::of(&forget),
            classify: Quantiles::of(&classify),
            learn: Quantiles::of(&learn),
            unlearn: Quantiles::of(&unlearn),
        });
        bar.inc(1);
    }
    bar.finish_and_clear();
    Ok(measured)
}

/// Whether to measure once more.
fn more(done: usize, begun: Instant) -> bool {
    done < *TRIES.start() || (done < *TRIES.end() && begun.elapsed() < LONGEST)
}

/// Teaches one example, classifies, and forgets another example, again and again, through the engine.
///
/// * returns milliseconds of teaching, forgetting, classifying.
fn commands(
    dim: usize,
    kind: HeadKind,
    examples: usize,
    classes: usize,
) -> anyhow::Result<[Vec<f64>; 3]> {
    let (learner, mut features) = taught(dim, kind, examples, classes)?;
    let mut engine = Engine::new(Ready::of(dim), learner)?;
    let mut ids: Vec<ExampleId> = engine.learner().examples().iter().map(|one| one.id).collect();
    let [mut teach, mut forget, mut classify] = [const { Vec::new() }; 3];
    let begun = Instant::now();
    while more(teach.len(), begun) {
        let class = features.pick(classes);
        let new_example = NewExample::new(features.next(class), "bench");
        let command = Command::Teach(TeachExamples {
            class: name(class as u32),
            examples: vec![new_example],
        });
        let (_, ExampleId(id)) = engine.learner().next_ids();
        let start = Instant::now();
        engine.apply(command, Timestamp::default())?;
        teach.push(milliseconds(start));
        let feature = features.next(class);
        let start = Instant::now();
        std::hint::black_box(engine.learner().classify(&feature)?);
        classify.push(milliseconds(start));
        let gone = features.pick(ids.len());
        let gone = std::mem::replace(&mut ids[gone], ExampleId(id));
        let command = Command::Forget(ForgetExamples::Examples(vec![gone]));
        let start = Instant::now();
        engine.apply(command, Timestamp::default())?;
        forget.push(milliseconds(start));
    }
    Ok([teach, forget, classify])
}

/// The same, the head alone.
fn alone(
    dim: usize,
    kind: HeadKind,
    examples: usize,
    classes: usize,
) -> anyhow::Result<(Vec<f64>, Vec<f64>)> {
    let mut features = Features::new(dim, classes, 1);
    let mut head = head::new(&HeadConfig::of(kind), dim)?;
    (0..classes as u32).try_for_each(|class| head.add_class(ClassId(class)))?;
    let mut known: Vec<Known> =
        (1..=examples as u64).map(|id| features.example(id).into()).collect();
    let all: Vec<_> = known.iter().map(|one| (one.id, one.class, one.feature.as_slice())).collect();
    head.learn_many(&all)?;
    let (mut learn, mut unlearn) = (Vec::new(), Vec::new());
    let begun = Instant::now();
    for id in examples as u64 + 1.. {
        if !more(learn.len(), begun) {
            break;
        }
        let new: Known = features.example(id).into();
        let start = Instant::now();
        head.learn(new.id, new.class, &new.feature)?;
        learn.push(milliseconds(start));
        let gone = features.pick(known.len());
        let gone = std::mem::replace(&mut known[gone], new);
        let start = Instant::now();
        head.forget(gone.id, gone.class, &gone.feature)?;
        unlearn.push(milliseconds(start));
    }
    Ok((learn, unlearn))
}

struct Known {
    id: ExampleId,
    class: ClassId,
    feature: Vec<f32>,
}

impl From<Example> for Known {
    fn from(example: Example) -> Self {
        Self { id: example.id, class: example.class, feature: example.widened() }
    }
}

impl Teaching {
    pub(super) fn json(&self) -> Value {
        json!({
            "head": self.head.name(), "examples": self.examples, "classes": self.classes,
            "tries": self.tries, "teach": self.teach.json(), "forget": self.forget.json(),
            "classify": self.classify.json(), "learn": self.learn.json(), "unlearn": self.unlearn.json(),
        })
    }
}

/// Medians and maxima; JSON has the rest.
pub(super) fn table(rows: &[Teaching]) -> String {
    let mut out =
        String::from("One example, ms: commands without the backbone, and the head alone\n");
    let _ = write!(out, "{:<10} {:>5} {:>7}", "", "", "");
    for name in ["teach", "classify then", "forget", "learn (head)", "unlearn (head)"] {
        let _ = write!(out, "  {name:>19}");
    }
    let _ = write!(out, "\n{:<10} {:>5} {:>7}", "head", "n", "classes");
    out.push_str(&format!("  {:>9} {:>9}", "p50", "max").repeat(5));
    out.push('\n');
    for row in rows {
        let _ = write!(out, "{:<10} {:>5} {:>7}", row.head.name(), row.examples, row.classes);
        for Quantiles { p50, max, .. } in
            [row.teach, row.classify, row.forget, row.learn, row.unlearn]
        {
            let _ = write!(out, "  {p50:>9.3} {max:>9.3}");
        }
        out.push('\n');
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn measuring_repeats_a_few_times_at_least() {
        let now = Instant::now();
        let long_ago = now.checked_sub(LONGEST).expect("the machine has run for some seconds");
        assert!(more(0, now) && more(99, now) && !more(100, now));
        assert!(more(4, long_ago) && !more(5, long_ago));
    }
}
