//! What a mark says of itself, and how refusals speak of it.

#![allow(clippy::unwrap_used, clippy::expect_used)] // a test may panic

mod common;

use std::time::Instant;

use common::{MemoryStore, at, block, chain, vote};
use guard::{Guard, Knowledge, Mark, RawBytesPolicy};
use privval::Step;

#[test]
fn mark_of_a_signed_message_knows_place_block_and_message() {
    let place = at(10, 1, Step::Precommit);
    let message = vote(place, Some(block(7)), 5);
    let mark = Mark::Signed(message.clone());
    assert_eq!(mark.hrs(), place);
    assert_eq!(mark.block_id(), Some(&block(7)));
    assert_eq!(mark.signed(), Some(&message));
    let nil = Mark::Signed(vote(place, None, 5));
    assert_eq!(nil.block_id(), None);
}

#[test]
fn mark_without_its_message_knows_the_place_and_the_block_that_was_written_beside_it() {
    let mark = Mark::Floor {
        hrs: at(10, 1, Step::Prevote),
        block_id: Some(block(7)),
    };
    assert_eq!(mark.block_id(), Some(&block(7)));
    assert_eq!(mark.signed(), None);
}

#[test]
fn last_known_place_is_that_of_the_mark_however_it_came() {
    let mark = Mark::Floor {
        hrs: at(10, 1, Step::Prevote),
        block_id: None,
    };
    assert_eq!(Knowledge::Nothing.hrs(), None);
    assert_eq!(Knowledge::Imported(mark.clone()).hrs(), Some(mark.hrs()));
    assert_eq!(Knowledge::Mark(mark.clone()).hrs(), Some(mark.hrs()));
}

#[test]
fn refusal_of_an_earlier_place_names_the_last_one_and_what_was_signed_there() {
    let asked = vote(at(9, 0, Step::Prevote), Some(block(1)), 5);
    let why = |mark| {
        Guard::new(
            chain(),
            Knowledge::Mark(mark),
            RawBytesPolicy::Off,
            MemoryStore::default(),
        )
        .permit(&asked, None, Instant::now())
        .expect_err("must be refused")
        .to_string()
    };
    let last = at(10, 1, Step::Precommit);
    assert_eq!(
        why(Mark::Signed(vote(last, Some(block(7)), 5))),
        "9/0/1 is before 10/1/2 (a precommit for 0707070707 (parts 1:0707070707)), the last that \
         was signed: signing there again could be a double sign"
    );
    assert_eq!(
        why(Mark::Floor {
            hrs: last,
            block_id: None
        }),
        "9/0/1 is before 10/1/2, the last that was signed: signing there again could be a double \
         sign"
    );
}
