//! Output that nobody reads, or that cannot be written.

use std::fs::File;
use std::io::Read as _;
use std::process::{Command, Stdio};

use crate::home::{Home, TMKMS};
use crate::signer::{CHAIN, PATIENCE, Signer, node, sign};

/// Commands that print, one for each way in which something is printed.
const COMMANDS: [&str; 8] = [
    "version",
    "--version",
    "help start",
    "key show --allow-insecure-permissions seed.key",
    "state show -c kms/tmkms.toml",
    "config check -c kms/tmkms.toml",
    "completions bash",
    "demo --heights 1",
];

fn prepared() -> Home {
    let home = Home::new();
    home.must(
        "tmkms init kms -n kira && tmkms softsign keygen kms/secrets/priv_validator_key.json",
    );
    home
}

/// A pipe's end to write to, whose other end is closed.
fn closed_pipe() -> Stdio {
    let (reader, writer) = std::io::pipe().expect("a pipe");
    drop(reader);
    Stdio::from(writer)
}

#[test]
fn a_reader_that_went_away_is_no_error() {
    let home = prepared();
    for words in COMMANDS {
        let mut command = Command::new(TMKMS);
        home.prepare(command.args(words.split(' ')));
        let done = command.stdout(closed_pipe()).stderr(Stdio::piped());
        let done = done.output().unwrap();
        let text = String::from_utf8_lossy(&done.stderr).into_owned();
        assert_eq!(
            (done.status.code(), text.as_str()),
            (Some(0), ""),
            "{words}"
        );
    }
}

#[test]
fn an_error_that_nobody_reads_still_has_its_exit_code() {
    let home = prepared();
    for (words, code) in [
        ("key show nowhere.key", 1),
        ("start -c node", 1),
        ("bogus", 2),
    ] {
        let mut command = Command::new(TMKMS);
        home.prepare(command.args(words.split(' ')));
        command.stdout(closed_pipe()).stderr(closed_pipe());
        assert_eq!(command.status().unwrap().code(), Some(code), "{words}");
    }
}

#[test]
fn a_full_disk_is_an_error() {
    let home = prepared();
    for words in [
        "version",
        "state show -c kms/tmkms.toml",
        "completions bash",
    ] {
        let done = home.sh(&format!("tmkms {words} > /dev/full"));
        assert_eq!(done.code, 1, "{words}");
        assert_eq!(
            done.stderr,
            "error: cannot write to standard output: No space left on device (os error 28)\n",
            "{words}"
        );
    }
}

/// A log collector that dies must not take the validator with it.
#[test]
fn the_signer_signs_on_when_nobody_reads_its_log() {
    let home = Home::new();
    let node = node(&home);
    let mut command = Command::new(TMKMS);
    home.prepare(command.args(["start", "-v", "-c", "kms/tmkms.toml"]))
        .stdout(closed_pipe())
        .stderr(closed_pipe());
    let signer = Signer::spawn(&home, &mut command);
    let mut connection = node.accept(PATIENCE).unwrap();
    let key = connection.public_key(CHAIN).unwrap();
    for height in 1..=3 {
        sign(&mut connection, &key, height);
    }
    assert_eq!(signer.stop().code, 0);
}

#[test]
fn a_warning_that_nobody_reads_does_not_keep_the_signer_from_starting() {
    let home = Home::new();
    let node = node(&home);
    home.must("sed -i 's/^state_file/sign_extensions = false\\nstate_file/' kms/tmkms.toml");
    let mut command = Command::new(TMKMS);
    home.prepare(command.args(["config", "check", "-c", "kms/tmkms.toml"]));
    let output = command.output().unwrap();
    assert!(output.stderr.starts_with(b"warning"), "the premise");

    let mut command = Command::new(TMKMS);
    home.prepare(command.args(["start", "-c", "kms/tmkms.toml"]))
        .stdout(File::create(home.path("signer.out")).unwrap())
        .stderr(closed_pipe());
    let signer = Signer::spawn(&home, &mut command);
    node.accept(PATIENCE).unwrap().public_key(CHAIN).unwrap();
    assert_eq!(signer.stop().code, 0);
}

#[test]
fn results_and_errors_have_their_own_streams() {
    let home = prepared();
    let (mut reader, writer) = std::io::pipe().unwrap();
    let mut command = Command::new(TMKMS);
    home.prepare(command.args(["state", "show", "-c", "nowhere.toml"]));
    let status = command.stdout(writer).stderr(Stdio::null()).status();
    assert_eq!(status.unwrap().code(), Some(1));
    drop(command);
    let mut printed = String::new();
    reader.read_to_string(&mut printed).unwrap();
    assert_eq!(printed, "");
}
