//! The words of messages and help.

use super::*;

/// What is said to people in no text of the program: `docs/glossary.md` and CONTRIBUTING have the words that are.
const UNWANTED_WORDS: [&str; 28] = [
    "asked to end",
    "age at the verdict",
    "frames came",
    "frames judged",
    "no frame came",
    "or less for half",
    ", which has 1 now",
    "it has {} now",
    "is called {to}",
    "beware",
    "not stored, and so not done",
    "what lasts with a verdict",
    "goes safe",
    "go safe",
    "was let go",
    "let go of",
    "opened anew",
    "fetched anew",
    "signed anew",
    "cannot be told",
    "tells what it",
    "is looked at in",
    "looks with",
    "whoever",
    "nobody",
    "somebody",
    "a screenful",
    "made itself",
];

/// Words of [`UNWANTED_WORDS`] in what a file says: its strings, and the comments that help is made of.
fn unwanted_words(sources: &[Source]) -> Vec<String> {
    let mut broken = Vec::new();
    for source in sources {
        let said = source.said().to_lowercase();
        for word in UNWANTED_WORDS.iter().filter(|word| said.contains(*word)) {
            broken.push(format!("{} says \"{word}\"", source.path));
        }
    }
    broken
}

#[test]
fn messages_and_help_use_the_words_of_the_glossary() {
    none(unwanted_words(&sources("src")));
    let said = |text| unwanted_words(&[Source::new("src/cli/run.rs", text)]).len();
    assert_eq!(said("// asked to end\nfn a() {}"), 0, "a comment is for those who read the code");
    assert_eq!(said("fn a() { print(\"it was asked \\\n  to end\") }"), 1);
    assert_eq!(said("/// Whoever asks\n#[arg(long)]\nname: String,"), 1);
    assert_eq!(said("#[cfg(test)]\nmod tests { const A: &str = \"nobody\"; }"), 0);
}
