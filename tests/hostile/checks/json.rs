//! The fields of requests as JSON, as the API over HTTP takes them.

use fieldtune::protocol::request::Request;
use fieldtune::protocol::wire;
use serde_json::Value;

use super::{Input, assert_harmless};

/// * `data`: which request, then its fields.
pub fn check(data: &[u8]) {
    let mut input = Input::new(data);
    let name = Request::NAMES[usize::from(input.byte()) % Request::NAMES.len()];
    let Ok(fields) = serde_json::from_slice::<Value>(input.rest()) else { return };
    match Request::from_json(name, fields).expect("the name is known") {
        // It is a request like any other: on the wire it stays what it is, unless it holds what is no number.
        Ok(request) => {
            let bytes = wire::encode_request(&request).expect("it is whole");
            let read = wire::decode_request(&bytes).expect("it was written");
            assert_eq!(wire::encode_request(&read).expect("it is whole"), bytes);
        }
        Err(why) => assert_harmless(&fieldtune::protocol::console::one_line(&why)),
    }
}
