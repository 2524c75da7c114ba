//! The paths of the API, made from the list of requests.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use crate::protocol::request::Request;

/// Requests that are part of another one, or that the session of a port does.
const INTERNAL: [&str; 3] = ["Of", "Watch", "UndoTaught"];

/// The names of requests by the last part of their path.
pub(super) static ROUTES: LazyLock<BTreeMap<String, &'static str>> = LazyLock::new(|| {
    let outer = Request::NAMES.iter().filter(|name| !INTERNAL.contains(name));
    outer.map(|name| (path_of(name), *name)).collect()
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
        assert_eq!(ROUTES.len(), Request::NAMES.len() - INTERNAL.len());
        for (path, name) in [
            ("status", "GetStatus"),
            ("examples", "ListExamples"),
            ("recent-picture", "RecentPicture"),
            ("teach", "Teach"),
            ("roll-back", "RollBack"),
        ] {
            assert_eq!(ROUTES.get(path), Some(&name));
        }
    }
}
