//! `tmkms start`: what prevents it, and how it ends.

use crate::home::Home;
use crate::signer::{CHAIN, PATIENCE, Signer, node, sign};
use crate::transcript::transcripts;

transcripts! { "start":
    bad_options
    damaged_mark_beside_the_key
    damaged_ring
    directories_in_place_of_files
    empty_state
    empty_state_beside_a_whole_ring
    environment_and_option
    everything_wrong_at_once
    key_open_to_others
    missing_directories
    no_configuration
    state_of_a_node
    state_of_another_chain
}

#[test]
fn a_key_open_to_others_is_accepted_when_it_is_said_to_be_meant() {
    let home = Home::new();
    let _node = node(&home);
    home.must("chmod 0644 kms/secrets/*");
    let refused = Signer::start(&home, &[]).wait();
    assert_eq!(refused.code, 1);
    assert!(
        refused
            .stderr
            .contains("Run `chmod 600 kms/secrets/priv_validator_key.json`"),
        "{}",
        refused.stderr
    );
    let mut signer = Signer::start(&home, &["--allow-insecure-permissions"]);
    signer.wait_for("starting up");
    assert_eq!(signer.stop().code, 0);
}

#[test]
fn the_log_is_as_tmkms_writes_it_and_sigterm_ends_with_0() {
    let home = Home::new();
    let node = node(&home);
    let addr = node.tcp_addr().unwrap();
    let mut signer = Signer::start(&home, &[]);
    let mut connection = node.accept(PATIENCE).unwrap();
    let key = connection.public_key(CHAIN).unwrap();
    sign(&mut connection, &key, 1);
    signer.wait_for("h/r/s 1/0/2");
    let done = signer.stop();
    assert_eq!((done.code, done.stderr.as_str()), (0, ""));
    for what in ["Proposal", "Prevote", "Precommit"] {
        let line = format!(" INFO tmkms::session: [{CHAIN}@tcp://{addr}] signed {what}:6B86B273FF");
        assert!(
            done.stdout.contains(&line),
            "no {line:?} in {}",
            done.stdout
        );
    }
    for line in done.stdout.lines() {
        assert_eq!(line.find("Z "), Some(26), "no time in front: {line}");
        assert!(!line.contains('\u{1b}'), "colour in a file: {line}");
    }
}

#[test]
fn verbose_logs_every_request() {
    let home = Home::new();
    let node = node(&home);
    let mut signer = Signer::start(&home, &["-v"]);
    node.accept(PATIENCE).unwrap().public_key(CHAIN).unwrap();
    signer.wait_for("DEBUG tmkms::session: ");
    assert_eq!(signer.stop().code, 0);
}

#[test]
fn a_json_log_is_one_object_a_line() {
    let home = Home::new();
    let node = node(&home);
    let mut signer = Signer::start(&home, &["--log-format", "json"]);
    let mut connection = node.accept(PATIENCE).unwrap();
    let key = connection.public_key(CHAIN).unwrap();
    sign(&mut connection, &key, 1);
    signer.wait_for("h/r/s 1/0/2");
    let done = signer.stop();
    let mut messages = Vec::new();
    for line in done.stdout.lines() {
        let object: serde_json::Value = serde_json::from_str(line).expect(line);
        for field in ["timestamp", "level", "target", "message"] {
            assert!(object[field].is_string(), "no {field} in {line}");
        }
        messages.push(object["message"].to_string());
    }
    assert!(messages.iter().any(|m| m.contains("signed Precommit")));
}

#[test]
fn a_second_signer_on_one_state_does_not_start() {
    let home = Home::new();
    let _node = node(&home);
    let mut signer = Signer::start(&home, &[]);
    signer.wait_for("starting up");
    let second = home.tmkms(&["start", "-c", "kms/tmkms.toml"]);
    assert_eq!(second.code, 1);
    let text = format!(
        "kms/tmkms.toml:9:14: the key of chain {CHAIN} is in use by another signer (process {}, \
         kms/state/{CHAIN}-consensus.json)",
        signer.pid()
    );
    assert!(second.stderr.contains(&text), "{}", second.stderr);

    // One that cannot see the first one's memory of this boot, in another container say.
    let apart = home.sh("mkdir -p apart; XDG_RUNTIME_DIR=$PWD/apart tmkms start -c kms/tmkms.toml");
    assert_eq!(apart.code, 1);
    let text = format!(
        "kms/tmkms.toml:9:14: chain {CHAIN}: kms/state/{CHAIN}-consensus.json.ring is in use by \
         another signer (process {} on ",
        signer.pid()
    );
    assert!(apart.stderr.contains(&text), "{}", apart.stderr);
    assert_eq!(signer.stop().code, 0);
}

