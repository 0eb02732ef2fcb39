//! The table accept, replay, refuse: one test a line, each rule with its accept, its refuse and
//! its boundary.

#![allow(clippy::unwrap_used, clippy::expect_used)] // a test may panic

mod common;

use std::time::{Duration, Instant};

use common::{MemoryStore, at, block, chain, proposal, vote};
use guard::{Guard, Knowledge, Mark, RawBytesPolicy, Refusal};
use privval::{Canonical, Height, RawBytes, Step};

fn guard(knowledge: Knowledge) -> (Guard<MemoryStore>, MemoryStore) {
    let store = MemoryStore::default();
    let guard = Guard::new(chain(), knowledge, RawBytesPolicy::Off, store.clone());
    (guard, store)
}

fn signed(canonical: Canonical) -> Knowledge {
    Knowledge::Mark(Mark::Signed(canonical))
}

/// Asserts that `asked` is refused after `mark`, that nothing was committed, and returns why.
fn refused(mark: Knowledge, asked: &Canonical) -> Refusal {
    let (mut guard, store) = guard(mark);
    let refusal = guard
        .permit(asked, None, Instant::now())
        .expect_err("must be refused");
    assert!(store.commits.lock().unwrap().is_empty());
    refusal
}

/// Asserts that `asked` advances after `mark`, with its commit before the permit.
fn advances(mark: Knowledge, asked: &Canonical) {
    let (mut guard, store) = guard(mark);
    let permit = guard
        .permit(asked, None, Instant::now())
        .expect("must be permitted");
    assert!(!permit.is_replay());
    assert_eq!(
        guard::Permit::from(permit).sign_bytes(),
        asked.sign_bytes().as_slice()
    );
    assert_eq!(*store.commits.lock().unwrap(), vec![asked.clone()]);
}

#[test]
fn later_height_round_or_step_is_signed() {
    let mark = || signed(vote(at(5, 1, Step::Prevote), Some(block(1)), 0));
    advances(mark(), &vote(at(5, 1, Step::Precommit), Some(block(1)), 0));
    advances(mark(), &proposal(5, 2, -1, block(2)));
    advances(mark(), &proposal(6, 0, -1, block(2)));
    advances(
        mark(),
        &vote(at(i64::MAX, i32::MAX, Step::Precommit), None, 0),
    );
}

#[test]
fn earlier_height_round_or_step_is_refused() {
    let mark = || signed(vote(at(5, 1, Step::Prevote), Some(block(1)), 0));
    for asked in [
        proposal(5, 1, -1, block(1)),
        vote(at(5, 0, Step::Precommit), Some(block(1)), 0),
        vote(at(4, 9, Step::Precommit), Some(block(1)), 0),
        proposal(1, 0, -1, block(1)),
    ] {
        let refusal = refused(mark(), &asked);
        assert!(matches!(refusal, Refusal::Regression { .. }), "{refusal}");
    }
}

#[test]
fn same_bytes_are_signed_again_without_a_second_commit() {
    let first = vote(at(5, 0, Step::Precommit), Some(block(1)), 7);
    let (mut guard, store) = guard(signed(first.clone()));
    let permit = guard.permit(&first, None, Instant::now()).unwrap();
    assert!(permit.is_replay());
    assert_eq!(
        guard::Permit::from(permit).sign_bytes(),
        first.sign_bytes().as_slice()
    );
    assert!(store.commits.lock().unwrap().is_empty());
}

#[test]
fn same_vote_with_another_timestamp_gets_the_first_one_again() {
    let first = vote(at(5, 0, Step::Precommit), Some(block(1)), 7);
    let later = vote(at(5, 0, Step::Precommit), Some(block(1)), 8);
    let (mut guard, _) = guard(signed(first.clone()));
    let permit = guard.permit(&later, None, Instant::now()).unwrap();
    assert_eq!(permit.timestamp().seconds, 7);
    assert_eq!(
        guard::Permit::from(permit).sign_bytes(),
        first.sign_bytes().as_slice()
    );
}

