//! What a region follows, kept with what was learned: a setting a region, see [`crate::image::locate`].

use serde::{Deserialize, Serialize};

use crate::image::frame::Region;
use crate::image::locate::{PartTemplate, TemplateParts};

/// Of a value.
const VERSION: u16 = 1;

/// A [`PartTemplate`] as it is stored.
#[derive(Serialize, Deserialize)]
struct StoredTemplate {
    version: u16,
    /// Left and top edge, width and height.
    rectangle: [u32; 4],
    frame: (u32, u32),
    /// Width, height and grey levels of each size, from coarse to fine.
    sizes: Vec<(u32, u32, Vec<u8>)>,
}

/// The name of the setting.
///
/// * `region`: its name; `None`: the one of a device that has one.
pub fn setting(region: Option<&str>) -> String {
    format!("follow:{}", region.unwrap_or_default())
}

/// Its value; none is no bytes.
pub fn to_bytes(template: Option<&PartTemplate>) -> Vec<u8> {
    let Some(template) = template else { return Vec::new() };
    let TemplateParts { rectangle, frame, sizes } = template.parts();
    let stored = StoredTemplate { version: VERSION, rectangle, frame, sizes };
    postcard::to_stdvec(&stored).expect("numbers and bytes can be written")
}

/// From what [`to_bytes`] gave.
///
/// * `region`: where it is to be; what was shown elsewhere is not followed there.
///
/// # Errors
/// Why it cannot be followed, in words.
pub fn from_bytes(bytes: &[u8], region: &Region) -> Result<Option<PartTemplate>, &'static str> {
    if bytes.is_empty() {
        return Ok(None);
    }
    const DAMAGED: &str = "what it followed is damaged, or of a later version";
    let stored: StoredTemplate = postcard::from_bytes(bytes).map_err(|_| DAMAGED)?;
    let StoredTemplate { version, rectangle, frame, sizes } = stored;
    if version != VERSION {
        return Err(DAMAGED);
    }
    let template = PartTemplate::of_parts(TemplateParts { rectangle, frame, sizes });
    let template = template.ok_or(DAMAGED)?;
    match template.is_of(region) {
        true => Ok(Some(template)),
        false => Err("the region is another one than when it began to follow the part"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::image::frame::{Frame, Timestamp};

    #[test]
    fn what_is_followed_comes_back_in_its_region_alone() {
        let pixels = (0..40 * 30).flat_map(|at: u32| {
            let inside = (12..26).contains(&(at % 40)) && (9..19).contains(&(at / 40));
            [if inside { 200 } else { 40 }; 3]
        });
        let frame = Frame::new(40, 30, pixels.collect(), Timestamp(0)).expect("the sides fit");
        let region = Region::Pixels { x: 8, y: 6, width: 22, height: 16 };
        let template = PartTemplate::of(&frame, &region).expect("it has edges");
        let bytes = to_bytes(Some(&template));
        assert_eq!(from_bytes(&bytes, &region), Ok(Some(template)));
        assert_eq!((to_bytes(None), from_bytes(&[], &region)), (Vec::new(), Ok(None)));
        let elsewhere = from_bytes(&bytes, &Region::Whole).expect_err("it was shown elsewhere");
        assert!(elsewhere.contains("another one"), "{elsewhere}");
        for cut in 1..bytes.len() {
            from_bytes(&bytes[..cut], &region).expect_err("it is torn");
        }
        let mut later = bytes;
        later[0] = 2;
        assert!(from_bytes(&later, &region).is_err_and(|why| why.contains("later version")));
    }
}
