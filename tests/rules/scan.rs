//! Rust sources, read only as far as the rules need: what is code, which modules and crates it names.

use std::collections::BTreeSet;

/// A source file.
pub struct Source {
    /// From the root of the repository, with slashes.
    pub path: String,
    pub text: String,
}

impl Source {
    pub fn new(path: &str, text: &str) -> Self {
        Self { path: path.to_owned(), text: text.to_owned() }
    }

    /// The path below `src`, without `.rs`.
    fn inside(&self) -> &str {
        let inside = self.path.strip_prefix("src/").unwrap_or(&self.path);
        inside.strip_suffix(".rs").unwrap_or(inside)
    }

    /// What a folder's module is called that this file is or lies in: `lda` in `learn/head` for `src/learn/head/lda/x.rs`;
    /// `None` for what lies elsewhere and for the folder's own file.
    pub fn module_in(&self, folder: &str) -> Option<&str> {
        let rest = self.inside().strip_prefix(folder)?.strip_prefix('/')?;
        rest.split('/').next().filter(|&name| name != "mod")
    }

    /// The first folder: `learn` for everything in `src/learn/`; the name of a file that is in none.
    pub fn room(&self) -> &str {
        self.inside().split('/').next().unwrap_or_default()
    }

    /// `head` for `src/learn/head.rs` and for everything in `src/learn/head/`; `None` for the room's own file.
    pub fn module(&self) -> Option<&str> {
        self.inside().split('/').nth(1).filter(|&name| name != "mod")
    }

    /// Whether it is that room (`learn`) or module (`learn/head`), or lies in it.
    pub fn is_in(&self, place: &str) -> bool {
        self.inside()
            .strip_prefix(place)
            .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    }

    /// How many `super::` lead from this file's module to the crate's root.
    pub fn depth(&self) -> usize {
        let Some(inside) = self.path.strip_prefix("src/") else { return 0 };
        inside.split('/').count() - usize::from(inside.ends_with("/mod.rs"))
    }

    /// The code without comments, strings and the tests at its end; line breaks are kept.
    pub fn code(&self) -> String {
        let code = without_comments_and_strings(&self.text);
        match code.find("#[cfg(test)]\nmod tests {") {
            Some(tests) => code[..tests].to_owned(),
            None => code,
        }
    }

    /// What the program may say: strings outside tests, and in the command line the comments that help is made of; each
    /// run of spaces as one.
    pub fn said(&self) -> String {
        let tests = |path: &str| path.ends_with("tests.rs") || path.contains("/tests/");
        if tests(&self.path) {
            return String::new();
        }
        let end = self.text.find("#[cfg(test)]\nmod ").unwrap_or(self.text.len());
        let text = &self.text[..end];
        let code = without_comments_and_strings(text);
        let mut said = String::new();
        for (line, code) in text.lines().zip(code.lines()) {
            let start = line.trim_start();
            if start.starts_with("//") {
                if start.starts_with("///") && self.is_in("cli") {
                    said.push_str(start.trim_start_matches('/'));
                }
            } else {
                let of_a_string =
                    line.chars().zip(code.chars()).filter(|(c, code)| c != code || *c == ' ');
                said.extend(of_a_string.map(|(c, _)| c).filter(|&c| c != '\\'));
            }
            said.push('\n');
        }
        said.split_whitespace().collect::<Vec<_>>().join(" ")
    }

    /// The rooms that the code names: behind `crate::`, `crate::{..}` or enough `super::`.
    pub fn imports(&self) -> BTreeSet<String> {
        self.named_below("crate::", self.depth())
    }

    /// What the code names of its own room: behind `crate::ROOM::` or `super::` up to there.
    pub fn siblings(&self) -> BTreeSet<String> {
        self.named_in(self.room())
    }

    /// The same of a folder that it lies in.
    pub fn named_in(&self, folder: &str) -> BTreeSet<String> {
        let supers = self.depth().saturating_sub(folder.split('/').count());
        self.named_below(&format!("crate::{}::", folder.replace('/', "::")), supers)
    }

    /// The first names behind a path, or behind so many `super::` where that is at least one.
    fn named_below(&self, path: &str, supers: usize) -> BTreeSet<String> {
        let code = self.code();
        let root = "super::".repeat(supers);
        let mut found = BTreeSet::new();
        for prefix in [path, root.as_str()].into_iter().filter(|prefix| !prefix.is_empty()) {
            for (start, _) in code.match_indices(prefix) {
                let before = &code[..start];
                // `super::` inside `super::super::`, `my_crate::`, `std::crate::`.
                if before.ends_with("::") || before.ends_with(is_word) {
                    continue;
                }
                found.extend(first_segments(&code[start + prefix.len()..]));
            }
        }
        found
    }
}

fn is_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

