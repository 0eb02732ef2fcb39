//! Every way to die once, in short; and that a broken signer would be noticed.
//!
//! What a machine does not permit (strace, FUSE, mounts) is named in the output, and is a failure
//! where `CI` is set.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::print_stdout)] // a test may panic and tell

use std::process::{Command, Output};

fn crash(arguments: &[&str]) -> Output {
    let output = Command::new(env!("CARGO_BIN_EXE_crash"))
        .args(arguments)
        .args(["--short", "--seed", "7"])
        .output()
        .unwrap();
    print!("{}", String::from_utf8_lossy(&output.stdout));
    eprint!("{}", String::from_utf8_lossy(&output.stderr));
    output
}

/// A cell of the table's last line.
fn total(output: &Output, column: &str) -> u64 {
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let rows: Vec<Vec<String>> = text
        .lines()
        .filter(|line| line.starts_with('|'))
        .map(|line| line.split('|').map(|cell| cell.trim().to_owned()).collect())
        .collect();
    let index = rows[0].iter().position(|cell| cell == column).unwrap();
    rows.last().unwrap()[index].parse().unwrap()
}

fn was_left_out(output: &Output) -> bool {
    String::from_utf8_lossy(&output.stdout).contains("LEFT OUT")
}

fn survives(arguments: &[&str]) -> Output {
    let output = crash(arguments);
    assert!(output.status.success());
    assert_eq!(total(&output, "violations"), 0);
    output
}

#[test]
fn kills_at_random_lose_nothing() {
    let output = survives(&["--mode", "random", "--mode", "race", "--kills", "24"]);
    assert_eq!(total(&output, "kills"), 24 + 6);
    assert!(total(&output, "signatures") > 30);
    assert!(total(&output, "repeats") > 0);
}

#[test]
fn kills_at_each_system_call_of_a_signature_lose_nothing() {
    let output = survives(&["--mode", "syscalls"]);
    assert!(was_left_out(&output) || total(&output, "kills") >= 18);
}

#[test]
fn failing_system_calls_are_answered_and_release_nothing() {
    let output = survives(&["--mode", "errors"]);
    assert!(was_left_out(&output) || total(&output, "faults") > 8);
}

#[test]
fn lost_power_and_bad_disks_lose_nothing() {
    let output = survives(&[
        "--mode",
        "power-loss",
        "--mode",
        "bad-disk",
        "--kills",
        "10",
    ]);
    assert!(was_left_out(&output) || total(&output, "power losses") > 40);
}

#[test]
fn full_and_read_only_disks_and_other_peoples_hands_lose_nothing() {
    let modes = [
        "--mode",
        "full-disk",
        "--mode",
        "read-only",
        "--mode",
        "files",
    ];
    let output = survives(&modes);
    assert!(total(&output, "faults") > 12);
}

#[test]
fn disk_that_hangs_is_told_and_costs_no_signature() {
    let output = survives(&["--mode", "hung-disk"]);
    assert!(was_left_out(&output) || total(&output, "signatures") > 20);
}

#[test]
fn signer_that_does_not_sync_is_noticed() {
    let output = crash(&["--mode", "power-loss", "--kills", "4", "--sabotage", "sync"]);
    if was_left_out(&output) {
        return;
    }
    assert_eq!(output.status.code(), Some(1));
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(text.contains("VIOLATION") && text.contains("LOST: "));
}

#[test]
fn state_that_was_put_back_is_noticed() {
    let output = crash(&["--mode", "random", "--kills", "12", "--sabotage", "restore"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(total(&output, "violations") > 0);
}

#[test]
fn unknown_mode_is_named() {
    let output = crash(&["--mode", "earthquake"]);
    assert_eq!(output.status.code(), Some(2));
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert_eq!(
        text,
        "no mode is called earthquake; `--mode list` shows them\n"
    );
}
