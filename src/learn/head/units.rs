//! What is left out together: the rows of one group within one class.

use std::collections::BTreeMap;

use super::GroupId;

/// Rows of one group, all of one class.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Unit {
    pub(super) group: GroupId,
    /// Place of the class.
    pub(super) class: usize,
    /// Indices of its rows, rising.
    pub(super) rows: Vec<usize>,
}

/// At most `most` units, in turns of one of each class. Which they are depends on the groups alone, not on the order
/// of the rows.
///
/// * `rows`: of every row its group and the place of its class.
pub(super) fn units(rows: impl Iterator<Item = (GroupId, usize)>, most: usize) -> Vec<Unit> {
    let mut by_class: BTreeMap<usize, BTreeMap<GroupId, Vec<usize>>> = BTreeMap::new();
    for (index, (group, class)) in rows.enumerate() {
        by_class.entry(class).or_default().entry(group).or_default().push(index);
    }
    let mut all = Vec::new();
    for (class, groups) in by_class {
        let mut groups: Vec<_> = groups.into_iter().collect();
        groups.sort_by_key(|(group, _)| (spread(group.0), *group));
        let units = groups.into_iter().map(|(group, rows)| Unit { group, class, rows });
        all.extend(units.enumerate());
    }
    if all.len() > most {
        // Stable: of equal turns the classes stand in their order.
        all.sort_by_key(|(turn, _)| *turn);
        all.truncate(most);
    }
    all.into_iter().map(|(_, unit)| unit).collect()
}

/// Ids that follow each other come to lie far apart (Fibonacci hashing).
fn spread(id: u64) -> u64 {
    id.wrapping_mul(0x9E37_79B9_7F4A_7C15)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rare_classes_are_left_out_whole_under_a_limit() {
        let rows = (0..40u64).map(|id| (GroupId(id / 2), usize::from(id >= 36)));
        let some = units(rows.clone(), 6);
        assert_eq!(some.iter().filter(|unit| unit.class == 1).count(), 2);
        assert_eq!(some.iter().filter(|unit| unit.class == 0).count(), 4);
        assert!(some.iter().all(|unit| unit.rows.len() == 2));
        assert_eq!(units(rows, usize::MAX).len(), 20);
    }
}
