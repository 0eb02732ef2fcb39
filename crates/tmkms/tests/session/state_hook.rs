//! `state_hook`: a command that tells the chain's height at start, and all the ways it can fail.

use std::fs;
use std::time::{Duration, Instant};

use testnode::Listener;

use crate::support::{
    CHAIN, Ended, Home, Rig, address, precommit, prevote, prevote_in_round, proposal,
};

fn hook(lines: &str) -> String {
    format!("state_hook = {{ cmd = [\"./hook.sh\", \"an argument\"]{lines} }}")
}

/// A signer with this hook and this state (0 is none).
fn with_hook(script: &str, lines: &str, state: i64) -> Rig {
    Rig::prepared(&hook(lines), "", |home| {
        home.put_script("hook.sh", script);
        if state > 0 {
            home.put_state(CHAIN, state);
        }
    })
}

/// The end of a signer that must not start.
fn does_not_start(script: &str, lines: &str, state: i64) -> (Home, Ended) {
    let node = Listener::tcp().unwrap();
    let mut home = Home::new();
    home.add_chain(CHAIN, &hook(lines));
    home.add_node(CHAIN, &address(&node), "");
    home.put_script("hook.sh", script);
    if state > 0 {
        home.put_state(CHAIN, state);
    }
    let ended = home.start().wait();
    assert_eq!(ended.status.code(), Some(1), "{:#?}", ended.lines);
    (home, ended)
}