/// `a` of `a::b`, and `a`, `c` of `{a::{x, y}, c}`.
pub fn first_segments(path: &str) -> Vec<String> {
    let segment = |text: &str| text.trim_start().chars().take_while(|&c| is_word(c)).collect();
    let Some(group) = path.strip_prefix('{') else { return vec![segment(path)] };
    let (mut depth, mut segments, mut fresh) = (1, Vec::new(), true);
    for (at, c) in group.char_indices() {
        match c {
            '{' => depth += 1,
            '}' => depth -= 1,
            ',' if depth == 1 => fresh = true,
            _ if fresh && is_word(c) => {
                segments.push(segment(&group[at..]));
                fresh = false;
            }
            _ => {}
        }
        if depth == 0 {
            break;
        }
    }
    segments
}

/// Comments, string and character literals become spaces.
pub fn without_comments_and_strings(text: &str) -> String {
    let chars: Vec<char> = text.chars().collect();
    let mut out = String::with_capacity(text.len());
    let starts = |at: usize, what: &str| {
        what.chars().enumerate().all(|(i, c)| chars.get(at + i) == Some(&c))
    };
    let mut at = 0;
    while at < chars.len() {
        let word_before = at > 0 && is_word(chars[at - 1]);
        let end = if starts(at, "//") {
            chars[at..].iter().position(|&c| c == '\n').map_or(chars.len(), |length| at + length)
        } else if starts(at, "/*") {
            let mut depth = 0;
            let mut end = at;
            while end < chars.len() {
                if starts(end, "/*") {
                    depth += 1;
                    end += 2;
                } else if starts(end, "*/") {
                    depth -= 1;
                    end += 2;
                    if depth == 0 {
                        break;
                    }
                } else {
                    end += 1;
                }
            }
            end
        } else if !word_before && (starts(at, "r\"") || starts(at, "r#")) {
            let hashes = chars[at + 1..].iter().take_while(|&&c| c == '#').count();
            let close = format!("\"{}", "#".repeat(hashes));
            if chars.get(at + 1 + hashes) == Some(&'"') {
                let from = at + 2 + hashes;
                (from..chars.len())
                    .find(|&i| starts(i, &close))
                    .map_or(chars.len(), |i| i + close.len())
            } else {
                at + 1
            }
        } else if chars[at] == '"' || starts(at, "'\\") {
            let mut end = at + 1;
            while end < chars.len() && chars[end] != chars[at] {
                end += if chars[end] == '\\' { 2 } else { 1 };
            }
            end + 1
        } else if chars[at] == '\'' && chars.get(at + 2) == Some(&'\'') {
            at + 3
        } else {
            out.push(chars[at]);
            at += 1;
            continue;
        };
        let end = end.min(chars.len()).max(at + 1);
        out.extend(chars[at..end].iter().map(|&c| if c == '\n' { '\n' } else { ' ' }));
        at = end;
    }
    out
}

/// Whether the code names that crate: `name::`, `use name;` or `extern crate name`.
pub fn names_crate(code: &str, name: &str) -> bool {
    code.match_indices(name).any(|(at, _)| {
        let (before, after) = (&code[..at], &code[at + name.len()..]);
        let whole = !before.ends_with(is_word) && !after.starts_with(is_word);
        let is_path = after.starts_with("::") && !before.ends_with("::");
        let is_use =
            before.trim_end().ends_with("use") && after.trim_start().starts_with([';', ' ']);
        whole && (is_path || is_use)
    })
}

pub fn has_word(code: &str, word: &str) -> bool {
    code.match_indices(word).any(|(at, _)| {
        !code[..at].ends_with(is_word) && !code[at + word.len()..].starts_with(is_word)
    })
}

/// What other modules and programs may see: signatures of `pub fn`s, fields and aliases that are `pub`.
pub fn public_items(code: &str) -> Vec<&str> {
    let ends = |item: &str| match item.split_whitespace().next() {
        Some("fn" | "const") => ['{', ';'].as_slice(),
        _ => [',', ';', '{', '}'].as_slice(),
    };
    code.match_indices("pub ")
        .filter(|(at, _)| !code[..*at].ends_with(is_word))
        .map(|(at, _)| &code[at + "pub ".len()..])
        .filter(|item| !item.starts_with("use ") && !item.starts_with("mod "))
        .map(|item| &item[..item.find(ends(item)).unwrap_or(item.len())])
        .collect()
}

/// The names that `use NAME::..;` brings in: every word of it that is written like a type.
pub fn types_of_crate<'a>(code: &'a str, name: &str) -> BTreeSet<&'a str> {
    code.match_indices("use ")
        .map(|(at, _)| &code[at + "use ".len()..])
        .filter(|import| import.strip_prefix(name).is_some_and(|rest| rest.starts_with("::")))
        .flat_map(|import| {
            import[..import.find(';').unwrap_or(import.len())].split(|c| !is_word(c))
        })
        .filter(|word| word.starts_with(|c: char| c.is_uppercase()))
        .collect()
}
