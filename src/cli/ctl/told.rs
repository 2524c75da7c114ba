//! Answers for a person at a terminal; a program that reads them gets the rows of the console, or JSON.

use std::io::IsTerminal as _;

use super::CtlCommand;
use crate::learn::command::{Reply, Status};
use crate::learn::learner::Subject;
use crate::protocol::people::{self, aligned, prediction};
use crate::protocol::request::{
    Answer, Classification, ConfusionRow, CurvePoint, InboxFrame, RecentFrame,
};
use crate::protocol::{adapted, console, json};

impl CtlCommand {
    /// Prints an answer, for people or for programs.
    pub(super) fn tell(&self, answer: &Answer) {
        if self.json {
            println!("{}", json::answer(answer));
            return;
        }
        match lines(answer).filter(|_| std::io::stdout().is_terminal()) {
            Some(lines) => lines.iter().for_each(|line| println!("{line}")),
            None => console::answer(answer).iter().for_each(|row| println!("{row}")),
        }
    }

    /// Prints an answer about an image file or a line, for people or for programs.
    pub(super) fn tell_of_file(&self, answer: &Answer, file: &str) {
        if self.json {
            println!("{}", json::with(json::answer(answer), self.given(), serde_json::json!(file)));
        } else if let (true, Some(lines)) = (std::io::stdout().is_terminal(), lines(answer)) {
            lines.iter().for_each(|line| println!("{}: {line}", console::harmless(file)));
        } else {
            let rows = console::answer(answer).into_iter();
            let given = if self.text { self.given() } else { "image" };
            rows.for_each(|row| println!("{}", row.with(given, file)));
        }
    }
}

/// In lines; `None` where the rows of the console say it as well.
pub(super) fn lines(answer: &Answer) -> Option<Vec<String>> {
    let mut lines = match answer.plain() {
        Answer::Reply(reply @ Reply::Taught { estimate, .. }) => {
            let estimate = estimate.as_ref();
            let estimate = estimate.map(|one| people::estimated(one, Subject::Frames));
            people::lines(reply).into_iter().chain(estimate).collect()
        }
        Answer::Reply(reply) => people::lines(reply),
        Answer::Status { learned, device } => status(learned.as_deref(), device),
        Answer::Recent(frames) => {
            let heading = format!("{:>8}  {:>9}  prediction", "frame", "age");
            [heading].into_iter().chain(frames.iter().map(recent)).collect()
        }
        Answer::Inbox(frames) => {
            let heading = format!("{:>6}  {:<16}  {:<7}  prediction", "id", "kept (UTC)", "reason");
            [heading].into_iter().chain(frames.iter().map(inbox)).collect()
        }
        Answer::Confusion { rows, curve } => confusion(rows, curve),
        Answer::Adapted(adapted) => {
            let mut lines = people::aligned(&adapted::rows(adapted));
            let outcome = adapted::outcome(adapted, "generations", "adapt off");
            lines.extend(outcome.lines().map(str::to_owned));
            lines
        }
        Answer::FineTuned(tuning) => {
            let outcome = tuning.outcome("generations", "rollback");
            [tuning.figures()].into_iter().chain(outcome.lines().map(str::to_owned)).collect()
        }
        Answer::Classified(Some(classification)) => vec![classified(classification)],
        Answer::Log(lines) => lines.clone(),
        Answer::Settings(pairs) => aligned(pairs),
        Answer::Policy { text, read_only, .. } => {
            let why = read_only.iter().map(|why| format!("# not to be changed from here: {why}"));
            text.lines().map(str::to_owned).chain(why).collect()
        }
        Answer::Generations(generations) => people::generations(generations),
        Answer::Difference(difference) => people::difference(difference),
        _ => return None,
    };
    if let Answer::Noted { note, .. } = answer {
        lines.push(format!("note: {note}"));
    }
    Some(lines.iter().map(|line| console::harmless(line)).collect())
}

fn status(learned: Option<&Status>, device: &[(String, String)]) -> Vec<String> {
    let mut rows: Vec<(String, String)> = Vec::new();
    if let Some(learned) = learned {
        let own = people::status(learned).into_iter();
        rows.extend(own.map(|(name, value)| (name.to_owned(), value)));
        let doubted = people::doubted(&learned.suspects, learned.subject, |suspect| {
            format!("example {}, contradicted by the others", suspect.example.0)
        });
        rows.extend(doubted.into_iter().map(|(word, what)| (word.to_owned(), what)));
    }
    // Learned and device are told apart by an empty line, which is no row.
    let mut lines = aligned(&rows);
    if !lines.is_empty() && !device.is_empty() {
        lines.push(String::new());
    }
    lines.extend(aligned(device));
    lines
}