#[test]
fn another_block_at_the_same_place_is_refused() {
    let refusal = refused(
        signed(vote(at(5, 0, Step::Prevote), Some(block(1)), 0)),
        &vote(at(5, 0, Step::Prevote), Some(block(2)), 0),
    );
    assert_eq!(
        refusal.to_string(),
        "double sign refused at 5/0/1: a prevote for 0101010101 (parts 1:0101010101) was signed \
         there, a prevote for 0202020202 (parts 1:0202020202) was asked for"
    );
    assert_eq!(refusal.remote_error().code, 2);
}

#[test]
fn nil_after_a_block_and_a_block_after_nil_are_refused() {
    let for_block = vote(at(5, 0, Step::Precommit), Some(block(1)), 0);
    let for_nil = vote(at(5, 0, Step::Precommit), None, 0);
    for (first, second) in [(&for_block, &for_nil), (&for_nil, &for_block)] {
        let refusal = refused(signed(first.clone()), second);
        assert!(matches!(refusal, Refusal::Conflict { .. }), "{refusal}");
    }
}

#[test]
fn same_hash_with_other_parts_is_refused() {
    let mut other = block(1);
    other.parts_hash = [9; 32];
    let refusal = refused(
        signed(vote(at(5, 0, Step::Prevote), Some(block(1)), 0)),
        &vote(at(5, 0, Step::Prevote), Some(other), 0),
    );
    assert!(matches!(refusal, Refusal::Conflict { .. }), "{refusal}");
}

#[test]
fn same_block_with_another_pol_round_is_refused() {
    let refusal = refused(
        signed(proposal(5, 2, -1, block(1))),
        &proposal(5, 2, 1, block(1)),
    );
    assert_eq!(
        refusal.to_string(),
        "double sign refused at 5/2/0: a proposal of 0101010101 (parts 1:0101010101) with POL \
         round -1 was signed there, a proposal of 0101010101 (parts 1:0101010101) with POL round \
         1 was asked for"
    );
}

#[test]
fn prevote_for_one_block_then_precommit_for_another_in_the_same_round_is_legal() {
    advances(
        signed(vote(at(5, 0, Step::Prevote), Some(block(1)), 0)),
        &vote(at(5, 0, Step::Precommit), Some(block(2)), 0),
    );
}

#[test]
fn imported_mark_refuses_its_place_and_signs_the_next() {
    let floor = || {
        Knowledge::Mark(Mark::Floor {
            hrs: at(5, 0, Step::Prevote),
            block_id: Some(block(1)),
        })
    };
    let refusal = refused(floor(), &vote(at(5, 0, Step::Prevote), Some(block(1)), 0));
    assert_eq!(refusal.cause(), "unknown_content");
    advances(floor(), &vote(at(5, 0, Step::Precommit), Some(block(1)), 0));
}

/// A mark that was kept with the key, at the prevote of height 5.
fn imported() -> Knowledge {
    Knowledge::Imported(Mark::Signed(vote(
        at(5, 0, Step::Prevote),
        Some(block(1)),
        0,
    )))
}

#[test]
fn mark_beside_the_key_is_gone_on_from_at_its_height_and_the_next() {
    advances(
        imported(),
        &vote(at(5, 0, Step::Precommit), Some(block(1)), 0),
    );
    advances(imported(), &proposal(6, 0, -1, block(2)));
    let refusal = refused(imported(), &vote(at(5, 0, Step::Prevote), None, 0));
    assert_eq!(refusal.cause(), "conflict");
    assert_eq!(
        refused(imported(), &proposal(5, 0, -1, block(1))).cause(),
        "regression"
    );
    let (mut guard, _) = guard(imported());
    let again = vote(at(5, 0, Step::Prevote), Some(block(1)), 9);
    assert!(
        guard
            .permit(&again, None, Instant::now())
            .unwrap()
            .is_replay()
    );
}

