//! `tmkms demo`.

use std::fs::File;
use std::process::Command;

use crate::home::{Done, Home, TMKMS};
use crate::signer::Signer;

/// Runs the demo with a temporary directory of its own, of which nothing may be left.
fn demo(home: &Home, before: &str, args: &str) -> Done {
    home.must("mkdir -m 1777 tmp");
    let done = home.sh(&format!(
        "export TMPDIR=$PWD/tmp; {before}tmkms demo {args}"
    ));
    assert_eq!(home.must("ls -A tmp"), "", "left behind");
    done
}

#[test]
fn it_signs_five_heights_with_the_guides_lines() {
    let home = Home::new();
    let done = demo(&home, "", "");
    assert_eq!((done.code, done.stderr.as_str()), (0, ""));
    let lines: Vec<&str> = done.stdout.lines().collect();
    assert!(lines[0].starts_with("A throw-away key, identity, state and tmkms.toml are in "));
    for height in 1..=5 {
        for (step, what) in ["Proposal", "Prevote", "Precommit"].iter().enumerate() {
            let is_signed = |line: &&&str| {
                line.contains(" INFO tmkms::session: [demo-1@tcp://127.0.0.1:")
                    && line.contains(&format!("] signed {what}:"))
                    && line.contains(&format!(" at h/r/s {height}/0/{step} ("))
            };
            let found = lines.iter().filter(is_signed).count();
            assert_eq!(found, 1, "{what} {height}: {}", done.stdout);
        }
    }
    let refused = lines
        .iter()
        .filter(|line| line.contains(" ERROR tmkms::"))
        .count();
    assert_eq!(refused, 1, "{}", done.stdout);
    let end = "\
20 signatures, all verified. A conflicting prevote was refused, as the ERROR line says.
Next, for a real node:
  tmkms init DIR -n kira --chain-id CHAIN --addr tcp://NODE:26659
  tmkms softsign import NODE_HOME/config/priv_validator_key.json DIR/secrets/priv_validator_key.json
  tmkms start -c DIR/tmkms.toml
and set priv_validator_laddr = \"tcp://0.0.0.0:26659\" in the node's config.toml.
";
    assert!(done.stdout.ends_with(end), "{}", done.stdout);
}

#[test]
fn it_signs_as_many_heights_as_asked() {
    let home = Home::new();
    let done = demo(&home, "", "--heights 2 --log-format json");
    assert_eq!((done.code, done.stderr.as_str()), (0, ""));
    assert!(done.stdout.contains("\n8 signatures, all verified."));
    assert!(done.stdout.contains(" at h/r/s 2/0/2 ("));
    assert!(!done.stdout.contains(" at h/r/s 3/"), "{}", done.stdout);
}

#[test]
fn through_a_tunnel_it_signs_the_same_without_rights() {
    let home = Home::new();
    let Some(unprivileged) = home.unprivileged() else {
        return;
    };
    let before = format!("cd / && {unprivileged}");
    let done = demo(&home, &before, "--heights 3 --tunnel");
    assert_eq!(
        (done.code, done.stderr.as_str()),
        (0, ""),
        "{}",
        done.stdout
    );
    assert!(done.stdout.contains("\n12 signatures, all verified."));
    let of_signer = "[demo-1@tcp://10.200.0.1:26659] signed Precommit:";
    assert!(done.stdout.contains(of_signer), "{}", done.stdout);
    for told in [
        "port 26659: 10.200.0.2:",
        " is connected to the node",
        "inside the tunnel wg0",
        "All of it went through WireGuard",
    ] {
        assert!(done.stdout.contains(told), "{told} in {}", done.stdout);
    }
}

#[test]
fn it_needs_neither_rights_nor_a_home() {
    let home = Home::new();
    let Some(unprivileged) = home.unprivileged() else {
        return;
    };
    let done = demo(&home, &format!("cd / && {unprivileged}"), "--heights 1");
    assert_eq!((done.code, done.stderr.as_str()), (0, ""));
    assert!(done.stdout.contains("\n4 signatures, all verified."));
}

#[test]
fn without_a_temporary_directory_it_says_what_to_set() {
    let home = Home::new();
    let mut command = Command::new(TMKMS);
    home.prepare(&mut command).env("TMPDIR", "/nowhere");
    let done = command.arg("demo").output().unwrap();
    assert_eq!(done.status.code(), Some(1));
    let text = String::from_utf8(done.stderr).unwrap();
    assert!(
        text.starts_with("error: cannot make a temporary directory: "),
        "{text}"
    );
    assert!(
        text.ends_with(". Name a writable one in TMPDIR\n"),
        "{text}"
    );
}

#[test]
fn an_end_half_way_leaves_nothing_behind() {
    let home = Home::new();
    home.must("mkdir tmp");
    let mut command = Command::new(TMKMS);
    home.prepare(command.args(["demo", "--heights", "60000"]))
        .env("TMPDIR", home.path("tmp"))
        .stdout(File::create(home.path("signer.out")).unwrap())
        .stderr(File::create(home.path("signer.err")).unwrap());
    let mut demo = Signer::spawn(&home, &mut command);
    demo.wait_for(" signed Precommit:");
    let done = demo.stop();
    assert_eq!(done.code, 1);
    assert!(done.stderr.starts_with("error: "), "{}", done.stderr);
    assert_eq!(home.must("ls -A tmp"), "", "left behind");
}
