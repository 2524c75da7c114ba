//! The API as an OpenAPI 3.1 document, made from the list of requests.

use axum::http::StatusCode;
use axum::response::Response;
use serde_json::{Map, Value, json};

use super::api::told;
use super::routes::ROUTES;
use crate::protocol::request::{Field, Method, Operation};

/// What the page adds to the requests.
const OWN: [(&str, &str, &[Field]); 7] = [
    ("images.zip", "The images of the examples as a ZIP file, a folder a class", &[]),
    ("inbox.zip", "The images of the inbox as a ZIP file, with predictions.csv", &[]),
    (
        "picture",
        "The newest frame as JPEG, other than that of a number",
        &[("after", "integer", false), ("region", "string", false)],
    ),
    (
        "thumbnail",
        "A picture to look at",
        &[
            ("example", "integer", false),
            ("inbox", "integer", false),
            ("frame", "integer", false),
            ("region", "string", false),
        ],
    ),
    ("events", "Predictions and changes as server-sent events", &[]),
    ("session", "What the caller may do", &[]),
    ("counts", "Frames by predicted class", &[]),
];

fn schema(kind: &str) -> Value {
    match kind.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
        Some(item) => json!({ "type": "array", "items": { "type": item } }),
        None => json!({ "type": kind }),
    }
}

fn query(fields: &[Field]) -> Value {
    let field = |(name, kind, is_needed): &Field| json!({ "name": name, "in": "query", "required": is_needed, "schema": schema(kind) });
    fields.iter().map(field).collect()
}

fn object(fields: &[Field]) -> Value {
    let properties: Map<String, Value> =
        fields.iter().map(|(name, kind, _)| ((*name).to_owned(), schema(kind))).collect();
    let needed: Vec<_> = fields.iter().filter(|field| field.2).map(|field| field.0).collect();
    json!({ "type": "object", "properties": properties, "required": needed })
}

/// Answers of every request besides its own.
const ALWAYS: &[(u16, &str)] = &[(400, "The fields are wrong"), (403, "Not allowed")];

/// Those of requests that the device is asked for.
const ASKED: &[(u16, &str)] =
    &[(409, "The device refused; nothing changed"), (503, "Too many requests wait")];

/// Those of requests that carry a body.
const SENT: &[(u16, &str)] =
    &[(408, "Too slow"), (413, "Too large"), (415, "Another kind of body is wanted")];

/// * `kind`: what is answered where it is done.
fn operation(
    about: &str,
    parameters: Value,
    body: Option<(&str, Value)>,
    kind: &str,
    refusals: &[&[(u16, &str)]],
) -> Value {
    let error =
        json!({ "application/json": { "schema": { "$ref": "#/components/schemas/Error" } } });
    let mut answers = Map::new();
    answers.insert("200".to_owned(), json!({ "description": "Done", "content": { kind: {} } }));
    for (status, what) in refusals.iter().copied().flatten() {
        let answer = json!({ "description": what, "content": error });
        answers.insert(status.to_string(), answer);
    }
    let mut operation = json!({ "summary": about, "parameters": parameters, "responses": answers });
    if let Some((kind, schema)) = body {
        operation["requestBody"] = json!({ "content": { kind: { "schema": schema } } });
    }
    operation
}

/// The document.
pub(super) fn document() -> Value {
    let mut paths = Map::new();
    for (name, (_, request)) in ROUTES.iter() {
        let Operation { method, about, fields, answer: kind } = *request;
        let none = json!([]);
        let read: &[&[_]] = &[ALWAYS, ASKED];
        let sent: &[&[_]] = &[ALWAYS, ASKED, SENT];
        let (method, operation) = match method {
            Method::Get => ("get", operation(about, query(fields), None, kind, read)),
            Method::Post => {
                let body = Some(("application/json", object(fields)));
                ("post", operation(about, none, body, kind, sent))
            }
            Method::Value(example) => {
                let example: Value = serde_json::from_str(example).unwrap_or_default();
                let schema = json!({ "examples": [example] });
                ("post", operation(about, none, Some(("application/json", schema)), kind, sent))
            }
            Method::File => {
                let file = json!({ "type": "string", "format": "binary" });
                let body = Some(("application/octet-stream", file));
                ("post", operation(about, query(fields), body, kind, sent))
            }
        };
        paths.insert(format!("/api/v1/{name}"), json!({ method: operation }));
    }
    for (name, about, fields) in OWN {
        let (kind, refusals): (_, &[&[_]]) = match name {
            "images.zip" | "inbox.zip" => ("application/zip", &[ALWAYS, ASKED]),
            "picture" => ("image/jpeg", &[ALWAYS]),
            "thumbnail" => ("image/*", &[ALWAYS, &[(503, "Too many requests wait")]]),
            "events" => ("text/event-stream", &[ALWAYS]),
            _ => ("application/json", &[ALWAYS]),
        };
        let mut get = operation(about, query(fields), None, kind, refusals);
        if name == "picture" {
            get["responses"]["204"] = json!({ "description": "No other frame in time" });
        }
        paths.insert(format!("/api/v1/{name}"), json!({ "get": get }));
    }
    debug_assert!(ROUTES.len() <= paths.len());
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "fieldtune", "version": env!("CARGO_PKG_VERSION"),
            "description": "Any request of a region: /api/v1/regions/REGION/NAME. Answers: docs/json.md.",
        },
        "paths": paths,
        "components": { "schemas": { "Error": object(&[("error", "string", true)]) } },
    })
}

/// The same, asked for.
pub(super) async fn serve() -> Response {
    told(StatusCode::OK, &document())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::request::{Need, Request};

    fn value(kind: &str) -> Value {
        match kind {
            "string" => json!("1234"),
            "integer" => json!(1),
            "number" => json!(0.1),
            "boolean" => json!(true),
            _ => json!([1]),
        }
    }

    #[test]
    fn the_document_says_what_each_request_takes() {
        for (path, (name, Operation { method, fields, .. })) in ROUTES.iter() {
            let read = |fields: Value| Request::from_json(name, fields).expect("known");
            let all = |without: &str| -> Value {
                let fields = fields.iter().filter(|field| field.0 != without);
                Value::Object(
                    fields.map(|(name, kind, _)| ((*name).to_owned(), value(kind))).collect(),
                )
            };
            match method {
                Method::File => continue,
                Method::Value(example) => {
                    read(serde_json::from_str(example).expect("JSON")).expect(name);
                    continue;
                }
                Method::Get | Method::Post => {}
            }
            // Heads have names of their own.
            let request = read(if path == "set-head" { all("kind") } else { all("") }).expect(name);
            assert!(
                *method == Method::Post || request.need() == Need::Look,
                "{name} changes something"
            );
            for (field, _, is_needed) in *fields {
                if path != "set-head" {
                    assert_eq!(read(all(field)).is_err(), *is_needed, "{name}: {field}");
                }
            }
        }
    }
}