/// Asks for a proposal at these heights, each so many milliseconds after the first, and tells
/// which were signed.
fn signed_of(knowledge: Knowledge, asked: &[(u64, i64)]) -> Vec<i64> {
    let (mut guard, store) = guard(knowledge);
    let start = Instant::now();
    let mut heights = Vec::new();
    for (after_ms, height) in asked {
        let now = start + Duration::from_millis(*after_ms);
        match guard.permit(&proposal(*height, 0, -1, block(1)), None, now) {
            Ok(_) => heights.push(*height),
            Err(refusal) => assert_eq!(refusal.cause(), "no_past", "{refusal}"),
        }
    }
    assert_eq!(store.commits.lock().unwrap().len(), heights.len());
    heights
}

const WAIT_MS: u64 = 30_000;

#[test]
fn mark_beside_the_key_does_not_vouch_for_later_heights() {
    // The signer's own state may have been lost at height 6 or any later one.
    let asked = [(0, 7), (0, 7), (1, 8), (WAIT_MS, 8), (WAIT_MS, 9)];
    assert_eq!(signed_of(imported(), &asked), [9]);
    // And once it waits it is not believed for its own next height either.
    assert_eq!(signed_of(imported(), &[(0, 7), (WAIT_MS, 6)]), []);
}

#[test]
fn without_a_past_height_one_is_signed() {
    advances(Knowledge::Nothing, &proposal(1, 0, -1, block(1)));
}

#[test]
fn without_a_past_every_other_height_is_let_pass_until_the_wait_is_over() {
    let asked = [(0, 70), (0, 70), (WAIT_MS - 1, 71), (WAIT_MS - 1, 1)];
    assert_eq!(signed_of(Knowledge::Nothing, &asked), []);
}

#[test]
fn without_a_past_the_first_height_past_all_that_were_asked_for_is_signed() {
    let asked = [
        (0, 70),
        (WAIT_MS, 70),
        (WAIT_MS, 69),
        (WAIT_MS, 71),
        (WAIT_MS, 72),
    ];
    assert_eq!(signed_of(Knowledge::Nothing, &asked), [71, 72]);
}

#[test]
fn node_that_lags_behind_another_one_gets_nothing_signed_that_may_have_been_signed_before() {
    // The one that lags comes first, and catches up while the other one is at the chain's tip.
    let asked = [
        (0, 70),
        (500, 100),
        (900, 71),
        (20_000, 101),
        (WAIT_MS, 90),
        (WAIT_MS + 1, 101),
        (WAIT_MS + 2, 102),
    ];
    assert_eq!(signed_of(Knowledge::Nothing, &asked), [102]);
}

#[test]
fn refusal_without_a_past_says_when_signing_begins_and_what_to_do() {
    let (mut guard, _) = guard(Knowledge::Nothing);
    let asked = vote(at(70, 0, Step::Prevote), Some(block(1)), 0);
    let refusal = guard.permit(&asked, None, Instant::now()).unwrap_err();
    assert_eq!(
        refusal.to_string(),
        "height 70 is let pass: this signer has no state from before, so it cannot know what was \
         signed there. It listens for 30 s after the first request and then signs past height 70, \
         the highest asked for. A chain with a single validator would wait for ever: there, \
         import the last state with `tmkms state import` and start again"
    );
    assert_eq!(refusal.remote_error().code, 1);
    assert!(guard.waiting().is_some());
}

#[test]
fn max_height_itself_is_signed_and_the_next_is_not() {
    let (mut guard, _) = guard(signed(proposal(9, 0, -1, block(1))));
    let max = Height::try_from(10).ok();
    assert!(
        guard
            .permit(&proposal(10, 0, -1, block(1)), max, Instant::now())
            .is_ok()
    );
    let refusal = guard
        .permit(&proposal(11, 0, -1, block(1)), max, Instant::now())
        .unwrap_err();
    assert_eq!(
        refusal.to_string(),
        "height 11 is past max_height = 10 in tmkms.toml: this signer stops there"
    );
}

