//! The names of the classes, as far as a file has them.

use tract_onnx::pb::tensor_proto::DataType;

use crate::backbone::graph::Graph;
use crate::backbone::nodes::attribute;

/// The classes by name in the order of the scores, or by number.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Names {
    pub(super) classes: Vec<String>,
    pub(super) numbers: Vec<i64>,
}

impl Names {
    /// Of the metadata, `classes` or `names`; else of scikit-learn's operators.
    pub(super) fn of(graph: &Graph) -> Self {
        let metadata = |key: &str| {
            let mut entries = graph.proto().metadata_props.iter();
            listed(&entries.find(|entry| entry.key == key)?.value)
        };
        if let Some(classes) = metadata("classes").or_else(|| metadata("names")) {
            return Self { classes, numbers: Vec::new() };
        }
        let text = |bytes: &Vec<u8>| String::from_utf8_lossy(bytes).into_owned();
        for node in graph.nodes() {
            if let Some(strings) = attribute(node, "classlabels_strings")
                && !strings.strings.is_empty()
            {
                let classes = strings.strings.iter().map(text).collect();
                return Self { classes, numbers: Vec::new() };
            }
            // Behind an ArgMax the labels are taken out of a list of them.
            let list = node.input.first().filter(|_| node.op_type == "ArrayFeatureExtractor");
            let list = list.and_then(|name| graph.initializers().iter().find(|t| t.name == *name));
            if let Some(list) = list.filter(|list| list.data_type == DataType::String as i32) {
                let classes = list.string_data.iter().map(text).collect();
                return Self { classes, numbers: Vec::new() };
            }
        }
        let numbers = graph.nodes().iter().find_map(|node| {
            let given = ["classlabels_ints", "classlabels_int64s"];
            given.iter().find_map(|name| attribute(node, name)).map(|given| given.ints.clone())
        });
        Self { classes: Vec::new(), numbers: numbers.unwrap_or_default() }
    }
}

/// Names as JSON has them, as Python prints a list or `{0: 'a', 1: 'b'}`, or with commas between.
fn listed(text: &str) -> Option<Vec<String>> {
    let text = text.trim();
    if let Ok(list) = serde_json::from_str(text) {
        return Some(list);
    }
    let names = match text.chars().next()? {
        '[' | '{' => quoted(text)?,
        _ => text.split(',').map(|name| name.trim().to_owned()).collect(),
    };
    (!names.is_empty()).then_some(names)
}

/// The strings of a list, or of a map from 0, 1, 2 and so on, in that order.
fn quoted(text: &str) -> Option<Vec<String>> {
    let (open, inner) = (text.chars().next()?, text.get(1..text.len() - 1)?);
    let close = if open == '[' { ']' } else { '}' };
    let mut rest = inner.trim().trim_end_matches(',');
    text.ends_with(close).then_some(())?;
    let mut names: Vec<(usize, String)> = Vec::new();
    while !rest.is_empty() {
        let mut place = names.len();
        if open == '{' {
            let (key, behind) = rest.split_once(':')?;
            place = key.trim().trim_matches(['\'', '"']).parse().ok()?;
            rest = behind.trim_start();
        }
        let (name, behind) = string(rest)?;
        names.push((place, name));
        rest = behind.trim_start();
        rest = match rest.strip_prefix(',') {
            Some(behind) => behind.trim_start(),
            None if rest.is_empty() => rest,
            None => return None,
        };
    }
    names.sort();
    let in_order = names.iter().enumerate().all(|(at, (place, _))| at == *place);
    in_order.then(|| names.into_iter().map(|(_, name)| name).collect())
}

/// The string in quotes that stands first, and what stands behind it.
fn string(text: &str) -> Option<(String, &str)> {
    let quote = text.chars().next().filter(|first| ['\'', '"'].contains(first))?;
    let mut name = String::new();
    let mut letters = text.char_indices().skip(1);
    while let Some((at, letter)) = letters.next() {
        match letter {
            '\\' => name.push(match letters.next()?.1 {
                escaped @ ('\\' | '\'' | '"' | '/') => escaped,
                // What else can be escaped is in no class's name.
                _ => return None,
            }),
            _ if letter == quote => return Some((name, &text[at + 1..])),
            _ => name.push(letter),
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_of_names_are_read_as_programs_write_them() {
        let cases: [(&str, Option<&[&str]>); 15] = [
            (r#"["good", "bad"]"#, Some(&["good", "bad"])),
            (r#"["\u00e4", "b"]"#, Some(&["ä", "b"])),
            ("['good', 'bad']", Some(&["good", "bad"])),
            ("good, bad ,worse", Some(&["good", "bad", "worse"])),
            ("{0: 'good', 1: 'bad'}", Some(&["good", "bad"])),
            ("{1: 'bad', 0: \"it's\",}", Some(&["it's", "bad"])),
            (r#"{"0": "good", "1": "a, b: c"}"#, Some(&["good", "a, b: c"])),
            (r"{0: 'it\'s', 1: 'b'}", Some(&["it's", "b"])),
            ("{0: 'good', 2: 'bad'}", None),
            ("{0: 'good', 0: 'bad'}", None),
            ("{0: 'good' 1: 'bad'}", None),
            ("{0: 'good", None),
            ("{0}", None),
            ("", None),
            ("[", None),
        ];
        for (text, wanted) in cases {
            let wanted: Option<Vec<String>> =
                wanted.map(|names| names.iter().map(|&name| name.to_owned()).collect());
            assert_eq!(listed(text), wanted, "{text}");
        }
        assert_eq!(listed("{"), None);
        assert_eq!(listed("ä"), Some(vec!["ä".to_owned()]));
    }
}
