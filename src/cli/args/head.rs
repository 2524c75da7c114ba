//! `--head` where several may be named.

use clap::ValueEnum;
use clap::builder::PossibleValue;

use crate::learn::head::HeadKind;

/// A kind of head, or all of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::cli) enum HeadChoice {
    One(HeadKind),
    All,
}

impl ValueEnum for HeadChoice {
    fn value_variants<'a>() -> &'a [Self] {
        const EVERY: [HeadChoice; HeadKind::ALL.len() + 1] = {
            let mut every = [HeadChoice::All; HeadKind::ALL.len() + 1];
            let mut place = 0;
            while place < HeadKind::ALL.len() {
                every[place] = HeadChoice::One(HeadKind::ALL[place]);
                place += 1;
            }
            every
        };
        &EVERY
    }

    fn to_possible_value(&self) -> Option<PossibleValue> {
        match self {
            HeadChoice::One(kind) => kind.to_possible_value(),
            HeadChoice::All => Some(PossibleValue::new("all").help("Every kind")),
        }
    }
}

/// The kinds that were chosen, each once, in the order they were named.
pub(in crate::cli) fn kinds(choices: &[HeadChoice]) -> Vec<HeadKind> {
    let mut kinds = Vec::new();
    let named = choices.iter().flat_map(|choice| match choice {
        HeadChoice::One(kind) => std::slice::from_ref(kind),
        HeadChoice::All => &HeadKind::ALL,
    });
    for kind in named {
        if !kinds.contains(kind) {
            kinds.push(*kind);
        }
    }
    kinds
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn heads_are_named_once_each_in_the_order_given() {
        let read = |text: &str| {
            let choice = |name: &str| HeadChoice::from_str(name, false).expect("a head's name");
            kinds(&text.split(',').map(choice).collect::<Vec<_>>())
        };
        assert_eq!(read("knn,lda,knn"), [HeadKind::Knn, HeadKind::Lda]);
        assert_eq!(read("all"), HeadKind::ALL);
        assert_eq!(read("mlp,all")[..2], [HeadKind::Mlp, HeadKind::Lda]);
        assert!(HeadChoice::from_str("svm", false).is_err());
    }
}