#[test]
fn its_height_is_the_floor_and_the_next_height_is_signed() {
    let rig = with_hook(r#"echo '{"latest_block_height": "500"}'"#, "", 0);
    rig.tmkms.wait_for("the state_hook told height 500");
    let mut asker = rig.accept();
    asker.refused(&precommit(500, "a"));
    asker.sign(&proposal(501, "a"));
}

#[test]
fn no_round_of_its_height_is_signed() {
    let rig = with_hook(r#"echo '{"latest_block_height": "500"}'"#, "", 0);
    let mut asker = rig.accept();
    for round in [0, 1, 1_000] {
        asker.refused(&prevote_in_round(500, round, "a"));
    }
    asker.sign(&prevote(501, "a"));
}

#[test]
fn it_may_print_a_number_and_gets_its_arguments() {
    let script = r#"[ "$1" = "an argument" ] && printf '{"latest_block_height":%d}' 500"#;
    let rig = with_hook(script, ", fail_closed = true", 499);
    rig.tmkms.wait_for("the state_hook told height 500");
    let mut asker = rig.accept();
    asker.refused(&precommit(500, "a"));
    asker.sign(&prevote(501, "a"));
}

#[test]
fn lower_height_changes_nothing() {
    let rig = with_hook(
        r#"echo '{"latest_block_height": "49"}'"#,
        ", fail_closed = true",
        50,
    );
    rig.tmkms.wait_for(
        "the state_hook told height 49, which is not past the last signature: it changes nothing",
    );
    let mut asker = rig.accept();
    asker.refused(&prevote(50, "a"));
    asker.sign(&prevote(51, "a"));
}

#[test]
fn height_9000_ahead_is_taken_and_one_more_is_not() {
    let rig = with_hook(r#"echo '{"latest_block_height": "9050"}'"#, "", 50);
    rig.tmkms.wait_for("the state_hook told height 9050");
    rig.accept().refused(&prevote(51, "a"));

    let script = r#"echo '{"latest_block_height": "9051"}'"#;
    let rig = with_hook(script, "", 50);
    let line = rig
        .tmkms
        .wait_for("told height 9051, more than 9000 past the last signature at 50/0/2");
    assert!(
        line.contains("going on without it, because fail_closed is not set"),
        "{line}"
    );
    rig.accept().sign(&prevote(51, "a"));

    let (_home, ended) = does_not_start(script, ", fail_closed = true", 50);
    ended.line("told height 9051, more than 9000 past the last signature at 50/0/2");
}

#[test]
fn failure_is_told_and_lets_the_signer_start() {
    let rig = with_hook("echo 'no such node' >&2; exit 3", "", 50);
    let line = rig
        .tmkms
        .wait_for("the state_hook of chain testnet-1 failed");
    for text in [
        "hook.sh ended with exit status: 3: no such node",
        "tmkms.toml:",
        "going on without it, because fail_closed is not set",
        " WARN ",
    ] {
        assert!(line.contains(text), "{text:?} is not in {line}");
    }
    rig.accept().sign(&prevote(51, "a"));
}

#[test]
fn failure_prevents_the_start_if_it_is_to_fail_closed() {
    let closed = ", fail_closed = true";
    let expected = r#"expected {"latest_block_height": "123"}"#;
    for (script, text) in [
        (
            "echo 'no such node' >&2; exit 3",
            "hook.sh ended with exit status: 3: no such node",
        ),
        ("echo junk", r#"hook.sh printed "junk", "#),
        ("true", r#"hook.sh printed "", "#),
        (r#"echo '{"latest_block_height": "-5"}'"#, expected),
        (r#"echo '{"latest_block_height": "12 monkeys"}'"#, expected),
        (r#"echo '{"latest_block_height": 1.5}'"#, expected),
        (r#"echo '{"height": "5"}'"#, expected),
        ("kill -9 $$", "hook.sh ended with signal: 9 (SIGKILL)"),
    ] {
        let (home, ended) = does_not_start(script, closed, 50);
        ended.line(text);
        // The lock is free and the mark where it was.
        assert_eq!(home.state(CHAIN), (50, 0, 2));
    }
}

#[test]
fn long_output_neither_hangs_nor_counts() {
    let script = "i=0; while [ $i -lt 3000 ]; do echo 'not a height, again and again and again'; i=$((i+1)); done";
    let started = Instant::now();
    let (_home, ended) = does_not_start(script, ", fail_closed = true, timeout_secs = 10", 50);
    assert!(started.elapsed() < Duration::from_secs(9));
    let line = ended.line("the state_hook of chain testnet-1 failed");
    assert!(line.len() < 1_000, "{line}");
}

#[test]
fn program_that_does_not_exist_is_named() {
    let mut home = Home::new();
    home.add_chain(
        CHAIN,
        "state_hook = { cmd = [\"./missing.sh\"], fail_closed = true }",
    );
    let node = Listener::tcp().unwrap();
    home.add_node(CHAIN, &address(&node), "");
    let ended = home.start().wait();
    assert_eq!(ended.status.code(), Some(1));
    let line = ended.line("failed: cannot run ");
    assert!(
        line.contains("missing.sh: No such file or directory"),
        "{line}"
    );
}

#[test]
fn script_that_never_ends_is_killed_with_its_children() {
    let script = "sleep 60 & echo $! > \"$(dirname \"$0\")/child\"; sleep 60";
    let started = Instant::now();
    let (home, ended) = does_not_start(script, ", timeout_secs = 1, fail_closed = true", 50);
    ended.line("hook.sh did not end within 1 s");
    assert!(started.elapsed() < Duration::from_secs(5));
    ends(&home);
}

/// Waits for the end of the process whose number the script has left.
fn ends(home: &Home) {
    let child = fs::read_to_string(home.path("child")).unwrap();
    let deadline = Instant::now() + Duration::from_secs(5);
    while is_running(child.trim()) {
        assert!(Instant::now() < deadline, "process {child} still runs");
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// A process that has ended may stay as a zombie until its parent looks.
fn is_running(pid: &str) -> bool {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    stat.rsplit(')')
        .next()
        .is_some_and(|rest| !rest.trim().is_empty() && !rest.starts_with(" Z"))
}

#[test]
fn script_that_never_ends_does_not_keep_the_signer_from_starting() {
    let rig = with_hook("sleep 60", ", timeout_secs = 1", 50);
    rig.tmkms.wait_for("hook.sh did not end within 1 s");
    rig.accept().sign(&prevote(51, "a"));
}

#[test]
fn script_that_leaves_a_child_with_its_output_behind_counts_as_not_ended() {
    let script =
        r#"echo '{"latest_block_height": "500"}'; sleep 60 & echo $! > "$(dirname "$0")/child""#;
    let (home, ended) = does_not_start(script, ", timeout_secs = 1, fail_closed = true", 50);
    ended.line("hook.sh did not end within 1 s");
    ends(&home);
}
