//! Every operation of the OpenAPI document with values at random, right ones and wrong ones: what is answered is what the
//! document says.

use rand::seq::IndexedRandom as _;
use rand::{RngExt as _, SeedableRng as _};
use rand_chacha::ChaCha8Rng;
use serde_json::{Map, Value, json};

use super::client::{Answer, Page};
use super::started;

/// Requests an operation.
const CASES: usize = 24;

/// These end the device, never end, or take half a minute.
const LEFT_OUT: [&str; 4] =
    ["/api/v1/restart", "/api/v1/events", "/api/v1/adapt", "/api/v1/finetune"];

fn text(random: &mut ChaCha8Rng) -> Value {
    let long = "a".repeat(5000);
    let known = [
        "good",
        "dent",
        "reject",
        "scene",
        "rust",
        "smoothing",
        "3",
        "2580",
        "",
        " ",
        "../../etc",
        "a\u{7}",
        "\u{202e}b",
        "é",
        "NaN",
        "null",
        "prototype",
        "ridge",
        &long,
    ];
    json!(known.choose(random).expect("some"))
}

fn number(random: &mut ChaCha8Rng) -> Value {
    let known = [
        json!(0),
        json!(1),
        json!(2),
        json!(3),
        json!(-1),
        json!(0.5),
        json!(1e300),
        json!(u64::MAX),
        json!(4_294_967_295_u64),
    ];
    known.choose(random).expect("some").clone()
}

fn anything(random: &mut ChaCha8Rng, depth: u32) -> Value {
    match random.random_range(0..if depth > 2 { 5 } else { 7 }) {
        0 => Value::Null,
        1 => json!(random.random_bool(0.5)),
        2 | 3 => number(random),
        4 => text(random),
        5 => (0..random.random_range(0..4)).map(|_| anything(random, depth + 1)).collect(),
        _ => {
            let pair = |random: &mut ChaCha8Rng| {
                let key = text(random).as_str().unwrap_or_default().to_owned();
                (key, anything(random, depth + 1))
            };
            Value::Object((0..random.random_range(0..3)).map(|_| pair(random)).collect())
        }
    }
}

/// A value of a schema, mostly.
fn value(random: &mut ChaCha8Rng, schema: &Value) -> Value {
    if random.random_bool(0.15) {
        return anything(random, 0);
    }
    match schema["type"].as_str() {
        Some("string") => text(random),
        Some("integer") => {
            json!(*[1_u64, 2, 3, random.random_range(0..60)].choose(random).expect("some"))
        }
        Some("number") => json!(random.random_range(0..8) as f64 / 8.0),
        Some("boolean") => json!(random.random_bool(0.5)),
        Some("array") => {
            (0..random.random_range(0..4)).map(|_| value(random, &schema["items"])).collect()
        }
        _ => match schema["examples"][0] {
            Value::Null => anything(random, 0),
            ref example if random.random_bool(0.6) => example.clone(),
            _ => anything(random, 0),
        },
    }
}

fn escaped(text: &str) -> String {
    text.bytes().map(|byte| format!("%{byte:02x}")).collect()
}

/// `?name=value&...`, of which some are left out.
fn query(random: &mut ChaCha8Rng, parameters: &Value) -> String {
    let parameters = parameters.as_array().expect("a list");
    let mut pairs: Vec<String> = Vec::new();
    for parameter in parameters {
        if random.random_bool(0.1) {
            continue;
        }
        let value = value(random, &parameter["schema"]);
        let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        pairs.push(format!("{}={}", parameter["name"].as_str().expect("a name"), escaped(&text)));
    }
    format!("?{}", pairs.join("&"))
}

fn body(random: &mut ChaCha8Rng, schema: &Value) -> Value {
    let Some(properties) = schema["properties"].as_object() else { return value(random, schema) };
    if random.random_bool(0.05) {
        return anything(random, 0);
    }
    let mut fields = Map::new();
    for (name, schema) in properties {
        if random.random_bool(0.93) {
            fields.insert(name.clone(), value(random, schema));
        }
    }
    if random.random_bool(0.05) {
        fields.insert("nobody".to_owned(), anything(random, 0));
    }
    Value::Object(fields)
}

/// One request of an operation, and what came back.
fn ask(
    random: &mut ChaCha8Rng,
    page: &Page,
    path: &str,
    method: &str,
    of: &Value,
) -> (String, Answer) {
    let target = format!("{path}{}", query(random, &of["parameters"]));
    if method == "get" {
        return (target.clone(), page.get(&target));
    }
    let content = of["requestBody"]["content"].as_object().expect("a body");
    let (kind, schema) = content.iter().next().expect("a kind");
    let kind = if random.random_bool(0.04) { "text/plain" } else { kind };
    let bytes = if kind == "application/octet-stream" {
        (0..random.random_range(0..400)).map(|_| random.random()).collect()
    } else {
        let mut bytes = body(random, &schema["schema"]).to_string().into_bytes();
        if random.random_bool(0.05) {
            bytes.truncate(bytes.len() / 2);
        }
        bytes
    };
    let shown = format!("{target} {}", String::from_utf8_lossy(&bytes[..bytes.len().min(300)]));
    (shown, page.post_bytes(&target, kind, &bytes))
}

#[test]
fn what_is_answered_to_anything_is_what_the_document_says() {
    let (_folder, _device, page) = started("");
    page.ok("teach", &json!({ "class": "good", "count": 2, "any": true }));
    let document = page.json("/api/v1/openapi.json");
    let mut random = ChaCha8Rng::seed_from_u64(18);
    let cases = crate::common::slow_cases(CASES, 2);
    let mut seen = std::collections::BTreeMap::<u16, usize>::new();
    for (path, methods) in document["paths"].as_object().expect("paths") {
        if LEFT_OUT.contains(&path.as_str()) {
            continue;
        }
        for (method, of) in methods.as_object().expect("methods") {
            for _ in 0..cases {
                let (shown, answer) = ask(&mut random, &page, path, method, of);
                let declared = &of["responses"][answer.status.to_string()];
                assert!(
                    declared.is_object(),
                    "{method} {shown}: {} is not declared",
                    answer.status
                );
                assert!(answer.status < 500 || answer.status == 503, "{method} {shown}");
                *seen.entry(answer.status).or_default() += 1;
                let kind = answer.header("content-type").unwrap_or_default();
                let kinds = declared["content"].as_object();
                let fits = kinds.map_or(answer.body.is_empty(), |kinds| {
                    kinds.keys().any(|known| kind.starts_with(known.trim_end_matches('*')))
                });
                assert!(fits, "{method} {shown}: {}: {kind}", answer.status);
                if kind == "application/json" {
                    let value: Value = serde_json::from_slice(&answer.body).expect("JSON");
                    assert!(answer.status == 200 || value["error"].is_string(), "{shown}: {value}");
                }
            }
        }
    }
    assert_eq!(page.get("/api/v1/status").status, 200, "it is as well as before");
    // Right and wrong values came by.
    assert!([200, 400, 409].iter().all(|status| seen.contains_key(status)), "{seen:?}");
}
