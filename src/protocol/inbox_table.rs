//! The inbox as a table of text, for spreadsheets: what goes with its images.

use super::request::{Classification, InboxFrame};
use crate::learn::learner::UNKNOWN;
use crate::util::calendar::Date;

/// What the file of a frame's image is called.
pub fn image_name(id: u64) -> String {
    format!("{id:06}.jpg")
}

/// Comma-separated, a row a frame, under one with the names of the columns; lines of text have a column where there are some.
pub fn inbox_table<'a>(frames: impl IntoIterator<Item = &'a InboxFrame>) -> String {
    let frames: Vec<&InboxFrame> = frames.into_iter().collect();
    let has_lines = frames.iter().any(|frame| frame.line.is_some());
    let mut text =
        "file,id,kept,reason,class,best,confidence,second,second_confidence,novelty".to_owned();
    text.push_str(if has_lines { ",line\n" } else { "\n" });
    for InboxFrame { id, kept, reason, classification, line } in frames {
        let Classification { class, best, runner_up, novelty, .. } = classification;
        let share = |share: Option<f32>| share.map(|share| share.to_string()).unwrap_or_default();
        let second = runner_up.as_ref();
        let cells = [
            image_name(*id),
            id.to_string(),
            Date::of(kept.0).to_string(),
            reason.clone(),
            class.clone().unwrap_or_else(|| UNKNOWN.to_owned()),
            best.clone(),
            share(classification.shown_confidence()),
            second.map(|(class, _)| class.clone()).unwrap_or_default(),
            share(second.map(|(_, confidence)| *confidence)),
            novelty.to_string(),
        ];
        let line = has_lines.then(|| line.clone().unwrap_or_default());
        let cells: Vec<String> = cells.into_iter().chain(line).map(|cell| quoted(&cell)).collect();
        text.push_str(&cells.join(","));
        text.push('\n');
    }
    text
}

/// Classes are single words; a file that was tampered with may hold others, and a line anything.
fn quoted(cell: &str) -> String {
    let is_plain = |c: char| c.is_alphanumeric() || "-_.:".contains(c);
    match cell.chars().all(is_plain) && !cell.starts_with('-') {
        true => cell.to_owned(),
        false => format!("\"'{}\"", cell.replace('"', "\"\"")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::image::frame::Timestamp;

    #[test]
    fn it_has_a_line_a_frame_that_no_spreadsheet_computes() {
        let classification = Classification {
            captured: Timestamp(0),
            age_micros: 0,
            frame: None,
            region: None,
            class: None,
            best: "défaut-2".to_owned(),
            confidence: 0.5,
            runner_up: Some(("=1+\"1".to_owned(), 0.25)),
            novelty: 1.5,
            line: None,
        };
        let frame = InboxFrame {
            id: 7,
            kept: Timestamp(0),
            reason: "novel".to_owned(),
            classification,
            line: Some("=2, as it came".to_owned()),
        };
        let wanted = "file,id,kept,reason,class,best,confidence,second,second_confidence,novelty,line\n\
                      000007.jpg,7,1970-01-01T00:00:00Z,novel,unknown,défaut-2,0.5,\"'=1+\"\"1\",0.25,1.5,\"'=2, as it came\"\n";
        assert_eq!(inbox_table([&frame]), wanted);
        let of_image = inbox_table([&InboxFrame { line: None, ..frame }]);
        assert!(of_image.contains("novelty\n") && of_image.ends_with(",1.5\n"), "{of_image}");
    }
}
