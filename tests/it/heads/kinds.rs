//! The heads, what each promises, and what they are tried on.

use std::panic::{AssertUnwindSafe, catch_unwind};

use fieldtune::learn::head::{
    self, ClassId, ExampleId, FeatureScaling, Head, HeadConfig, HeadKind, Method, Metric,
    Shrinkage, SldaUpdate,
};
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};

pub(super) const DIM: usize = 24;

/// How near two ways to the same examples come.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Agree {
    Bits,
    /// In score, as a share of the largest.
    Within(f32),
    /// The head cannot go that way.
    Never,
}

/// A head and what it promises.
pub(super) struct Kind {
    pub(super) name: &'static str,
    pub(super) method: Method,
    /// Forgetting what was just learned.
    pub(super) undo: Agree,
    /// Learning in another order.
    pub(super) order: Agree,
    pub(super) left_out: bool,
    /// Whether a class can go with its examples.
    pub(super) removes_examples: bool,
}

pub(super) const NEAR: Agree = Agree::Within(1e-4);

pub(super) fn kinds() -> Vec<Kind> {
    let of = |kind| HeadConfig::of(kind).method;
    let kind = |name, method, undo, order, left_out| Kind {
        name,
        method,
        undo,
        order,
        left_out,
        removes_examples: !name.starts_with("slda"),
    };
    let lda = |shrinkage| Method::Lda { shrinkage };
    let slda = |update| Method::Slda { shrinkage: 0.5, update };
    let prototype = |metric| Method::Prototype { metric };
    // Unbalanced ridge, too: balance changes what a class with few examples weighs.
    let plain_ridge = Method::Ridge { lambda: 0.1, balanced: false };
    vec![
        kind("lda", of(HeadKind::Lda), NEAR, NEAR, true),
        kind("lda, shrinkage chosen", lda(Shrinkage::LeaveOneOut), NEAR, NEAR, true),
        kind("ridge", of(HeadKind::Ridge), NEAR, NEAR, true),
        kind("ridge, unbalanced", plain_ridge, NEAR, NEAR, true),
        kind("slda", of(HeadKind::Slda), NEAR, NEAR, false),
        kind("slda as published", slda(SldaUpdate::Published), Agree::Never, Agree::Never, false),
        kind("prototype", prototype(Metric::Euclidean), Agree::Bits, Agree::Bits, true),
        kind("prototype, cosine", prototype(Metric::Cosine), Agree::Bits, Agree::Bits, true),
        kind("knn", of(HeadKind::Knn), Agree::Bits, Agree::Bits, true),
        kind("softmax", of(HeadKind::Softmax), Agree::Bits, Agree::Bits, false),
        kind("mlp", of(HeadKind::Mlp), Agree::Bits, Agree::Bits, false),
    ]
}

/// Runs a behaviour for every kind, and tells of all that lack it.
pub(super) fn every_kind(behaves: impl Fn(&Kind)) {
    let kinds = kinds();
    let tested: Vec<HeadKind> = kinds
        .iter()
        .map(|kind| HeadConfig { method: kind.method, scaling: FeatureScaling::default() }.kind())
        .collect();
    assert!(HeadKind::ALL.iter().all(|kind| tested.contains(kind)), "a kind is not tested");
    // What a panic says is printed by the test's own hook, this says which heads it was about.
    let lacking: Vec<&str> = kinds
        .iter()
        .filter(|kind| catch_unwind(AssertUnwindSafe(|| behaves(kind))).is_err())
        .map(|kind| kind.name)
        .collect();
    assert!(lacking.is_empty(), "not so for: {}", lacking.join("; "));
}

/// An example, owned.
#[derive(Clone)]
pub(super) struct Taught {
    pub(super) id: ExampleId,
    pub(super) class: ClassId,
    pub(super) feature: Vec<f32>,
}

pub(super) fn taught(id: u64, class: u32, feature: &[f32]) -> Taught {
    Taught { id: ExampleId(id), class: ClassId(class), feature: feature.to_vec() }
}

/// Features of a class: its own direction, with noise, around a common mean far from zero.
pub(super) struct Source(ChaCha8Rng);