#[test]
fn another_chain_is_refused_and_changes_nothing() {
    let Canonical::Proposal(mut foreign) = proposal(6, 0, -1, block(1)) else {
        unreachable!()
    };
    foreign.chain_id = privval::ChainId::new("testnet-2").unwrap();
    let refusal = refused(
        signed(proposal(5, 0, -1, block(1))),
        &Canonical::Proposal(foreign),
    );
    assert!(
        refusal
            .to_string()
            .starts_with("the request is for chain testnet-2, this signer signs for testnet-1"),
        "{refusal}"
    );
}

#[test]
fn failed_commit_gives_no_permit_and_halts_the_guard() {
    let (mut guard, store) = guard(signed(proposal(5, 0, -1, block(1))));
    *store.broken.lock().unwrap() = true;
    let next = vote(at(5, 0, Step::Prevote), Some(block(1)), 0);
    assert_eq!(
        guard
            .permit(&next, None, Instant::now())
            .unwrap_err()
            .cause(),
        "store"
    );

    *store.broken.lock().unwrap() = false;
    for asked in [&next, &proposal(5, 0, -1, block(1))] {
        let refusal = guard.permit(asked, None, Instant::now()).unwrap_err();
        assert_eq!(refusal.cause(), "halted");
        assert!(refusal.to_string().contains("no space left on device"));
    }
    assert!(store.commits.lock().unwrap().is_empty());
}

#[test]
fn extension_is_permitted_on_a_precommit_for_a_block_and_nowhere_else() {
    let extension_of = |asked: Canonical| {
        let (mut guard, _) = guard(signed(proposal(5, 0, -1, block(1))));
        let permit = guard.permit(&asked, None, Instant::now()).unwrap();
        permit.extension(b"price").is_some()
    };
    assert!(extension_of(vote(
        at(5, 0, Step::Precommit),
        Some(block(1)),
        0
    )));
    assert!(!extension_of(vote(at(5, 0, Step::Precommit), None, 0)));
    assert!(!extension_of(vote(
        at(5, 0, Step::Prevote),
        Some(block(1)),
        0
    )));
    assert!(!extension_of(proposal(6, 0, -1, block(1))));
}

#[test]
fn raw_bytes_are_signed_only_where_allowed_and_never_as_a_vote() {
    let forged = vote(at(9, 0, Step::Precommit), Some(block(1)), 0).sign_bytes();
    let with = |policy| Guard::new(chain(), Knowledge::Nothing, policy, MemoryStore::default());
    // As CometBFT 1.0 has it: signed as it is. As Celestia has it: signed behind a prefix.
    let plain = |bytes: &[u8]| RawBytes {
        chain_id: None,
        content: bytes.to_vec(),
        sign_bytes: bytes.to_vec(),
    };
    let prefixed = |bytes: &[u8], chain_id: &str| RawBytes {
        chain_id: Some(chain_id.to_owned()),
        content: bytes.to_vec(),
        sign_bytes: [b"PREFIX", bytes].concat(),
    };
    let off = with(RawBytesPolicy::Off);
    assert_eq!(
        off.permit_raw_bytes(plain(b"hello")).unwrap_err(),
        Refusal::RawBytesOff
    );
    let on = with(RawBytesPolicy::On);
    assert!(on.permit_raw_bytes(plain(b"hello")).is_ok());
    assert!(on.permit_raw_bytes(prefixed(b"hello", "testnet-1")).is_ok());
    let other = on.permit_raw_bytes(prefixed(b"hello", "testnet-2"));
    assert_eq!(other.unwrap_err().cause(), "wrong_chain");
    for bytes in [forged, proposal(9, 0, -1, block(1)).sign_bytes()] {
        for raw in [plain(&bytes), prefixed(&bytes, "testnet-1")] {
            assert_eq!(
                on.permit_raw_bytes(raw).unwrap_err(),
                Refusal::RawBytesLookLikeConsensus
            );
        }
    }
}
