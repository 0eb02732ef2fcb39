//! The state: on disk before the answer, honoured at start, and what happens without one.

use std::fs;
use std::time::{Duration, Instant};

use privval::Canonical;

use crate::support::{
    Asker, CHAIN, Home, PATIENCE, Rig, nil_precommit, precommit, prevote, prevote_in_round,
    proposal,
};

#[test]
fn state_file_is_current_when_the_answer_arrives() {
    let rig = Rig::new();
    let mut asker = rig.accept();
    for height in 1..=30 {
        for message in [
            proposal(height, "a"),
            prevote(height, "a"),
            precommit(height, "a"),
            prevote_in_round(height, 7, "a"),
        ] {
            asker.sign(&message);
            let hrs = message.hrs();
            let expected = (
                hrs.height.value(),
                hrs.round.value().into(),
                hrs.step.number().into(),
            );
            assert_eq!(rig.home.state(CHAIN), expected);
        }
    }
}

#[test]
fn refused_request_leaves_the_state_alone() {
    let rig = Rig::after(4);
    let mut asker = rig.accept();
    asker.sign(&precommit(5, "a"));
    let before = fs::read(rig.home.state_file(CHAIN)).unwrap();
    asker.refused(&precommit(5, "b"));
    asker.refused(&proposal(5, "a"));
    asker.sign(&precommit(5, "a"));
    assert_eq!(fs::read(rig.home.state_file(CHAIN)).unwrap(), before);
}

#[test]
fn state_that_cannot_be_written_stops_the_signing_and_keeps_the_connection() {
    let rig = Rig::new();
    let mut asker = rig.accept();
    asker.sign(&prevote(1, "a"));
    // A backup tool, say, put another file in its place.
    let file = rig.home.state_file(CHAIN);
    fs::rename(&file, rig.home.path("state/moved.json")).unwrap();
    fs::write(&file, "").unwrap();
    let why = asker.refused(&precommit(1, "a"));
    assert!(
        why.starts_with("nothing was signed because the state could not be written: cannot write"),
        "{why}"
    );
    for message in [precommit(1, "a"), precommit(2, "a"), prevote(1, "a")] {
        let why = asker.refused(&message);
        assert!(
            why.starts_with("nothing more is signed since the state could"),
            "{why}"
        );
        assert!(
            why.contains("mend the disk, then restart the signer"),
            "{why}"
        );
    }
    assert_eq!(asker.signer.public_key(CHAIN).unwrap(), asker.key);
    // Mended and started again, it goes on, and still signs nothing else there.
    rig.tmkms.stop();
    fs::rename(rig.home.path("state/moved.json"), &file).unwrap();
    let _tmkms = rig.home.start();
    let mut asker = Asker::new(rig.node.accept(PATIENCE).unwrap());
    asker.refused(&precommit(1, "b"));
    asker.sign(&proposal(2, "a"));
}

#[test]
fn state_of_tmkms_is_the_floor() {
    let rig = Rig::after(50);
    let mut asker = rig.accept();
    let why = asker.refused(&precommit(50, "a"));
    assert!(
        why.starts_with("50/0/2 was signed before and what was signed is not known"),
        "{why}"
    );
    let why = asker.refused(&prevote(50, "a"));
    assert!(why.starts_with("50/0/1 is before 50/0/2"), "{why}");
    asker.sign(&proposal(51, "a"));
}

#[test]
fn without_state_all_heights_are_let_pass_for_half_a_minute_and_the_next_one_is_signed() {
    let rig = Rig::new();
    let mut asker = rig.accept();
    for message in [
        prevote(70, "a"),
        precommit(70, "a"),
        prevote_in_round(70, 1, "a"),
        proposal(69, "a"),
    ] {
        let why = asker.refused(&message);
        assert!(
            why.contains("is let pass: this signer has no state from before"),
            "{why}"
        );
    }
    let begun = Instant::now();
    let line = rig.tmkms.wait_for("refused: height 70 is let pass");
    for text in [
        "signs past height 70",
        "`tmkms state import`",
        "single validator",
    ] {
        assert!(line.contains(text), "{text:?} is not in {line}");
    }
    // Another node of the validator, ahead of the first.
    let why = asker.refused(&proposal(75, "a"));
    assert!(why.contains("signs past height 75"), "{why}");
    // Nothing tells the end of the wait but the clock.
    while begun.elapsed() < guard::WAIT {
        asker.refused(&prevote(71, "a"));
        std::thread::sleep(Duration::from_millis(500));
    }
    asker.refused(&precommit(75, "a"));
    asker.sign(&proposal(76, "a"));
    assert_eq!(rig.home.state(CHAIN), (76, 0, 0));
    asker.refused(&prevote(75, "a"));
}

#[test]
fn start_without_state_says_what_will_happen() {
    let rig = Rig::new();
    let line = rig.tmkms.wait_for("no state:");
    for text in [
        "A chain at height 1 is signed at once",
        "`tmkms state import`",
        " WARN ",
    ] {
        assert!(line.contains(text), "{text:?} is not in {line}");
    }
}

#[test]
fn height_that_was_let_pass_is_not_remembered_as_signed() {
    let rig = Rig::new();
    let mut asker = rig.accept();
    asker.refused(&prevote(70, "a"));
    rig.tmkms.stop();
    let _tmkms = rig.home.start();
    let mut asker = Asker::new(rig.node.accept(PATIENCE).unwrap());
    let why = asker.refused(&prevote(90, "a"));
    assert!(why.contains("signs past height 90"), "{why}");
}

