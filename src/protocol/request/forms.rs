//! How requests are written: as [postcard](https://postcard.jamesmunns.com) writes their fields; and fields whose types
//! have no form of their own.

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::image::frame::Region;

#[derive(Serialize, Deserialize)]
#[serde(remote = "Region")]
pub(super) enum RegionForm {
    Whole,
    Pixels { x: u32, y: u32, width: u32, height: u32 },
    Fractions { x: f32, y: f32, width: f32, height: f32 },
}

/// A [`Region`]: its parts.
#[derive(Serialize, Deserialize)]
struct Written(#[serde(with = "RegionForm")] Region);

/// A [`Region`], or none.
pub(super) mod region_if_any {
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    use super::{Region, Written};

    pub(in super::super) fn serialize<S: Serializer>(
        region: &Option<Region>,
        to: S,
    ) -> Result<S::Ok, S::Error> {
        region.map(Written).serialize(to)
    }

    pub(in super::super) fn deserialize<'a, D: Deserializer<'a>>(
        from: D,
    ) -> Result<Option<Region>, D::Error> {
        Ok(Option::<Written>::deserialize(from)?.map(|Written(region)| region))
    }
}

/// A PIN, checked as one that was typed.
pub(super) mod pin {
    use serde::de::Error;
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    use crate::protocol::pin::Pin;

    pub(in super::super) fn serialize<S: Serializer>(pin: &Pin, to: S) -> Result<S::Ok, S::Error> {
        pin.reveal().serialize(to)
    }

    pub(in super::super) fn deserialize<'a, D: Deserializer<'a>>(from: D) -> Result<Pin, D::Error> {
        Pin::new(&String::deserialize(from)?).map_err(D::Error::custom)
    }
}

/// The fields of a request, as they are sent.
pub(super) trait Fields: Sized {
    /// Puts them behind what is there.
    fn write(&self, message: &mut Vec<u8>);

    /// Takes all of the bytes.
    fn read(fields: &[u8]) -> Result<Self, String>;

    /// Takes them as an object; without any, `{}`.
    fn from_json(fields: Value) -> Result<Self, String>;
}

impl<T: Serialize + DeserializeOwned> Fields for T {
    fn write(&self, message: &mut Vec<u8>) {
        message.extend(to_bytes(self));
    }

    fn read(fields: &[u8]) -> Result<Self, String> {
        from_bytes(fields)
    }

    fn from_json(fields: Value) -> Result<Self, String> {
        // A request without fields is written as null by serde.
        let is_empty = fields.as_object().is_some_and(serde_json::Map::is_empty);
        match serde_json::from_value(fields) {
            Err(_) if is_empty && serde_json::from_value::<Self>(Value::Null).is_ok() => {
                serde_json::from_value(Value::Null)
            }
            read => read,
        }
        .map_err(|error| error.to_string())
    }
}

pub(super) fn to_bytes<T: Serialize>(value: &T) -> Vec<u8> {
    postcard::to_allocvec(value).expect("postcard writes every value of known length to a vector")
}

/// A value, and what stands behind it.
pub(super) fn split<T: DeserializeOwned>(bytes: &[u8]) -> Result<(T, &[u8]), String> {
    postcard::take_from_bytes(bytes).map_err(|error| error.to_string())
}

pub(super) fn from_bytes<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, String> {
    match split(bytes)? {
        (value, []) => Ok(value),
        (_, rest) => Err(format!("{} bytes too many", rest.len())),
    }
}