impl Source {
    pub(super) fn new(seed: u64) -> Self {
        Self(ChaCha8Rng::seed_from_u64(seed))
    }

    /// From -1 to 1.
    pub(super) fn value(&mut self) -> f32 {
        (self.0.next_u32() >> 8) as f32 / (1u32 << 23) as f32 - 1.0
    }

    pub(super) fn feature(&mut self, class: u32) -> Vec<f32> {
        let mut direction = ChaCha8Rng::seed_from_u64(u64::from(class));
        (0..DIM)
            .map(|_| {
                let own = (direction.next_u32() >> 8) as f32 / (1u32 << 24) as f32;
                1.0 + 2.0 * own + 0.4 * self.value()
            })
            .collect()
    }

    /// That many of each class, ids rising from `first`, the classes taking turns.
    pub(super) fn examples(&mut self, first: u64, per_class: u64, classes: u32) -> Vec<Taught> {
        let turns = (0..per_class).flat_map(|_| 0..classes);
        turns.zip(first..).map(|(class, id)| taught(id, class, &self.feature(class))).collect()
    }
}

pub(super) fn config(kind: &Kind) -> HeadConfig {
    let centre = Some((0..DIM).map(|at| 1.8 + 0.01 * at as f32).collect());
    HeadConfig { method: kind.method, scaling: FeatureScaling { centre, unit_length: true } }
}

pub(super) fn empty(kind: &Kind, classes: u32) -> Box<dyn Head> {
    let mut head = head::new(&config(kind), DIM).expect("the settings are valid");
    for class in 0..classes {
        head.add_class(ClassId(class)).expect("new");
    }
    head
}

pub(super) fn learn(head: &mut dyn Head, one: &Taught) {
    head.learn(one.id, one.class, &one.feature).expect("a valid example");
}

pub(super) fn learn_all(head: &mut dyn Head, all: &[Taught]) {
    let all: Vec<_> = all.iter().map(|one| (one.id, one.class, one.feature.as_slice())).collect();
    head.learn_many(&all).expect("valid examples");
}

pub(super) fn with(kind: &Kind, classes: u32, all: &[Taught]) -> Box<dyn Head> {
    let mut head = empty(kind, classes);
    learn_all(head.as_mut(), all);
    head
}

pub(super) fn score(head: &dyn Head, feature: &[f32]) -> Vec<f32> {
    let scores = head.score(feature).expect("a valid feature");
    assert_eq!(scores.len(), head.classes().len());
    assert!(!scores.iter().any(|score| score.is_nan() || *score == f32::INFINITY), "{scores:?}");
    scores
}

pub(super) fn winner(head: &dyn Head, feature: &[f32]) -> ClassId {
    let scores = score(head, feature);
    let best = (0..scores.len()).max_by(|&a, &b| scores[a].total_cmp(&scores[b]));
    head.classes()[best.expect("there are classes")]
}

pub(super) fn queries(classes: u32) -> Vec<Vec<f32>> {
    let mut source = Source::new(99);
    (0..2 * classes).map(|at| source.feature(at % classes)).collect()
}

pub(super) fn all_scores(head: &dyn Head, queries: &[Vec<f32>]) -> Vec<Vec<f32>> {
    queries.iter().map(|query| score(head, query)).collect()
}

/// That scores agree as promised; minus infinity only with itself.
pub(super) fn assert_agree(agree: Agree, got: &[Vec<f32>], wanted: &[Vec<f32>]) {
    assert_eq!(got.len(), wanted.len());
    let finite = |scores: &&f32| scores.is_finite();
    let largest = wanted.iter().flatten().filter(finite).fold(0.0f32, |most, s| most.max(s.abs()));
    for (got, wanted) in got.iter().zip(wanted) {
        assert_eq!(got.len(), wanted.len());
        for (g, w) in got.iter().zip(wanted) {
            let good = match agree {
                Agree::Bits => g.to_bits() == w.to_bits(),
                Agree::Within(share) => g == w || (g - w).abs() <= share * largest,
                Agree::Never => panic!("nothing is promised"),
            };
            assert!(good, "wanted {agree:?}: got {got:?}, wanted {wanted:?}");
        }
    }
}
