//! What Home Assistant is shown: a sensor for the class, whether the device is there and whether frames drift, and the
//! picture. Its format: <https://www.home-assistant.io/integrations/mqtt/#mqtt-discovery>.

use serde_json::{Value, json};

use super::topics::Topics;

/// What stands before its topics, unless that is set otherwise there.
const PREFIX: &str = "homeassistant";

/// The topics and what they hold.
///
/// * `regions`: one without a name, or several with names.
/// * `images`: whether pictures are published.
pub(super) fn entities(
    topics: &Topics,
    regions: &[Option<String>],
    images: bool,
) -> Vec<(String, Value)> {
    let mut entities = Vec::new();
    let of_region = |name: &str, region: Option<&str>| match region {
        Some(region) => format!("{name}_{region}"),
        None => name.to_owned(),
    };
    let mut put = |kind: &str, name: &str, region: Option<&str>, own: Value| {
        let object = of_region(name, region);
        let id = topics.id();
        let mut entity = json!({
            "name": region.map_or_else(|| name.to_owned(), |region| format!("{region} {name}")),
            "unique_id": format!("{id}_{object}"),
            "device": {
                "identifiers": [id],
                "name": topics.prefix(),
                "manufacturer": "fieldtune",
                "model": "fieldtune",
                "sw_version": env!("CARGO_PKG_VERSION"),
            },
        });
        if let (Value::Object(entity), Value::Object(own)) = (&mut entity, own) {
            entity.extend(own);
        }
        entities.push((format!("{PREFIX}/{kind}/{id}/{object}/config"), entity));
    };
    let online = topics.online();
    put(
        "binary_sensor",
        "online",
        None,
        json!({
            "state_topic": online, "payload_on": "true", "payload_off": "false",
            "device_class": "connectivity", "entity_category": "diagnostic",
        }),
    );
    let there = json!({
        "availability_topic": online, "payload_available": "true", "payload_not_available": "false",
    });
    let with = |mut own: Value| {
        if let (Value::Object(own), Value::Object(there)) = (&mut own, there.clone()) {
            own.extend(there);
        }
        own
    };
    for region in regions.iter().map(Option::as_deref) {
        let prediction = topics.prediction(region);
        put(
            "sensor",
            "prediction",
            region,
            with(json!({
                "state_topic": prediction, "json_attributes_topic": prediction,
                "value_template": "{{ value_json.class if value_json.class is not none else 'unknown' }}",
                "icon": "mdi:eye-check",
            })),
        );
        put(
            "binary_sensor",
            "drift",
            region,
            with(json!({
                "state_topic": topics.drift(region), "json_attributes_topic": topics.drift(region),
                "value_template": "{{ 'ON' if value_json.drift else 'OFF' }}",
                "device_class": "problem",
            })),
        );
        if images {
            let own = json!({ "image_topic": topics.image(region), "content_type": "image/jpeg" });
            put("image", "image", region, with(own));
        }
    }
    entities
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_region_has_its_entities_with_names_of_their_own() {
        let topics = Topics::new("fieldtune/line-3");
        let one = entities(&topics, &[None], true);
        let names: Vec<&str> = one.iter().map(|(topic, _)| topic.as_str()).collect();
        assert_eq!(
            names,
            [
                "homeassistant/binary_sensor/fieldtune_line-3/online/config",
                "homeassistant/sensor/fieldtune_line-3/prediction/config",
                "homeassistant/binary_sensor/fieldtune_line-3/drift/config",
                "homeassistant/image/fieldtune_line-3/image/config",
            ]
        );
        let sensor = &one[1].1;
        assert_eq!(sensor["state_topic"], json!("fieldtune/line-3/prediction"));
        assert_eq!(sensor["availability_topic"], json!("fieldtune/line-3/online"));
        assert_eq!(sensor["device"]["identifiers"], json!(["fieldtune_line-3"]));
        let regions = ["left", "right"].map(|name| Some(name.to_owned()));
        let two = entities(&topics, &regions, false);
        let ids: std::collections::BTreeSet<String> =
            two.iter().map(|(_, entity)| entity["unique_id"].to_string()).collect();
        assert_eq!((two.len(), ids.len()), (5, 5));
        assert_eq!(two[1].1["state_topic"], json!("fieldtune/line-3/prediction/left"));
    }
}
