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
    SCRIPT "heat.js",
    SCRIPT "setup.js",
    SCRIPT "region.js",
    SCRIPT "policy.js",
    SCRIPT "guide.js",
    SCRIPT "offer.js",
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

    fn file(name: &str) -> &'static str {
        let (_, _, bytes) = FILES.iter().find(|(known, _, _)| *known == name).expect(name);
        std::str::from_utf8(bytes).expect("text")
    }

    /// What a browser fetches before it shows the first view: what is linked and imported, and one language.
    fn first_paint() -> Vec<&'static str> {
        let mut names =
            vec!["index.html", "page.css", "icon.svg", "page.js", "words-en.js", "words-de.js"];
        let mut seen = 3;
        while seen < names.len() {
            for rest in file(names[seen]).split("from \"./").skip(1) {
                let name = rest.split('"').next().expect("an import");
                let (name, ..) = FILES.iter().find(|(known, ..)| *known == name).expect(name);
                if !names.contains(name) {
                    names.push(name);
                }
            }
            seen += 1;
        }
        let shorter = |names: &[&str]| names.iter().map(|name| file(name).len()).min();
        let short = shorter(&["words-en.js", "words-de.js"]);
        names.retain(|name| !name.starts_with("words-") || Some(file(name).len()) != short);
        names
    }

    #[test]
    fn the_first_paint_is_small_and_names_no_other_host() {
        let names = first_paint();
        assert!(names.len() > 10 && names.contains(&"live.js"), "{names:?}");
        let bytes: usize = names.iter().map(|name| file(name).len()).sum();
        assert!(bytes < 100 << 10, "{bytes}");
        for (name, ..) in FILES {
            let text = file(name).replace("http://www.w3.org/2000/svg", "");
            assert!(!text.contains("http://") && !text.contains("https://"), "{name}");
            assert!(!text.contains("innerHTML") && !text.contains("eval("), "{name}");
        }
    }

    #[test]
    fn both_languages_have_the_same_texts() {
        let keys = |name: &str| -> Vec<String> {
            let text = file(name);
            let key = |line: &str| line.trim().split_once(": ").map(|(key, _)| key.to_owned());
            text.lines().filter(|line| line.starts_with("  ")).filter_map(key).collect()
        };
        let (english, german) = (keys("words-en.js"), keys("words-de.js"));
        assert!(english.len() > 40, "{english:?}");
        assert_eq!(english, german);
    }
}
