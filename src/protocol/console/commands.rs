//! The commands of the console: what each takes, what it is for, what may complete it.

/// What an argument may be, to complete it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    Class,
    Region,
    Output,
    Head,
    Command,
    Words(&'static [&'static str]),
}

/// A command of the console.
#[derive(Debug, PartialEq, Eq)]
pub struct Spec {
    /// Its name.
    pub name: &'static str,
    /// What it takes.
    pub arguments: &'static str,
    /// What it does, in a line.
    pub about: &'static str,
    /// What else there is to know, in a line; may be empty.
    pub more: &'static str,
    pub(super) places: &'static [Place],
}

const fn spec(
    name: &'static str,
    arguments: &'static str,
    about: &'static str,
    places: &'static [Place],
    more: &'static str,
) -> Spec {
    Spec { name, arguments, about, more, places }
}

use Place::{Class, Head, Output, Words};

const ON_OFF: Place = Words(&["on", "off"]);

/// Every command, in the order that `help` lists them.
pub const COMMANDS: [Spec; 31] = [
    spec(
        "help",
        "[COMMAND]",
        "this list, or what a command does",
        &[Place::Command],
        "? does the same.",
    ),
    spec(
        "teach",
        "CLASS [COUNT] [any] | CLASS frame NUMBER...",
        "learn what the camera sees now, or frames that were judged",
        &[Class, Words(&["any", "frame"])],
        "A new name makes a new class. COUNT frames are learned, 1 if left out; each has to differ from the others, so \
         move the part. With `any` every frame is taken. 10 s without a different frame end it. \
         With `frame` those are learned that `recent` lists.",
    ),
    spec(
        "burst",
        "CLASS [SECONDS] [any]",
        "learn what the camera sees for a while",
        &[Class],
        "2 seconds if left out. Move the part meanwhile: only frames that differ are learned, or with `any` all.",
    ),
    spec("undo", "", "take back the latest change", &[], ""),
    spec(
        "forget",
        "CLASS | example ID...",
        "forget a class, or single examples, exactly",
        &[Class],
        "The ids are those that `examples` lists. `undo` brings them back.",
    ),
    spec("relabel", "CLASS ID...", "these examples are of that class", &[Class], ""),
    spec("rename", "CLASS NAME", "call a class differently", &[Class], ""),
    spec(
        "classes",
        "",
        "the classes, their examples, how well each is told from the others",
        &[],
        "",
    ),
    spec(
        "examples",
        "[CLASS]",
        "the examples, and which of them the others contradict",
        &[Class],
        "",
    ),
    spec(
        "status",
        "",
        "what it knows, how well it would do, how the device is",
        &[],
        "estimate: of all examples, how many the others would have judged right. suspects: which they contradict. \
         age: from a frame's capture to its verdict; pin: to the outputs. dropped: frames that a newer one replaced. \
         dropped_messages: verdicts that a port had no room for.",
    ),
    spec(
        "watch",
        "on | off",
        "tell every verdict as it comes",
        &[ON_OFF],
        "Verdicts that the line has no room for are left out.",
    ),
    spec(
        "recent",
        "[unsure | NUMBER]",
        "list the frames that were judged, the newest first, or the least sure",
        &[Words(&["unsure"])],
        "`teach CLASS frame NUMBER` learns one of them, also after its part has gone. Up to 200 are kept, the unsure ones \
         longest. `fieldtune ctl recent DIR` fetches their pictures.",
    ),
    spec(
        "snap",
        "",
        "take a picture",
        &[],
        "Here only its size is told; `fieldtune ctl snap FILE` fetches it.",
    ),
    spec(
        "scene",
        "[KIND | auto]",
        "what a synthetic camera shows: parts of one kind, or of all by turns",
        &[Words(&["auto", "good", "scratch", "dent", "crack", "rust", "pits", "weld", "bench"])],
        "For run --camera synthetic: alone; `status` tells what lies there. `set scene KIND` is the same.",
    ),
    spec(
        "region",
        "[whole | X,Y,WIDTH,HEIGHT]",
        "look at this part of every frame",
        &[Words(&["whole"])],
        "In pixels, or with a decimal point in fractions of the frame: 0.25,0.25,0.5,0.5. Until the next start: a board's \
         file keeps it ([regions]), or run --region.",
    ),
    spec(
        "regions",
        "",
        "list the parts of a frame that are looked at",
        &[],
        "Where the board has several, put the name of one before a command: `@left teach good 5`",
    ),
    spec("head", "[KIND]", "use another head, taught with all examples", &[Head], ""),
    spec(
        "threshold",
        "[confidence=C] [novelty=N | false-reject=SHARE]",
        "when a verdict is unknown",
        &[
            Words(&["confidence=", "novelty=", "false-reject="]),
            Words(&["confidence=", "novelty=", "false-reject="]),
        ],
        "Less sure than C (0 to 1), or less like all examples than N (1 is usual, inf is never). A novelty of 1 is what SHARE of the frames of taught classes reach: 2% unless told otherwise.",
    ),
    spec(
        "outputs",
        "[NAME on | off | test]",
        "list the outputs, or switch one by hand",
        &[Output, Words(&["on", "off", "test"])],
        "The next verdict decides again.",
    ),
    spec(
        "save",
        "[NAME]",
        "keep what is learned now as a generation, to come back to",
        &[],
        "Everything is stored anyway before it is answered with ok; a generation is a point to return to.",
    ),
    spec(
        "generations",
        "[drop N]",
        "the generations: saved, made before something was taken away, daily",
        &[Words(&["drop"])],
        "The oldest that made itself goes when there are 32; what was saved stays until it is dropped.",
    ),
    spec(
        "rollback",
        "N",
        "learned is again what was learned in generation N",
        &[],
        "What is learned now becomes a generation first.",
    ),
    spec("diff", "N [M]", "what changed from generation N to M, or until now", &[], ""),
    spec("log", "[LINES]", "the latest lines of the log", &[], "20 if left out."),
    spec(
        "set",
        "[NAME VALUE]",
        "list the settings, or change one",
        &[Words(&["echo", "smoothing", "scene"]), ON_OFF],
        "`set echo off` is for programs: no prompt, no echo, no completion on this port. `set smoothing N` holds until the \
         next start; run --smoothing keeps it.",
    ),
    spec("version", "", "which program and which backbone", &[], ""),
    spec("restart", "", "end in good order and start again", &[], ""),
    spec(
        "pull",
        "",
        "fetch everything that was learned",
        &[],
        "For programs: `fieldtune ctl pull FILE` and `fieldtune ctl push FILE`.",
    ),
    spec(
        UNLOCK,
        "PIN",
        "allow every change at this port for a while",
        &[],
        "Where the board file locks the port. It locks again with `lock`, and by itself. The PIN is not shown.",
    ),
    spec("lock", "", "allow no changes any more without the PIN", &[], ""),
    spec(
        "quit",
        "",
        "leave: end the program at its own terminal",
        &[],
        "At a socket only the connection is ended; a serial line cannot be left. exit and Ctrl-D in an empty line do the \
         same.",
    ),
];

/// The command whose argument nobody is to see.
pub(super) const UNLOCK: &str = "unlock";
