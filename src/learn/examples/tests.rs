use super::*;
use crate::image::frame::Timestamp;

fn example(id: u64, class: u32, feature: &[f32]) -> Example {
    Example {
        id: ExampleId(id),
        class: ClassId(class),
        group: GroupId(id),
        taught: Timestamp(id),
        origin: String::new(),
        feature: narrowed(feature),
        views: Vec::new(),
        image: None,
        patches: None,
        described: false,
    }
}

#[test]
fn the_fullest_class_gives_up_its_most_redundant_example() {
    let one = example(0, 0, &[1.0, 0.0]).bytes();
    let mut examples = Examples::new(5 * one);
    examples.insert(example(1, 0, &[1.0, 0.0]));
    examples.insert(example(2, 0, &[0.0, 1.0]));
    examples.insert(example(3, 0, &[0.1, 1.0]));
    examples.insert(example(4, 1, &[1.0, 1.0]));
    assert_eq!(examples.to_evict(ClassId(1), one), None);
    examples.insert(example(5, 1, &[1.0, 1.0]));
    // Class 0 has three; 2 and 3 are nearest to each other, 2 is the older.
    assert_eq!(examples.to_evict(ClassId(0), one), Some(ExampleId(2)));
    // Class 1 would have three as well; the lower id decides, so class 0 still gives.
    assert_eq!(examples.to_evict(ClassId(1), one), Some(ExampleId(2)));
}

#[test]
fn a_burst_makes_room_before_looks_at_other_parts() {
    let mut examples = Examples::new(0);
    let burst = |id, feature: &[f32]| Example { group: GroupId(3), ..example(id, 0, feature) };
    // 1 and 2 are the nearest, and looks at two parts; 3, 4 and 5 are one look.
    examples.insert(example(1, 0, &[1.0, 0.0]));
    examples.insert(example(2, 0, &[1.0, 0.001]));
    examples.insert(burst(3, &[0.0, 1.0]));
    examples.insert(burst(4, &[0.1, 1.0]));
    examples.insert(burst(5, &[0.3, 1.0]));
    let mut gone = Vec::new();
    while let Some(id) = examples.to_evict(ClassId(0), 1) {
        examples.remove(id);
        gone.push(id.0);
    }
    assert_eq!(gone, [3, 4, 1, 2]);
}

#[test]
fn the_number_of_examples_is_bounded_whatever_the_budget() {
    let mut examples = Examples { most: 3, ..Examples::new(usize::MAX >> 1) };
    for id in 1..=3 {
        assert_eq!(examples.to_evict(ClassId(0), 1), None);
        examples.insert(example(id, 0, &[1.0, id as f32]));
    }
    assert!(examples.is_full() && examples.to_evict(ClassId(1), 1).is_some());
    assert_eq!(Examples::new(0).most, MAX_EXAMPLES);
}

#[test]
fn the_last_example_of_a_class_is_never_evicted() {
    let one = example(0, 0, &[1.0]).bytes();
    let mut examples = Examples::new(one);
    examples.insert(example(1, 0, &[1.0]));
    assert_eq!(examples.to_evict(ClassId(1), one), None);
}

#[test]
fn neighbours_follow_insertions_and_removals() {
    let mut examples = Examples::new(0);
    examples.insert(example(1, 0, &[1.0, 0.0]));
    examples.insert(example(2, 0, &[1.0, 0.1]));
    examples.insert(example(3, 0, &[0.0, 1.0]));
    assert_eq!(examples.to_evict(ClassId(0), 1), Some(ExampleId(1)));
    examples.insert(example(4, 1, &[1.0, 0.05]));
    examples.insert(example(5, 0, &[0.05, 1.0]));
    // 3 and 5 are nearer to each other than 1 and 2.
    assert_eq!(examples.to_evict(ClassId(0), 1), Some(ExampleId(3)));
    examples.remove(ExampleId(5));
    assert_eq!(examples.to_evict(ClassId(0), 1), Some(ExampleId(1)));
    examples.remove(ExampleId(2));
    let nearest = examples.nearest(&[5.0, 0.2]).expect("three are left");
    assert_eq!((nearest.example, nearest.class), (ExampleId(4), ClassId(1)));
}

#[test]
fn bytes_are_those_of_what_is_kept() {
    let mut examples = Examples::new(Examples::DEFAULT_BUDGET);
    let first = example(1, 0, &[1.0; 10]);
    let bytes = first.bytes();
    examples.insert(first.clone());
    examples.insert(first);
    assert_eq!((examples.len(), examples.bytes()), (1, bytes));
    examples.remove(ExampleId(1));
    assert_eq!(examples.bytes(), 0);
}

#[test]
fn narrowing_saturates_and_never_makes_infinities() {
    assert!(narrowed(&[1e9, -1e9, 0.5]).iter().all(|value| value.is_finite()));
}
