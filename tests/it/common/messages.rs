//! One of every request and every answer that goes over a wire.

use fieldtune::image::frame::{Region, Timestamp};
use fieldtune::learn::command::*;
use fieldtune::learn::decision::{Doubt, Suspect, Thresholds};
use fieldtune::learn::head::{ClassId, ExampleId, HeadConfig, HeadKind};
use fieldtune::learn::learner::Subject;
use fieldtune::protocol::pin::Pin;
use fieldtune::protocol::request::{
    self, Adaptation, Answer, Classification, ConfusionRow, CurvePoint, FineTuning, InboxFrame,
    RecentFrame, Refused, Request,
};
use fieldtune::store::Generation;
use fieldtune::store::signed::Signature;
use fieldtune::store::snapshot::Difference;

use super::device::classification;

pub fn requests() -> Vec<Request> {
    let name = || "scratch".to_owned();
    let examples = || vec![ExampleId(3), ExampleId(u64::MAX)];
    let commands: Vec<Request> = vec![
        request::Undo.into(),
        request::UndoTaught.into(),
        request::Forget::Class(name()).into(),
        request::Forget::Examples(examples()).into(),
        request::Forget::Everything.into(),
        request::Relabel { examples: examples(), class: name() }.into(),
        request::Rename { from: name(), to: "é".to_owned() }.into(),
        request::Classes.into(),
        request::ListExamples { class: None }.into(),
        request::ListExamples { class: Some(name()) }.into(),
        request::GetStatus.into(),
        request::SetHead { kind: None }.into(),
        request::SetHead { kind: Some(HeadKind::Mlp) }.into(),
        request::SetThreshold {
            confidence: Some(0.5),
            novelty: Some(f32::INFINITY),
            false_reject: None,
        }
        .into(),
    ];
    let fractions = Region::Fractions { x: 0.1, y: 0.2, width: 0.3, height: 0.4 };
    let rest = vec![
        Request::Teach(request::Teach { class: name(), count: 5, any: false }),
        Request::Burst(request::Burst { class: name(), millis: 1500, any: false }),
        Request::Teach(request::Teach { class: name(), count: 5, any: true }),
        Request::Burst(request::Burst { class: name(), millis: 1500, any: true }),
        Request::TeachFrames(request::TeachFrames { class: name(), frames: vec![1, u64::MAX] }),
        Request::Recent(request::Recent { unsure_first: true }),
        Request::RecentFew(request::RecentFew { unsure_first: true, most: 3 }),
        Request::RecentPicture(request::RecentPicture { frame: 300 }),
        Request::TeachImage(request::TeachImage { class: name(), image: vec![0, 1, 255] }),
        Request::Classify(request::Classify { image: vec![] }),
        Request::Snap(request::Snap),
        Request::Watch(request::Watch(true)),
        Request::SetRegion(request::SetRegion(None)),
        Request::SetRegion(request::SetRegion(Some(Region::Whole))),
        Request::SetRegion(request::SetRegion(Some(Region::Pixels {
            x: 1,
            y: 2,
            width: 3,
            height: 4,
        }))),
        Request::SetRegion(request::SetRegion(Some(fractions))),
        Request::Outputs(request::Outputs),
        Request::SetOutput(request::SetOutput { name: name(), on: true }),
        Request::TestOutput(request::TestOutput { name: name() }),
        Request::Save(request::Save { name: Some(name()) }),
        Request::Generations(request::Generations),
        Request::RollBack(request::RollBack { generation: 7 }),
        Request::Diff(request::Diff { from: 1, to: Some(2) }),
        Request::DropGeneration(request::DropGeneration { generation: u64::MAX }),
        Request::Log(request::Log { lines: 20 }),
        Request::Settings(request::Settings),
        Request::Set(request::Set { name: name(), value: "3".to_owned() }),
        Request::Version(request::Version),
        Request::Restart(request::Restart),
        Request::Pull(request::Pull),
        Request::Push(request::Push { learned: vec![9; 300], merge: true }),
        Request::Unlock(request::Unlock { pin: Pin::new("1234").expect("four digits") }),
        Request::Lock(request::Lock),
        Request::Regions(request::Regions),
        Request::Of(request::Of {
            region: "left".to_owned(),
            request: Box::new(Request::Snap(request::Snap)),
        }),
        Request::Of(request::Of {
            region: name(),
            request: Box::new(Request::Teach(request::Teach {
                class: name(),
                count: 2,
                any: false,
            })),
        }),
        Request::ExamplePicture(request::ExamplePicture { example: 12 }),
        Request::UndoTeach(request::UndoTeach { examples: examples() }),
        Request::EndBurst(request::EndBurst { class: name() }),
        Request::Inbox(request::Inbox),
        Request::InboxPicture(request::InboxPicture { id: 300 }),
        Request::InboxAssign(request::InboxAssign { class: name(), frames: vec![3, u64::MAX] }),
        Request::InboxDrop(request::InboxDrop::Frames(vec![3, u64::MAX])),
        Request::InboxDrop(request::InboxDrop::All),
        Request::Confusion(request::Confusion),
        Request::TryThreshold(request::TryThreshold {
            confidence: Some(0.5),
            novelty: None,
            false_reject: Some(0.05),
        }),
        Request::GetPolicy(request::GetPolicy),
        Request::SavePolicy(request::SavePolicy {
            text: "trigger = \"part\"".to_owned(),
            revision: Some("1".to_owned()),
        }),
        Request::Explain(request::Explain::default()),
        Request::Explain(request::Explain { frame: Some(300), example: None, inbox: Some(7) }),
        Request::Adapt(request::Adapt { frames: Some(100), r#try: true }),
        Request::EndAdapt(request::EndAdapt),
        Request::Finetune(request::Finetune { depth: Some(2), r#try: true }),
        Request::EndFinetune(request::EndFinetune),
        Request::Follow(request::Follow { on: None }),
        Request::Follow(request::Follow { on: Some(true) }),
    ];
    commands.into_iter().chain(rest).collect()
}

/// Two classes, one of which has a single look.
pub fn confusion() -> Answer {
    let row = |class: &str, predicted| ConfusionRow {
        class: class.to_owned(),
        examples: 5,
        looks: 4,
        predicted,
    };
    let point = |estimate, frames| CurvePoint {
        at: Timestamp(5_000_000),
        examples: 9,
        estimate,
        frames,
        right: frames / 2,
    };
    Answer::Confusion {
        rows: vec![row("good", Some(vec![0.75, 0.25])), row("scratch", None)],
        curve: vec![point(None, 0), point(Some(0.5), 4)],
    }
}

/// One that helps and is in force.
pub fn adapted() -> Answer {
    Answer::Adapted(Box::new(Adaptation {
        frames: 60,
        gain: [1.5, 1.25, 1.0],
        offset: [-4.0, 0.0, 2.5],
        unknown: [0.5, 0.125],
        strangeness: [0.75, -1.5],
        uncertainty: 0.25,
        agreement: 0.875,
        classes: vec![("good".to_owned(), 0.75), ("scratch".to_owned(), 0.25)],
        reason: None,
        applied: true,
    }))
}

/// One that would help.
pub fn fine_tuned() -> Answer {
    Answer::FineTuned(Box::new(FineTuning {
        examples: 48,
        looks: 40,
        cut: "stage3".to_owned(),
        weights: 395_136,
        before: 0.75,
        after: 0.875,
        uncertainty: 0.031_25,
        helps: true,
        applied: false,
    }))
}

pub fn answers() -> Vec<Result<Answer, Refused>> {
    let name = || "scratch".to_owned();
    let pairs = || vec![(name(), "1".to_owned())];
    let accuracy = |few| Accuracy { balanced: 0.9, interval: (0.5, 1.0), few_looks: few };
    let status = || Status {
        dim: 1280,
        head: HeadConfig::of(HeadKind::Ridge),
        classes: 2,
        examples: 10,
        bytes: (1000, 64 << 20),
        undo_steps: 3,
        estimate: Some(accuracy(None)),
        looks: 7,
        advice: "show more good".to_owned(),
        subject: Subject::Frames,
        suspects: vec![Suspect {
            example: ExampleId(4),
            class: ClassId(1),
            taken_for: ClassId(0),
            confidence: 0.8,
            doubt: Doubt::Hard,
        }],
        thresholds: Thresholds::default(),
    };
    let class = ClassSummary { id: ClassId(1), name: name(), count: 5, recall: None };
    let example = ExampleSummary {
        id: ExampleId(4),
        class: name(),
        taught: Timestamp(5),
        origin: "a.png".to_owned(),
        doubt: Some((name(), 0.7)),
    };
    let generation = Generation {
        number: 3,
        name: "before forget scratch".to_owned(),
        automatic: true,
        at: Timestamp(5),
        classes: 2,
        examples: 10,
    };
    let difference = Difference {
        classes_added: vec![name()],
        renamed: vec![(name(), "é".to_owned())],
        gone: vec![(4, name())],
        relabelled: vec![(5, name(), "é".to_owned())],
        ..Difference::default()
    };
    let replies = vec![
        Reply::Taught {
            class: name(),
            examples: vec![ExampleId(1)],
            count: 5,
            new_class: true,
            evicted: vec![ExampleId(0)],
            estimate: None,
        },
        Reply::Undone { changes: vec![name()], left: 2 },
        Reply::Forgotten { classes: vec![name()], examples: vec![ExampleId(1)] },
        Reply::Relabelled { examples: vec![ExampleId(1)], class: name(), new_class: false },
        Reply::Renamed { from: name(), to: name() },
        Reply::Classes(vec![class]),
        Reply::Examples(vec![example]),
        Reply::Status(Box::new(status())),
        Reply::Head {
            config: HeadConfig::of(HeadKind::Knn),
            estimate: Some(Accuracy::without_interval(0.5)),
        },
        Reply::Threshold(Thresholds::of_limit(0.5, f32::INFINITY)),
        Reply::Threshold(Thresholds::of_limit(0.5, -0.01)),
        Reply::Merged { classes: vec![name()], added: 3, known: 2, disputed: 1, repeated: 3 },
        Reply::Effect { thresholds: Thresholds::default(), right: 300, wrong: 2, unknown: 3 },
    ];
    let rest = vec![
        Ok(Answer::Done),
        Ok(Answer::Noted {
            answer: Box::new(Answer::Reply(Reply::Renamed { from: name(), to: name() })),
            note: "2 of 5: the part did not move".to_owned(),
        }),
        Ok(Answer::Status { learned: Some(Box::new(status())), device: pairs() }),
        Ok(Answer::Status { learned: None, device: pairs() }),
        Ok(Answer::Picture { frame: Some(300), width: 640, height: 480, file: vec![1; 50] }),
        Ok(Answer::Recent(vec![
            RecentFrame { number: 2, age_micros: 1, classification: None, line: None },
            RecentFrame {
                number: 1,
                age_micros: u64::MAX,
                classification: Some(Classification {
                    frame: Some(1),
                    ..classification("scratch")
                }),
                line: None,
            },
        ])),
        Ok(Answer::Picture { frame: None, width: 640, height: 480, file: vec![1; 5000] }),
        Ok(Answer::Classified(None)),
        Ok(Answer::Classified(Some(classification("scratch")))),
        Ok(Answer::Classified(Some(Classification {
            region: Some(name()),
            ..classification("scratch")
        }))),
        Ok(Answer::Region(Region::Whole)),
        Ok(Answer::Regions(vec![(None, Region::Whole), (Some(name()), Region::Whole)])),
        Ok(Answer::Outputs(vec![(name(), true)])),
        Ok(Answer::Log(vec![name()])),
        Ok(Answer::Settings(pairs())),
        Ok(Answer::Version { program: name(), model: name() }),
        Ok(Answer::Learned(vec![0; 10])),
        Ok(Answer::Pushed { signature: Signature::None }),
        Ok(Answer::Pushed { signature: Signature::Unchecked }),
        Ok(Answer::Pushed { signature: Signature::Trusted }),
        Ok(Answer::Policy {
            policy: Some("line.toml".to_owned()),
            read_only: None,
            revision: "1".to_owned(),
            text: name(),
        }),
        Ok(Answer::Policy {
            policy: None,
            read_only: Some(name()),
            revision: "2".to_owned(),
            text: String::new(),
        }),
        Ok(Answer::Saved(generation.clone())),
        Ok(Answer::Generations(vec![generation])),
        Ok(Answer::Difference(difference)),
        Err(Refused(name())),
        Ok(Answer::Inbox(vec![InboxFrame {
            id: 300,
            kept: Timestamp(5),
            reason: "unknown".to_owned(),
            classification: classification("scratch"),
            line: None,
        }])),
        Ok(Answer::InboxDropped { frames: 3, left: 200 }),
        Ok(confusion()),
        Ok(adapted()),
        Ok(fine_tuned()),
        // With what stands behind an answer.
        Ok(Answer::Reply(Reply::Taught {
            class: name(),
            examples: vec![ExampleId(1)],
            count: 5,
            new_class: true,
            evicted: Vec::new(),
            estimate: Some(accuracy(Some(name()))),
        })),
        Ok(Answer::Status {
            learned: Some(Box::new(Status { estimate: Some(accuracy(Some(name()))), ..status() })),
            device: pairs(),
        }
        .with_notes(vec!["a note".to_owned()])),
        Ok(Answer::Recent(vec![
            RecentFrame { number: 3, age_micros: 1, classification: None, line: Some(name()) },
            RecentFrame { number: 2, age_micros: 2, classification: None, line: None },
        ])
        .with_notes(vec!["a note".to_owned()])),
        Ok(Answer::Inbox(vec![InboxFrame {
            id: 301,
            kept: Timestamp(5),
            reason: "novel".to_owned(),
            classification: classification("scratch"),
            line: Some(name()),
        }])),
    ];
    replies.into_iter().map(|reply| Ok(Answer::Reply(reply))).chain(rest).collect()
}