/// A verdict, with the class in second place.
pub(super) fn classified(classification: &Classification) -> String {
    let Classification { region, class, best, runner_up, novelty, .. } = classification;
    let region = region.as_ref().map_or_else(String::new, |region| format!("{region}: "));
    let said = prediction(class.as_deref(), best, classification.shown_confidence());
    let second = runner_up.as_ref().map_or_else(String::new, |(class, confidence)| {
        format!(", then {class} {:.0} %", confidence * 100.0)
    });
    format!("{region}{said}{second}, novelty {novelty:.2}")
}

fn recent(frame: &RecentFrame) -> String {
    let said =
        frame.classification.as_ref().map_or_else(|| "nothing was taught".to_owned(), classified);
    let seconds = frame.age_micros as f64 / 1e6;
    format!("{:>8}  {seconds:>7.1} s  {said}{}", frame.number, line(&frame.line))
}

fn inbox(frame: &InboxFrame) -> String {
    let InboxFrame { id, kept, reason, classification, line: of } = frame;
    let (kept, said) = (people::date(*kept), classified(classification));
    format!("{id:>6}  {kept:<16}  {reason:<7}  {said}{}", line(of))
}

/// What stands behind a prediction of a line.
fn line(line: &Option<String>) -> String {
    line.as_ref().map_or_else(String::new, |line| format!("  {line}"))
}

/// The matrix in percent, a row a class; then the latest points of the curve.
fn confusion(rows: &[ConfusionRow], curve: &[CurvePoint]) -> Vec<String> {
    const POINTS: usize = 12;
    let width = rows.iter().map(|row| row.class.chars().count()).max().unwrap_or(0).max(6);
    let names: String = rows.iter().map(|row| format!("  {:>width$}", row.class)).collect();
    let mut lines = vec![format!("{:<width$}  looks{names}", "taught")];
    for ConfusionRow { class, looks, predicted, .. } in rows {
        let share = |share: &f32| match share * 100.0 {
            percent if percent > 0.0 => format!("  {:>width$}", format!("{percent:.0} %")),
            _ => format!("  {:>width$}", "."),
        };
        let shares = match predicted {
            Some(shares) => shares.iter().map(share).collect(),
            None => "  one look: show another part".to_owned(),
        };
        lines.push(format!("{class:<width$}  {looks:>5}{shares}"));
    }
    if !curve.is_empty() {
        lines.push(String::new());
        lines.push(format!("{:<16}  {:>8}  {:>8}  right", "taught (UTC)", "examples", "estimate"));
    }
    for point in curve.iter().skip(curve.len().saturating_sub(POINTS)) {
        let CurvePoint { at, examples, estimate, frames, right } = point;
        let estimate = estimate.map_or("-".to_owned(), |share| format!("{:.0} %", share * 100.0));
        let right = if *frames > 0 { format!("{right} of {frames}") } else { "-".to_owned() };
        lines.push(format!("{:<16}  {examples:>8}  {estimate:>8}  {right}", people::date(*at)));
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::image::frame::Timestamp;

    #[test]
    fn recent_frames_are_a_table() {
        let classification = Classification {
            captured: Timestamp(0),
            age_micros: 0,
            frame: Some(7),
            region: None,
            class: Some("good".to_owned()),
            best: "good".to_owned(),
            confidence: 0.97,
            runner_up: Some(("dent".to_owned(), 0.03)),
            novelty: 0.5,
            line: None,
        };
        let one = Classification { runner_up: None, ..classification.clone() };
        let frame = |number, classification, line: Option<&str>| {
            let line = line.map(str::to_owned);
            RecentFrame { number, age_micros: 1_500_000, classification, line }
        };
        let frames = vec![
            frame(7, Some(classification), None),
            frame(6, Some(one), None),
            frame(5, None, Some("sshd[1]: \u{1b}[0m")),
        ];
        let wanted = [
            "   frame        age  prediction",
            "       7      1.5 s  good 97 %, then dent 3 %, novelty 0.50",
            "       6      1.5 s  like good (the only class), novelty 0.50",
            "       5      1.5 s  nothing was taught  sshd[1]: \\u{1b}[0m",
        ];
        assert_eq!(lines(&Answer::Recent(frames)).expect("a table"), wanted);
    }

    #[test]
    fn a_device_is_told_below_what_it_learned() {
        let device = vec![
            ("classified".to_owned(), "12".to_owned()),
            ("age_p50_ms".to_owned(), "8.1".to_owned()),
        ];
        let answer = Answer::Status { learned: None, device };
        let wanted = ["classified  12", "age_p50_ms  8.1"];
        assert_eq!(lines(&answer).expect("lines"), wanted);
        assert_eq!(lines(&Answer::Done), None, "the console's ok says it");
    }
}
