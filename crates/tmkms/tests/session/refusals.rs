//! Refusals: each is an answer, and the connection stays open and goes on to sign.

use std::time::Duration;

use privval::node_side::{
    Answer, ping, sign_bytes_request, sign_proposal_request, sign_vote_request,
};
use privval::{Canonical, ChainId};

use crate::support::{
    Asker, CHAIN, Fields, Home, Line, Rig, framed, nil_precommit, nil_prevote, precommit, prevote,
    prevote_in_round, proposal, proposal_with_pol_round,
};

/// Signs one height, has `request` refused with `code` and a text, then signs the next height on
/// the same connection.
fn refused_and_goes_on(asker: &mut Asker, height: i64, request: &[u8], code: i32, text: &str) {
    let (found, why) = asker.refused_bytes(request);
    assert!(why.contains(text), "expected {text:?}, got {why:?}");
    assert_eq!(found, code, "{why}");
    asker.sign(&prevote(height, "next"));
}

fn with_chain(message: &Canonical, chain: &str) -> Vec<u8> {
    let chain = ChainId::new(chain).unwrap();
    let mut message = message.clone();
    match &mut message {
        Canonical::Vote(vote) => vote.chain_id = chain,
        Canonical::Proposal(proposal) => proposal.chain_id = chain,
    }
    framed(&message)
}

/// A request for the signature of a vote (oneof field 3) or a proposal (5).
fn request(oneof: u8, message: Fields) -> Vec<u8> {
    Fields::new()
        .bytes(oneof, Fields::new().bytes(1, message).bytes(2, CHAIN))
        .framed()
}

fn block() -> Fields {
    let parts = Fields::new().number(1, 1).bytes(2, [2; 32]);
    Fields::new().bytes(1, [1; 32]).bytes(2, parts)
}

#[test]
fn what_the_guard_refuses_is_answered_and_the_connection_goes_on() {
    let rig = Rig::new();
    let mut asker = rig.accept();
    asker.sign(&prevote_in_round(1, 1, "a"));
    let cases: [(Vec<u8>, i32, &str); 9] = [
        (
            framed(&prevote_in_round(1, 0, "a")),
            2,
            "1/0/1 is before 1/1/1 (a prevote for ",
        ),
        (
            framed(&proposal(2, "a")),
            2,
            "2/0/0 is before 2/0/1 (a prevote for ",
        ),
        (
            framed(&precommit(2, "next")),
            2,
            "2/0/2 is before 3/0/1 (a prevote for ",
        ),
        (
            framed(&prevote(4, "other")),
            2,
            "double sign refused at 4/0/1: a prevote for ",
        ),
        (
            framed(&nil_prevote(5)),
            2,
            "a prevote for nil was asked for",
        ),
        (
            with_chain(&prevote(7, "a"), "othernet-1"),
            1,
            "the request is for chain othernet-1, this signer signs for testnet-1 here",
        ),
        (
            with_chain(&proposal(8, "a"), "othernet-1"),
            1,
            "the request is for chain othernet-1, this signer signs for testnet-1 here",
        ),
        (
            sign_bytes_request(b"anything"),
            1,
            "signing of raw bytes is off",
        ),
        (
            privval::node_side::sign_raw_bytes_request(CHAIN, b"anything", "id"),
            1,
            "signing of raw bytes is off",
        ),
    ];
    for (height, (bytes, code, text)) in (2..).zip(cases) {
        refused_and_goes_on(&mut asker, height, &bytes, code, text);
    }
}

