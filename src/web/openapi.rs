//! The API as an OpenAPI 3.1 document, made from the list of requests.

use axum::http::StatusCode;
use axum::response::Response;
use serde_json::{Map, Value, json};

use super::api::told;
use super::routes::ROUTES;

/// How a request is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum How {
    /// It only reads: GET, fields in the query.
    Get,
    /// POST, fields as JSON.
    Post,
    /// POST, a file as the body, fields in the query.
    File,
    /// POST, a JSON value of another kind.
    Value(&'static str),
}

/// A field: its name, its JSON type (`[integer]` for a list), whether it has to be there.
type Field = (&'static str, &'static str, bool);

/// Every request: what it does, how it is asked for, its fields.
const REQUESTS: &[(&str, How, &str, &[Field])] = &[
    (
        "teach",
        How::Post,
        "Learn the next frames",
        &[("class", "string", true), ("count", "integer", true), ("any", "boolean", true)],
    ),
    ("teach-image", How::File, "Learn an image", &[("class", "string", true)]),
    (
        "teach-frames",
        How::Post,
        "Learn frames that were classified",
        &[("class", "string", true), ("frames", "[integer]", true)],
    ),
    (
        "burst",
        How::Post,
        "Learn what the camera sees for a while",
        &[("class", "string", true), ("millis", "integer", true), ("any", "boolean", true)],
    ),
    (
        "end-burst",
        How::Post,
        "End a burst and learn what was gathered",
        &[("class", "string", true)],
    ),
    ("undo", How::Post, "Revert the latest change", &[]),
    (
        "undo-teach",
        How::Post,
        "Take back what one request taught",
        &[("examples", "[integer]", true)],
    ),
    (
        "forget",
        How::Value(r#"{"Examples":[1]}"#),
        "Forget {\"Class\": name}, {\"Examples\": [id]} or \"Everything\"",
        &[],
    ),
    (
        "relabel",
        How::Post,
        "Move examples to another class",
        &[("examples", "[integer]", true), ("class", "string", true)],
    ),
    ("rename", How::Post, "Rename a class", &[("from", "string", true), ("to", "string", true)]),
    ("classes", How::Get, "List the classes", &[]),
    ("examples", How::Get, "List the examples", &[("class", "string", false)]),
    ("example-picture", How::Get, "The image of an example", &[("example", "integer", true)]),
    ("status", How::Get, "What was learned, how the device is", &[]),
    (
        "recent",
        How::Get,
        "List the frames that were classified",
        &[("unsure_first", "boolean", true)],
    ),
    (
        "recent-few",
        How::Get,
        "List some of them",
        &[("unsure_first", "boolean", true), ("most", "integer", true)],
    ),
    ("recent-picture", How::Get, "The picture of one of them", &[("frame", "integer", true)]),
    ("confusion", How::Get, "Which classes are confused; the learning curve", &[]),
    ("inbox", How::Get, "List the frames that wait for a person", &[]),
    ("inbox-picture", How::Get, "The image of one of them", &[("id", "integer", true)]),
    (
        "inbox-assign",
        How::Post,
        "Learn some of them; they leave the inbox",
        &[("class", "string", true), ("frames", "[integer]", true)],
    ),
    (
        "inbox-drop",
        How::Value(r#"{"Frames":[1]}"#),
        "Take {\"Frames\": [id]} or \"All\" out of the inbox",
        &[],
    ),
    (
        "adapt",
        How::Post,
        "Bring frames of another light back to what was taught, where that helps; takes half a second a frame",
        &[("frames", "integer", false), ("try", "boolean", true)],
    ),
    ("end-adapt", How::Post, "Look at frames as they are again", &[]),
    (
        "finetune",
        How::Post,
        "Train the last blocks of the backbone with the taught images, and use them where that helps; takes minutes, goes on without the client",
        &[("depth", "integer", false), ("try", "boolean", true)],
    ),
    ("end-finetune", How::Post, "Stop the fine-tuning under way", &[]),
    ("snap", How::Get, "The newest frame", &[]),
    (
        "explain",
        How::Get,
        "Where a prediction comes from, drawn over the newest frame or a kept picture",
        &[("frame", "integer", false), ("example", "integer", false), ("inbox", "integer", false)],
    ),
    (
        "set-region",
        How::Value(r#"{"Fractions":{"x":0.1,"y":0.1,"width":0.5,"height":0.5}}"#),
        "Choose the region of interest",
        &[],
    ),
    ("regions", How::Get, "List the regions", &[]),
    (
        "set-head",
        How::Post,
        "Change the head; without a kind, show it",
        &[("kind", "string", false)],
    ),
    (
        "set-threshold",
        How::Post,
        "Set the thresholds; without values, show them",
        &[
            ("confidence", "number", false),
            ("novelty", "number", false),
            ("false_reject", "number", false),
        ],
    ),
    ("outputs", How::Get, "List the outputs", &[]),
    (
        "set-output",
        How::Post,
        "Switch an output until the next prediction",
        &[("name", "string", true), ("on", "boolean", true)],
    ),
    ("test-output", How::Post, "Switch an output for a moment", &[("name", "string", true)]),
    (
        "try-threshold",
        How::Get,
        "What thresholds would make of the taught examples, each left out",
        &[
            ("confidence", "number", false),
            ("novelty", "number", false),
            ("false_reject", "number", false),
        ],
    ),
    ("policy", How::Get, "The policy's text, and whether it can be changed", &[]),
    (
        "save-policy",
        How::Post,
        "Check, store and follow another policy",
        &[("text", "string", true), ("revision", "string", false)],
    ),
    ("save", How::Post, "Save a checkpoint", &[("name", "string", false)]),
    ("generations", How::Get, "List the checkpoints", &[]),
    ("drop-generation", How::Post, "Drop a checkpoint", &[("generation", "integer", true)]),
    ("roll-back", How::Post, "Restore a checkpoint", &[("generation", "integer", true)]),
    (
        "diff",
        How::Get,
        "What changed since a checkpoint",
        &[("from", "integer", true), ("to", "integer", false)],
    ),
    ("log", How::Get, "The latest lines of the log", &[("lines", "integer", true)]),
    ("settings", How::Get, "List the settings", &[]),
    ("set", How::Post, "Change a setting", &[("name", "string", true), ("value", "string", true)]),
    ("version", How::Get, "Program version and backbone", &[]),
    ("restart", How::Post, "Restart the device", &[]),
    ("pull", How::Get, "Everything learned, as a file", &[]),
    ("push", How::File, "Replace or merge what was learned", &[("merge", "boolean", false)]),
    ("unlock", How::Post, "Begin a session", &[("pin", "string", true)]),
    ("lock", How::Post, "End the session", &[]),
    ("classify", How::File, "Classify an image", &[]),
];

/// What the page adds to the requests.
const OWN: [(&str, &str, &[Field]); 7] = [
    ("images.zip", "The images of the examples as a ZIP file, a folder a class", &[]),
    ("inbox.zip", "The images of the inbox as a ZIP file, with predictions.csv", &[]),
    (
        "picture",
        "The newest frame as JPEG, other than that of a number",
        &[("after", "integer", false)],
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
    for (name, how, about, fields) in REQUESTS {
        let none = json!([]);
        let kind = match *name {
            "snap" | "explain" | "recent-picture" | "example-picture" | "inbox-picture" => {
                "image/*"
            }
            "pull" => "application/octet-stream",
            _ => "application/json",
        };
        let read: &[&[_]] = &[ALWAYS, ASKED];
        let sent: &[&[_]] = &[ALWAYS, ASKED, SENT];
        let (method, operation) = match how {
            How::Get => ("get", operation(about, query(fields), None, kind, read)),
            How::Post => {
                let body = Some(("application/json", object(fields)));
                ("post", operation(about, none, body, kind, sent))
            }
            How::Value(example) => {
                let example: Value = serde_json::from_str(example).unwrap_or_default();
                let schema = json!({ "examples": [example] });
                ("post", operation(about, none, Some(("application/json", schema)), kind, sent))
            }
            How::File => {
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
        let mut names: Vec<&str> = REQUESTS.iter().map(|request| request.0).collect();
        names.sort_unstable();
        assert_eq!(names, ROUTES.keys().collect::<Vec<_>>());
        for (name, how, _, fields) in REQUESTS {
            let read = |fields: Value| Request::from_json(ROUTES[*name], fields).expect("known");
            let all = |without: &str| -> Value {
                let fields = fields.iter().filter(|field| field.0 != without);
                Value::Object(
                    fields.map(|(name, kind, _)| ((*name).to_owned(), value(kind))).collect(),
                )
            };
            match how {
                How::File => continue,
                How::Value(example) => {
                    read(serde_json::from_str(example).expect("JSON")).expect(name);
                    continue;
                }
                How::Get | How::Post => {}
            }
            // Heads have names of their own.
            let request =
                read(if *name == "set-head" { all("kind") } else { all("") }).expect(name);
            assert!(*how == How::Post || request.need() == Need::Look, "{name} changes something");
            for (field, _, is_needed) in *fields {
                if *name != "set-head" {
                    assert_eq!(read(all(field)).is_err(), *is_needed, "{name}: {field}");
                }
            }
        }
    }
}