/// Starts a signer without state, with this mark beside its key.
fn with_mark(mark: &str) -> Rig {
    Rig::prepared("", "", |home| put_mark(home, mark))
}

fn put_mark(home: &Home, mark: &str) {
    fs::write(home.path(format!("secrets/{CHAIN}.key.mark.json")), mark).unwrap();
}

#[test]
fn mark_beside_the_key_is_the_floor_when_the_state_is_missing() {
    let rig = with_mark(r#"{"height":"50","round":1,"step":2}"#);
    rig.tmkms
        .wait_for("the node had signed up to 50/1/1 before its key was imported");
    let mut asker = rig.accept();
    asker.refused(&precommit(50, "a"));
    asker.refused(&prevote_in_round(50, 1, "a"));
    // The very next step is signed: nothing is held.
    asker.sign(&prevote_in_round(50, 2, "a"));
}

#[test]
fn mark_with_its_sign_bytes_lets_the_same_vote_be_repeated() {
    let signed = nil_precommit(50);
    let sign_bytes: String = signed
        .sign_bytes()
        .iter()
        .map(|b| format!("{b:02X}"))
        .collect();
    let rig = with_mark(&format!(
        r#"{{"height":"50","round":0,"step":3,"signature":"","signbytes":"{sign_bytes}"}}"#
    ));
    let mut asker = rig.accept();
    asker.sign(&signed);
    let why = asker.refused(&precommit(50, "a"));
    assert!(why.starts_with("double sign refused at 50/0/2"), "{why}");
    asker.sign(&proposal(51, "a"));
}

#[test]
fn mark_beside_the_key_never_lowers_the_state() {
    let rig = Rig::prepared("", "", |home| {
        home.put_state(CHAIN, 60);
        put_mark(home, r#"{"height":"50","round":0,"step":3}"#);
    });
    let mut asker = rig.accept();
    asker.refused(&prevote(55, "a"));
    asker.sign(&prevote(61, "a"));
    assert_eq!(rig.tmkms.count("going on from"), 0);
}

#[test]
fn mark_of_a_node_that_signed_nothing_vouches_for_the_first_height_only() {
    // A node writes the same beside the decoy key that it makes when its own was moved away.
    let nothing = r#"{"height":"0","round":0,"step":0}"#;
    with_mark(nothing).accept().sign(&prevote(1, "a"));
    let rig = with_mark(nothing);
    let mut asker = rig.accept();
    let why = asker.refused(&prevote(70, "a"));
    assert!(why.starts_with("height 70 is let pass"), "{why}");
}

#[test]
fn state_that_was_lost_after_an_import_is_not_signed_over() {
    let rig = with_mark(r#"{"height":"50","round":0,"step":3}"#);
    let mut asker = rig.accept();
    for height in 51..=53 {
        asker.sign(&prevote(height, "a"));
    }
    rig.tmkms.stop();
    fs::remove_dir_all(rig.home.path("state")).unwrap();
    fs::create_dir(rig.home.path("state")).unwrap();
    let ended = rig.home.start().wait();
    assert_eq!(ended.status.code(), Some(1));
    let old = "it ends at 50/0/2, and this key has signed up to 53/0/1 since this machine booted";
    ended.line(old);
    // After a reboot nothing is left that could tell.
    fs::remove_dir_all(rig.home.path("run")).unwrap();
    let _tmkms = rig.home.start();
    let mut asker = Asker::new(rig.node.accept(PATIENCE).unwrap());
    let why = asker.refused(&prevote(53, "b"));
    assert!(why.starts_with("height 53 is let pass"), "{why}");
}

#[test]
fn mark_of_another_chain_is_left_alone() {
    let Canonical::Vote(mut vote) = nil_precommit(50) else {
        unreachable!()
    };
    vote.chain_id = privval::ChainId::new("testnet-0").unwrap();
    let sign_bytes: String = Canonical::Vote(vote)
        .sign_bytes()
        .iter()
        .map(|b| format!("{b:02x}"))
        .collect();
    let rig = with_mark(&format!(
        r#"{{"height":"50","round":0,"step":3,"signbytes":"{sign_bytes}"}}"#
    ));
    // An upgrade began a new chain: height 1 is signed.
    rig.accept().sign(&prevote(1, "a"));
}

/// Starts on what `touch` left, which must fail with this text.
fn does_not_start(text: &str, touch: impl FnOnce(&Home)) {
    let node = testnode::Listener::tcp().unwrap();
    let home = Home::of_node(&node);
    touch(&home);
    let ended = home.start().wait();
    assert_eq!(ended.status.code(), Some(1));
    ended.line(text);
    assert!(node.accept_raw(std::time::Duration::ZERO).is_err());
}

#[test]
fn damaged_state_or_mark_prevents_the_start() {
    does_not_start("is damaged: it is empty. Nothing is signed", |home| {
        fs::write(home.state_file(CHAIN), "").unwrap();
    });
    does_not_start("is damaged: it is not a state document", |home| {
        fs::write(home.state_file(CHAIN), r#"{"height":"5","#).unwrap();
    });
    does_not_start("the mark beside the key cannot be used", |home| {
        put_mark(home, "{}");
    });
    does_not_start("is a directory, a state file was expected", |home| {
        fs::create_dir(home.state_file(CHAIN)).unwrap();
    });
}

#[test]
fn damaged_state_names_the_file_and_the_way_out() {
    does_not_start(
        "run `tmkms state import` with a backup or that height",
        |home| {
            fs::write(home.state_file(CHAIN), "").unwrap();
        },
    );
}