#[test]
fn what_cannot_be_signed_is_answered_and_the_connection_goes_on() {
    let rig = Rig::new();
    let mut asker = rig.accept();
    let vote = || Fields::new().number(1, 1).number(2, 1000).bytes(4, block());
    let no_parts = Fields::new().bytes(1, [1; 32]);
    let Canonical::Vote(nil_precommit) = nil_precommit(1000) else {
        unreachable!()
    };
    let Canonical::Vote(prevote) = prevote(1000, "a") else {
        unreachable!()
    };
    let proposal = || {
        Fields::new()
            .number(1, 32)
            .number(2, 1000)
            .bytes(5, block())
    };
    let far = Fields::new().number(1, 253_402_300_800);
    let cases: [(Vec<u8>, &str); 19] = [
        (
            request(
                3,
                Fields::new().number(1, 1).number(2, -5).bytes(4, block()),
            ),
            "height -5 is negative",
        ),
        (request(3, vote().number(3, -1)), "round -1 is negative"),
        (request(3, vote().number(1, 0)), "vote type 0 is neither"),
        (request(3, vote().number(1, 3)), "vote type 3 is neither"),
        (request(3, vote().number(1, 32)), "vote type 32 is neither"),
        (
            request(
                3,
                Fields::new().number(1, 2).number(2, 9).bytes(4, no_parts),
            ),
            "the block id is neither complete",
        ),
        (
            request(3, vote().bytes(5, far)),
            "timestamp 253402300800 s 0 ns is out of range",
        ),
        (
            Fields::new().bytes(3, []).framed(),
            "has nothing in it to sign",
        ),
        (
            Fields::new()
                .bytes(3, Fields::new().bytes(1, vote()))
                .framed(),
            "a chain id must not be empty",
        ),
        (
            Fields::new().bytes(3, [0xff; 40]).framed(),
            "not valid protobuf",
        ),
        (
            Fields::new().bytes(5, [0xff; 40]).framed(),
            "not valid protobuf",
        ),
        (
            Fields::new().bytes(1, [0xff; 40]).framed(),
            "not valid protobuf",
        ),
        (
            sign_vote_request(&nil_precommit, b"extension", false),
            "a vote extension on a vote that is not a precommit for a block",
        ),
        (
            sign_vote_request(&prevote, b"extension", true),
            "a vote extension on a vote that is not a precommit for a block",
        ),
        (
            request(5, proposal().number(2, -1)),
            "height -1 is negative",
        ),
        (
            request(5, proposal().number(1, 1)),
            "message type 1 is not that of a proposal (32)",
        ),
        (
            request(5, proposal().number(4, -2)),
            "proof-of-lock round -2 is below -1",
        ),
        (
            request(5, Fields::new().number(1, 32).number(2, 9)),
            "the proposal names no block",
        ),
        (
            Fields::new().bytes(5, []).framed(),
            "has nothing in it to sign",
        ),
    ];
    for (height, (bytes, text)) in (1..).zip(cases) {
        refused_and_goes_on(&mut asker, height, &bytes, 1, text);
    }
}

#[test]
fn proposal_with_another_proof_of_lock_round_is_refused() {
    let rig = Rig::new();
    let mut asker = rig.accept();
    asker.sign(&proposal_with_pol_round(1, "a", 2, 0));
    let why = asker.refused(&proposal_with_pol_round(1, "a", 2, 1));
    assert!(why.contains("with POL round 0 was signed there"), "{why}");
    assert!(why.contains("with POL round 1 was asked for"), "{why}");
    asker.sign(&proposal_with_pol_round(1, "a", 2, 0));
}

#[test]
fn height_past_max_height_is_refused_and_the_height_itself_is_signed() {
    let touch = |home: &Home| home.put_state(CHAIN, 2);
    let rig = Rig::prepared("", "max_height = 3", touch);
    let mut asker = rig.accept();
    asker.sign(&precommit(3, "a"));
    for message in [proposal(4, "b"), prevote(4, "b"), precommit(4, "b")] {
        let why = asker.refused(&message);
        assert_eq!(
            why,
            "height 4 is past max_height = 3 in tmkms.toml: this signer stops there"
        );
    }
    // The last one may be repeated.
    asker.sign(&precommit(3, "a"));
}