#[test]
fn a_second_signer_with_the_same_key_and_a_state_of_its_own_does_not_start() {
    let home = Home::new();
    let _node = node(&home);
    let mut signer = Signer::start(&home, &[]);
    signer.wait_for("starting up");
    home.must("cp -r kms copy && rm -r copy/state/*");
    let second = home.tmkms(&["start", "-c", "copy/tmkms.toml"]);
    assert_eq!(second.code, 1);
    let text = format!(
        "error: copy/tmkms.toml:9:14: the key of chain {CHAIN} is in use by another signer \
         (process {}, kms/state/{CHAIN}-consensus.json): two signers with one key are how \
         validators double-sign; stop that one first",
        signer.pid()
    );
    assert!(second.stderr.contains(&text), "{}", second.stderr);
    assert_eq!(home.must("ls copy/state"), "", "no state is begun");
    assert_eq!(signer.stop().code, 0);
}

#[test]
fn a_state_that_was_put_back_does_not_start_before_the_height_is_imported() {
    let home = Home::new();
    let node = node(&home);
    let signer = Signer::start(&home, &[]);
    let mut asker = node.accept(PATIENCE).unwrap();
    let chain = privval::ChainId::new(CHAIN).unwrap();
    let sign = |asker: &mut testnode::Signer, height: i64| {
        let height = privval::Height::try_from(height).unwrap();
        let key = asker.public_key(CHAIN).unwrap();
        let asked = testnode::prevote(&chain, height, privval::Timestamp::GO_ZERO);
        asker.sign(&key, &asked, &[])
    };
    sign(&mut asker, 1).unwrap();
    assert_eq!(signer.stop().code, 0);
    home.must("cp -r kms/state old");
    let signer = Signer::start(&home, &[]);
    // Held until the signer has ended: it would dial again and leave a dead connection behind.
    let mut asker = node.accept(PATIENCE).unwrap();
    sign(&mut asker, 2).unwrap();
    assert_eq!(signer.stop().code, 0);

    home.must("rm -r kms/state; cp -r old kms/state");
    let done = home.tmkms(&["start", "-c", "kms/tmkms.toml"]);
    assert_eq!(done.code, 1);
    let text = format!(
        "error: kms/tmkms.toml:9:14: the state kms/state/{CHAIN}-consensus.json of chain {CHAIN} \
         is old: it ends at 1/0/1, and \
         this key has signed up to 2/0/1 since this machine booted"
    );
    assert!(done.stderr.contains(&text), "{}", done.stderr);

    home.must(&format!(
        "tmkms state import -c kms/tmkms.toml --chain-id {CHAIN} --height 2"
    ));
    let signer = Signer::start(&home, &[]);
    sign(&mut node.accept(PATIENCE).unwrap(), 3).unwrap();
    assert_eq!(signer.stop().code, 0);
}

#[test]
fn without_reconnect_the_end_of_the_connection_is_the_end() {
    let home = Home::new();
    let node = node(&home);
    let addr = node.tcp_addr().unwrap();
    home.must("sed -i 's/^reconnect = true/reconnect = false/' kms/tmkms.toml");
    let signer = Signer::start(&home, &[]);
    node.accept(PATIENCE).unwrap().public_key(CHAIN).unwrap();
    let done = signer.wait();
    assert_eq!(done.code, 1);
    assert_eq!(
        done.stderr,
        format!(
            "error: [{CHAIN}@tcp://{addr}] the node closed the connection; reconnect = false, so \
             the signer ends\n"
        )
    );
}
