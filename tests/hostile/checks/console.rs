//! What is typed, in any bytes, and what is shown for it.

use fieldtune::protocol::console::{Console, Entry, Event, harmless, one_line, parse, refused};
use fieldtune::protocol::request::{Progress, Refused};
use fieldtune::protocol::wire;

use super::{Input, assert_for_terminal, assert_harmless};

/// * `data`: whether it echoes; answers and names, a piece of each; then what is typed.
pub fn check(data: &[u8]) {
    let mut input = Input::new(data);
    let switches = input.byte();
    let (answer, names) = (input.piece(), String::from_utf8_lossy(input.piece()).into_owned());
    let answer = wire::decode_answer(answer);
    let answer = answer.unwrap_or_else(|error| Err(Refused(error.to_string())));
    let names: Vec<String> = names.split('\n').map(str::to_owned).collect();
    let typed = input.rest();
    let mut console = Console::new(switches & 1 == 1);
    let mut out = Vec::new();
    console.greet(&mut out);
    let mut rest = typed;
    while let Some(event) = console.feed(&mut rest, &mut out) {
        match event {
            Event::Request(_) => {
                console.progress(Progress { done: 1, total: 2, waiting: true }, &mut out);
                console.answer(&answer, &mut out);
            }
            Event::Names(_) => console.complete(&names, &mut out),
            Event::Leave => console.stay(&mut out),
        }
        assert!(out.len() < 64 << 20, "{} bytes for {} that were typed", out.len(), typed.len());
    }
    assert_for_terminal(&out);
    let text = String::from_utf8_lossy(typed);
    assert_harmless(&harmless(&text));
    assert_harmless(&one_line(&text));
    assert_harmless(&refused(&Refused(text.clone().into_owned())));
    text.lines().for_each(line);
}

/// What a line asks for can be sent to a device, and arrives as it was.
fn line(line: &str) {
    match parse(line) {
        Ok(Entry::Request(request)) => {
            let bytes = wire::encode_request(&request).expect("a line holds no feature");
            let again = wire::decode_request(&bytes).expect("what was just encoded");
            assert_eq!(wire::encode_request(&again).as_ref(), Ok(&bytes), "{line:?}");
        }
        Ok(Entry::Help(_) | Entry::Nothing | Entry::Echo(_) | Entry::Leave) => {}
        Err(why) => assert_harmless(&refused(&Refused(why))),
    }
}