#[test]
fn log_has_both_sides_of_a_conflict_and_counts_the_refusals() {
    let rig = Rig::new();
    let mut asker = rig.accept();
    asker.sign(&precommit(1, "a"));
    for _ in 0..2 {
        asker.refused(&precommit(1, "b"));
    }
    let line = rig
        .tmkms
        .wait_for("(refusal 2 of this kind since the start)");
    let (a, b) = (testnode::block_id("a"), testnode::block_id("b"));
    let expected = format!(
        "ERROR tmkms::session: [{}] refused: double sign refused at 1/0/2: a precommit for {} \
         (parts 1:{}) was signed there, a precommit for {} (parts 1:{}) was asked for (refusal 2 \
         of this kind since the start)",
        rig.origin(),
        a.prefix(),
        hex_prefix(&a.parts_hash),
        b.prefix(),
        hex_prefix(&b.parts_hash),
    );
    assert!(line.ends_with(&expected), "{line}\n{expected}");
    // Another kind has a count of its own.
    asker.refused(&prevote(1, "a"));
    rig.tmkms.wait_for("1/0/1 is before 1/0/2");
    assert_eq!(
        rig.tmkms.count("(refusal 1 of this kind since the start)"),
        2
    );
}

fn hex_prefix(hash: &[u8]) -> String {
    hash.iter().take(5).map(|b| format!("{b:02X}")).collect()
}

#[test]
fn unknown_messages_are_left_unanswered_and_the_connection_goes_on() {
    let rig = Rig::new();
    let mut asker = rig.accept();
    let unknown = [
        Fields::new().framed(),
        Fields::new().bytes(11, "a later version").framed(),
        // An answer, where a question is expected.
        Fields::new().bytes(8, []).framed(),
        Fields::new().number(3, 7).bytes(12, [1]).framed(),
        vec![3, 0xff, 0xff, 0xff],
    ];
    for message in &unknown {
        asker.signer.send(message).unwrap();
    }
    // The next answer is that to the ping: there was none before.
    assert_eq!(asker.signer.ask(&ping()).unwrap(), Answer::Pong);
    asker.sign(&prevote(1, "a"));
    let told = "a message of an unknown kind was left unanswered";
    rig.tmkms.wait_for_nth(told, 4);
}

#[test]
fn refusals_never_make_the_signer_dial_again() {
    let rig = Rig::after(4);
    let mut asker = rig.accept();
    asker.sign(&precommit(5, "a"));
    for height in 1..5 {
        asker.refused(&precommit(height, "a"));
    }
    assert!(rig.node.accept_raw(Duration::from_millis(300)).is_err());
    asker.sign(&proposal(6, "a"));
    let ended = rig.tmkms.stop();
    assert_eq!(
        ended
            .lines
            .iter()
            .filter(|l| l.contains("connected to validator"))
            .count(),
        1
    );
}

#[test]
fn chain_id_of_a_request_neither_forges_nor_fills_the_log() {
    let rig = Rig::new();
    let mut asker = rig.accept();
    let chain = format!(
        "x\n2026-01-01T00:00:00.000000Z  INFO forged: line \u{1b}[31m{}",
        "y".repeat(100_000)
    );
    asker.refused_bytes(&privval::node_side::pub_key_request(&chain));
    asker.sign(&prevote(1, "a"));
    rig.tmkms.wait_for("signed Prevote");
    for line in rig.tmkms.lines() {
        assert!(line.len() < 4_000, "{} bytes", line.len());
        assert!(!line.contains('\u{1b}'), "{line}");
        let parsed = Line::parse(&line).unwrap_or_else(|| panic!("{line}"));
        assert!(parsed.target.starts_with("tmkms::"), "{line}");
    }
}

#[test]
fn repeated_proposal_gets_the_same_answer() {
    let rig = Rig::new();
    let mut asker = rig.accept();
    let Canonical::Proposal(message) = proposal(1, "a") else {
        unreachable!()
    };
    let first = asker.signer.ask(&sign_proposal_request(&message)).unwrap();
    let second = asker.signer.ask(&sign_proposal_request(&message)).unwrap();
    assert_eq!(first, second);
}
