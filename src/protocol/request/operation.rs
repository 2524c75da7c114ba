//! A request as an operation of the API over HTTP.

#![cfg_attr(not(feature = "web"), allow(dead_code, reason = "only the API asks"))]

/// How it is asked for, and what it takes.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Operation {
    pub(crate) method: Method,
    /// What it does, in a line.
    pub(crate) about: &'static str,
    pub(crate) fields: &'static [Field],
    /// The media type of what is answered.
    pub(crate) answer: &'static str,
}

/// How an operation is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Method {
    /// It only reads: GET, fields in the query.
    Get,
    /// POST, fields as JSON.
    Post,
    /// POST, a file as the body, fields in the query.
    File,
    /// POST, a JSON value of another kind, like this one.
    Value(&'static str),
}

/// A field: its name, its JSON type (`[integer]` for a list), whether it has to be there.
pub(crate) type Field = (&'static str, &'static str, bool);

impl Operation {
    pub(crate) const fn get(about: &'static str) -> Self {
        Self { method: Method::Get, about, fields: &[], answer: "application/json" }
    }

    pub(crate) const fn post(about: &'static str) -> Self {
        Self { method: Method::Post, ..Self::get(about) }
    }

    pub(crate) const fn file(about: &'static str) -> Self {
        Self { method: Method::File, ..Self::get(about) }
    }

    pub(crate) const fn value(about: &'static str, example: &'static str) -> Self {
        Self { method: Method::Value(example), ..Self::get(about) }
    }

    pub(crate) const fn with(self, fields: &'static [Field]) -> Self {
        Self { fields, ..self }
    }

    pub(crate) const fn answered_with(self, answer: &'static str) -> Self {
        Self { answer, ..self }
    }
}
