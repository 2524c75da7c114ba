//! What an adaptation brings, in words.

use crate::image::levels::Levels;
use crate::protocol::people;
use crate::protocol::request::Adaptation;

/// What an adaptation would bring, as names and values.
pub fn rows(adapted: &Adaptation) -> Vec<(&'static str, String)> {
    let classes = adapted.classes.iter();
    let classes: Vec<String> =
        classes.map(|(name, share)| format!("{name} {:.0} %", share * 100.0)).collect();
    let [unknown, unknown_after] = adapted.unknown.map(|share| share * 100.0);
    let [strange, strange_after] = adapted.strangeness;
    let levels = Levels { gain: adapted.gain, offset: adapted.offset };
    vec![
        ("frames", format!("{}: {}", adapted.frames, classes.join(", "))),
        ("levels", people::levels(&levels)),
        ("unknown", format!("{unknown:.0} % before, {unknown_after:.0} % with it")),
        (
            "strange",
            format!(
                "{strange:.2} before, {strange_after:.2} with it ({:.2} ± {:.2} less)",
                strange - strange_after,
                adapted.uncertainty
            ),
        ),
        ("agreement", format!("{:.0} % are classified as before", adapted.agreement * 100.0)),
    ]
}

/// Whether it is applied, and what to do next.
///
/// * `generations`, `off`: how the commands that list checkpoints and take it off are typed.
pub fn outcome(adapted: &Adaptation, generations: &str, off: &str) -> String {
    match &adapted.reason {
        Some(reason) => format!(
            "not applied: {reason}; frames are looked at as before\n  next: frames of the new light, of all classes; or teach a frame of each class there"
        ),
        None if !adapted.applied => "it would help: frames are looked at as before".to_owned(),
        None => format!(
            "applied\n  next: {generations} shows the checkpoint before; {off} takes it off"
        ),
    }
}
