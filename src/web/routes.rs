//! The paths of the API, made from the list of requests.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use crate::protocol::request::{Operation, Request};

/// The names of requests, and how each is asked for, by the last part of its path.
pub(super) static ROUTES: LazyLock<BTreeMap<String, (&str, Operation)>> = LazyLock::new(|| {
    let requests = Request::NAMES.iter().zip(Request::OPERATIONS);
    requests.filter_map(|(name, operation)| Some((path_of(name), (*name, (*operation)?)))).collect()
});

/// `RecentPicture` is `recent-picture`; `GetStatus` is `status`, `ListExamples` is `examples`.
fn path_of(name: &str) -> String {
    let verbs = ["Get", "List"];
    let bare = verbs.iter().find_map(|verb| name.strip_prefix(verb)).unwrap_or(name);
    let mut path = String::new();
    for letter in bare.chars() {
        if letter.is_uppercase() && !path.is_empty() {
            path.push('-');
        }
        path.extend(letter.to_lowercase());
    }
    path
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_request_has_a_path_of_its_own() {
        let operations = Request::OPERATIONS.iter().flatten().count();
        assert_eq!(ROUTES.len(), operations);
        assert_eq!(operations, Request::NAMES.len() - 3, "all but Of, Watch and UndoTaught");
        for (path, name) in [
            ("status", "GetStatus"),
            ("examples", "ListExamples"),
            ("recent-picture", "RecentPicture"),
            ("teach", "Teach"),
            ("roll-back", "RollBack"),
        ] {
            assert_eq!(ROUTES[path].0, name);
        }
    }
}
