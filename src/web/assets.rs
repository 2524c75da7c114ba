//! The files of the page, part of the program.

use axum::extract::Path;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse as _, Response};

const HTML: &str = "text/html; charset=utf-8";
const CSS: &str = "text/css; charset=utf-8";
const SCRIPT: &str = "text/javascript; charset=utf-8";
const SVG: &str = "image/svg+xml";

macro_rules! files {
    ($($kind:ident $name:literal),+ $(,)?) => {
        /// Name, kind, content.
        const FILES: &[(&str, &str, &[u8])] =
            &[$(($name, $kind, include_bytes!(concat!("assets/", $name)))),+];
    };
}

files![
    HTML "index.html",
    CSS "page.css",
    SVG "icon.svg",
    SCRIPT "page.js",
    SCRIPT "api.js",
    SCRIPT "dom.js",
    SCRIPT "live.js",
    SCRIPT "teach.js",
    SCRIPT "operator.js",
    SCRIPT "inbox.js",
    SCRIPT "examples.js",
    SCRIPT "confusion.js",
    SCRIPT "setup.js",
    SCRIPT "words.js",
    SCRIPT "words-en.js",
    SCRIPT "words-de.js",
];

/// The page itself.
pub(super) async fn page() -> Response {
    file("index.html")
}

/// One of its files.
pub(super) async fn asset(Path(name): Path<String>) -> Response {
    file(&name)
}

fn file(name: &str) -> Response {
    match FILES.iter().find(|(known, _, _)| *known == name) {
        // Another version of the program has other files under the same names.
        Some((_, kind, bytes)) => {
            let headers = [(header::CONTENT_TYPE, *kind), (header::CACHE_CONTROL, "no-cache")];
            (headers, *bytes).into_response()
        }
        None => StatusCode::NOT_FOUND.into_response(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_paint_is_small_and_names_no_other_host() {
        let bytes: usize = FILES.iter().map(|(_, _, bytes)| bytes.len()).sum();
        assert!(bytes < 100 << 10, "{bytes}");
        for (name, _, bytes) in FILES {
            let text = std::str::from_utf8(bytes).expect("text");
            let text = text.replace("http://www.w3.org/2000/svg", "");
            assert!(!text.contains("http://") && !text.contains("https://"), "{name}");
            assert!(!text.contains("innerHTML") && !text.contains("eval("), "{name}");
        }
    }

    #[test]
    fn both_languages_have_the_same_texts() {
        let keys = |name: &str| -> Vec<String> {
            let (_, _, bytes) = FILES.iter().find(|(known, _, _)| *known == name).expect(name);
            let text = std::str::from_utf8(bytes).expect("text");
            let key = |line: &str| line.trim().split_once(": ").map(|(key, _)| key.to_owned());
            text.lines().filter(|line| line.starts_with("  ")).filter_map(key).collect()
        };
        let (english, german) = (keys("words-en.js"), keys("words-de.js"));
        assert!(english.len() > 40, "{english:?}");
        assert_eq!(english, german);
    }
}
