//! The log, to the letter: operators and their tools read it.

use testnode::block_id;

use crate::support::{
    Asker, Home, Line, PATIENCE, Rig, nil_precommit, nil_prevote, precommit, prevote, proposal,
    signed_line,
};

#[test]
fn lines_of_signatures_are_exactly_the_guides() {
    let rig = Rig::after(50);
    let mut asker = rig.accept();
    let block = block_id("a").prefix();
    let cases = [
        (
            proposal(51, "a"),
            format!("Proposal:{block} at h/r/s 51/0/0"),
        ),
        (prevote(51, "a"), format!("Prevote:{block} at h/r/s 51/0/1")),
        (
            precommit(51, "a"),
            format!("Precommit:{block} at h/r/s 51/0/2"),
        ),
        (nil_prevote(52), "Prevote:<nil> at h/r/s 52/0/1".to_owned()),
        (
            nil_precommit(52),
            "Precommit:<nil> at h/r/s 52/0/2".to_owned(),
        ),
    ];
    assert!(
        block.len() == 10
            && block
                .bytes()
                .all(|b| b.is_ascii_digit() || b.is_ascii_uppercase())
    );
    for (message, what) in cases {
        asker.sign(&message);
        let line = rig.tmkms.wait_for(&what);
        assert!(signed_line(&line, &rig.origin(), &what), "{line}");
    }
}

#[test]
fn repeated_signature_says_so() {
    let rig = Rig::new();
    let mut asker = rig.accept();
    asker.sign(&nil_prevote(1));
    asker.sign(&nil_prevote(1));
    let line = rig
        .tmkms
        .wait_for_nth("signed Prevote:<nil> at h/r/s 1/0/1", 2);
    assert!(line.ends_with(" ms), again"), "{line}");
}

#[test]
fn every_line_has_time_level_and_target_and_no_escape_codes() {
    let rig = Rig::with("", "protocol_version = \"v0.34\"");
    let mut asker = rig.accept();
    asker.sign(&prevote(1, "a"));
    asker.refused(&prevote(1, "b"));
    let origin = rig.origin();
    let ended = rig.tmkms.stop();
    for line in &ended.lines {
        assert!(Line::parse(line).is_some(), "{line}");
        assert!(!line.contains('\u{1b}'), "{line}");
    }
    let connected = format!("INFO tmkms::session: [{origin}] connected to validator successfully");
    assert!(ended.line("connected").ends_with(&connected));
}

#[test]
fn protocol_version_that_the_node_contradicts_is_told_once_and_signed_all_the_same() {
    let rig = Rig::with("", "protocol_version = \"v0.34\"");
    let mut asker = rig.accept();
    for height in 1..=2 {
        let signed = asker
            .signer
            .sign(&asker.key, &precommit(height, "a"), b"extension");
        signed.unwrap();
    }
    rig.tmkms.wait_for("2/0/2");
    let told = "the node does not speak v0.34 as protocol_version says: it sends vote extensions";
    assert_eq!(rig.tmkms.count(told), 1);
    assert!(rig.tmkms.wait_for(told).contains(" WARN tmkms::session: ["));
}

#[test]
fn json_log_is_one_object_a_line() {
    let node = testnode::Listener::tcp().unwrap();
    let home = Home::of_node(&node);
    let tmkms = home.start_with(&["--log-format", "json"]);
    let mut asker = Asker::new(node.accept(PATIENCE).unwrap());
    asker.sign(&prevote(1, "a"));
    asker.refused(&prevote(1, "b"));
    tmkms.wait_for("double sign refused");
    let ended = tmkms.stop();
    let mut levels = Vec::new();
    for line in &ended.lines {
        let object: serde_json::Value = serde_json::from_str(line).unwrap();
        for name in ["timestamp", "level", "target", "message"] {
            assert!(object[name].is_string(), "{name} in {line}");
        }
        levels.push(object["level"].as_str().unwrap().to_owned());
    }
    assert!(levels.contains(&"INFO".to_owned()) && levels.contains(&"ERROR".to_owned()));
}

#[test]
fn verbose_log_tells_of_every_request() {
    let node = testnode::Listener::tcp().unwrap();
    let home = Home::of_node(&node);
    let tmkms = home.start_with(&["-v"]);
    let mut asker = Asker::new(node.accept(PATIENCE).unwrap());
    asker.signer.ask(&privval::node_side::ping()).unwrap();
    tmkms.wait_for("answered Ping");
    tmkms.wait_for("answered PubKey");
}

#[test]
fn signing_goes_on_when_nobody_reads_the_log_any_more() {
    let node = testnode::Listener::tcp().unwrap();
    let home = Home::of_node(&node);
    let tmkms = home.start_unread();
    let mut asker = Asker::new(node.accept(PATIENCE).unwrap());
    for height in 1..=20 {
        asker.sign(&precommit(height, "a"));
        asker.refused(&precommit(height, "b"));
    }
    tmkms.stop();
}

/// The pipe fills up after 64 KiB, and stays open.
#[test]
fn collector_that_hangs_holds_up_no_answer_and_learns_afterwards_what_it_missed() {
    let node = testnode::Listener::tcp().unwrap();
    let home = Home::of_node(&node);
    let mut tmkms = home.start_stalled(&["-v"]);
    let mut asker = Asker::new(node.accept(PATIENCE).unwrap());
    let ping = privval::node_side::ping();
    for _ in 0..5_500 {
        asker.signer.ask(&ping).unwrap();
    }
    asker.sign(&precommit(1, "a"));
    tmkms.read_on();
    let lost = tmkms.wait_for("log lines were lost here");
    asker.sign(&precommit(2, "a"));
    tmkms.wait_for("h/r/s 2/0/2");
    let count = lost.split_once("tmkms::log: ").unwrap().1.split(' ').next();
    let count: usize = count.unwrap().parse().unwrap();
    let told = tmkms.count("answered Ping");
    let missed = 5_501 - tmkms.count("answered Ping") - tmkms.count("h/r/s 1/0/2");
    assert_eq!(count, missed, "{told}");
    tmkms.stop();
}
