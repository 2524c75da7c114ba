//! Updates of a card of Debian packages alone that go wrong, on an emulated Raspberry Pi 3. They take long: `.ci/run long` runs
//! them; `FIELDTUNE_CUTS` says how often the power is cut.

use std::time::Duration;

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::card::{Board, Card, NOTES, SLOTS};
use super::images;

/// A card whose device was taught a class, in slot A.
fn taught() -> Option<Card> {
    let mut card = Card::written(images()?);
    // The trial is as long as on a device unless a test says otherwise; ten seconds of frames will do here.
    card.arguments = "fieldtune.proof=10".to_owned();
    let board = card.start();
    board.until(" ms a frame");
    let taught = board.ctl(&["teach", "good", "2", "any"]);
    assert!(taught.stdout.contains("count=2"), "{taught:?}");
    board.cut_power();
    Some(card)
}

/// What was taught is there, and the store is whole: the device opened it and answers.
fn knows(board: &Board) {
    board.until("1 class taught");
    let classes = board.ctl(&["classes"]);
    assert!(classes.stdout.contains("name=good examples=2"), "{classes:?}");
}

#[test]
#[ignore = "minutes: .ci/run long"]
fn an_update_that_does_not_work_is_left_by_itself() {
    let Some(mut card) = taught() else { return };
    card.arguments = "fieldtune.proof=10 fieldtune.trial=30".to_owned();
    for update in ["dies", "hangs"] {
        let card = card.copied();
        let board = card.start_with(Some(&card.stick(update)));
        board.until("is installed and starts next");
        board.until("slot B runs");
        board.until("slot B has not classified frames for a minute: the other one starts");
        // Not the first of its lines: that of after.
        board.until_after("the other one starts", "slot A runs");
        board.until_after("the other one starts", "was carried out or refused before");
        let left = board.until_after("the other one starts", "1 class taught");
        knows(&board);
        println!("{update}: back after {left:.0} s");
        board.cut_power();
    }
}

#[test]
#[ignore = "minutes: .ci/run long"]
fn a_system_that_hangs_is_started_three_times_then_left() {
    let Some(mut card) = taught() else { return };
    card.watchdog = "softdog";
    let board = card.start_with(Some(&card.stick("stuck")));
    board.until("is installed and starts next");
    let left = board.until_after("slot B runs", "slot A runs");
    let starts = board.screen().matches("slot B runs").count();
    assert_eq!(starts, 3, "{}", board.screen());
    board.until_after("slot B runs", "1 class taught");
    knows(&board);
    println!("stuck: back after {left:.0} s");
    board.cut_power();
}

#[test]
#[ignore = "minutes: .ci/run long"]
fn rollbacks_torn_slots_and_notes_leave_one_that_starts() {
    let Some(card) = taught() else { return };
    let board = card.start_with(Some(&card.stick("next")));
    board.until("slot B is good");
    board.cut_power();
    // Back to the slot before, once.
    let back = card.copied();
    let board = back.start_with(Some(&back.stick_with("fieldtune-rollback", b"")));
    board.until("slot A starts next");
    board.until_after("slot A starts next", "slot A runs");
    board.until_after("slot A runs", "fieldtune-rollback was carried out or refused before");
    knows(&board);
    board.cut_power();
    // One of the notes: the other says that B starts.
    for note in NOTES {
        let card = card.copied();
        card.spoil(note, 100);
        let board = card.start();
        board.until("slot B runs");
        knows(&board);
        board.cut_power();
    }
    // Both of them: whichever starts is whole.
    let both = card.copied();
    NOTES.iter().for_each(|note| both.spoil(*note, 100));
    let board = both.start();
    board.until("slot A runs");
    knows(&board);
    board.until("slot A is good");
    board.cut_power();
    // The slot itself, in its kernel or system.
    card.spoil(SLOTS[1] + (12 << 20), 4096);
    let board = card.start();
    board.until("slot A runs");
    knows(&board);
    board.cut_power();
}

#[test]
#[ignore = "an hour: .ci/run long"]
fn power_cuts_in_an_update_leave_one_that_starts() {
    let cuts = std::env::var("FIELDTUNE_CUTS").ok().and_then(|text| text.parse().ok());
    let cuts: u32 = cuts.unwrap_or(20);
    let Some(card) = taught() else { return };
    // How long it takes without a cut, from the first start to a slot that is good.
    let whole = card.copied();
    let board = whole.start_with(Some(&whole.stick("next")));
    let begins = board.until("is installed");
    let ends = board.until("slot B is good");
    board.cut_power();
    // In equal steps, each off by chance.
    let mut random = ChaCha8Rng::seed_from_u64(20);
    let step = (ends + 5.0 - begins) / f64::from(cuts);
    let (mut on_a, mut on_b) = (0, 0);
    for cut in 0..cuts {
        let at = begins + step * (f64::from(cut) + random.random_range(0.0..1.0));
        let card = card.copied();
        let board = card.start_with(Some(&card.stick("next")));
        board.run_until(Duration::from_secs_f64(at));
        board.cut_power();
        let board = card.start();
        board.until("1 class taught");
        knows(&board);
        let is_b = board.screen().contains("slot B runs");
        assert!(is_b || board.screen().contains("slot A runs"), "{}", board.screen());
        *(if is_b { &mut on_b } else { &mut on_a }) += 1;
        println!("cut {cut} at {at:.1} s: slot {}", if is_b { 'B' } else { 'A' });
        board.cut_power();
    }
    println!("{cuts} cuts between {begins:.0} and {ends:.0} s: {on_a} end on slot A, {on_b} on B");
    assert!(on_a > 0 && on_b > 0, "the cuts were not spread over the update");
}
