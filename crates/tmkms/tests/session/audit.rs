//! The audit log of a real signer, and what `tmkms audit verify` says of it.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use serde_json::Value;
use testnode::Listener;

use crate::support::{
    Asker, CHAIN, Home, PATIENCE, Tmkms, address, nil_prevote, precommit, prevote, proposal,
};

struct Audited {
    tmkms: Tmkms,
    node: Listener,
    home: Home,
}

fn start(lines: &str) -> Audited {
    let node = Listener::tcp().unwrap();
    let mut home = Home::of_node(&node);
    home.add_lines(&format!("[audit]\nfile = \"audit/audit.log\"\n{lines}"));
    let tmkms = home.start();
    Audited { tmkms, node, home }
}

impl Audited {
    fn accept(&self) -> Asker {
        Asker::new(self.node.accept(PATIENCE).unwrap())
    }

    fn log(&self) -> PathBuf {
        self.home.path("audit/audit.log")
    }

    /// Ends the signer and starts another one.
    fn again(self) -> Self {
        self.tmkms.stop();
        let tmkms = self.home.start();
        Self { tmkms, ..self }
    }
}

fn records(file: &Path) -> Vec<Value> {
    let text = fs::read_to_string(file).unwrap();
    text.lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

fn wait_for_records(file: &Path, event: &str, count: usize) -> Vec<Value> {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let records = records(file);
        if records.iter().filter(|it| it["event"] == event).count() >= count {
            return records;
        }
        assert!(Instant::now() < deadline, "{records:#?}");
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// Exit code and output of `tmkms audit verify`.
fn verify(files: &[&Path]) -> (i32, String) {
    let done = Command::new(env!("CARGO_BIN_EXE_tmkms"))
        .args(["audit", "verify"])
        .args(files)
        .output()
        .unwrap();
    let text = [done.stdout, done.stderr].concat();
    (
        done.status.code().unwrap(),
        String::from_utf8(text).unwrap(),
    )
}

#[test]
fn every_signature_and_every_refusal_is_a_record() {
    let audited = start("");
    let mut asker = audited.accept();
    asker.sign(&proposal(1, "a"));
    asker.sign(&prevote(1, "a"));
    asker.sign(&prevote(1, "a"));
    asker.refused(&prevote(1, "b"));
    asker.sign(&nil_prevote(2));
    let records = wait_for_records(&audited.log(), "signed", 3);
    let of =
        |event: &str| -> Vec<&Value> { records.iter().filter(|it| it["event"] == event).collect() };
    let key = serde_json::to_value(keys::show::hex(&asker.key)).unwrap();
    let first = of("signed")[0];
    for (field, value) in [
        ("chain", CHAIN.into()),
        ("node", address(&audited.node).into()),
        ("type", "Proposal".into()),
        ("height", 1.into()),
        ("round", 0.into()),
        ("step", 0.into()),
        ("key", key),
    ] {
        assert_eq!(first[field], value, "{field}");
    }
    let block = testnode::block_id("a");
    let id = format!(
        "{}:{}:{}",
        hex(&block.hash),
        block.parts_total,
        hex(&block.parts_hash)
    );
    assert_eq!(first["block_id"], Value::from(id));
    assert!(of("signed")[2].get("block_id").is_none());
    assert_eq!((of("repeated").len(), of("refused").len()), (1, 1));
    assert_eq!(of("refused")[0]["cause"], "conflict");
    assert!(
        of("refused")[0]["why"]
            .as_str()
            .unwrap()
            .contains("double sign")
    );
    let log = audited.log();
    let home = audited.home;
    audited.tmkms.stop();
    let (code, text) = verify(&[&log]);
    assert_eq!(code, 0, "{text}");
    assert!(text.contains("3 signed, 1 repeated, 1 refused"), "{text}");
    assert!(!text.contains("note:"), "{text}");
    drop(home);
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[test]
fn files_are_rotated_without_losing_a_record_and_a_missing_one_is_named() {
    let audited = start("rotate_mib = 1");
    let mut asker = audited.accept();
    let count = 2_600;
    asker.sign(&precommit(1, "a"));
    for _ in 0..count {
        asker.sign(&precommit(1, "a"));
    }
    let log = audited.log();
    let files = [1, 2].map(|n| PathBuf::from(format!("{}.{n:06}", log.display())));
    let home = audited.home;
    audited.tmkms.stop();
    let named: Vec<&Path> = files
        .iter()
        .filter(|it| it.exists())
        .map(PathBuf::as_path)
        .collect();
    assert!(!named.is_empty());
    let all: Vec<&Path> = named.iter().copied().chain([log.as_path()]).collect();
    let (code, text) = verify(&all);
    assert_eq!(code, 0, "{text}");
    assert!(
        text.contains(&format!("1 signed, {count} repeated")),
        "{text}"
    );
    let (code, text) = verify(&[&log]);
    assert_eq!(code, 1);
    assert!(text.contains("missing before file"), "{text}");
    let (code, text) = verify(&[named[0]]);
    assert_eq!(code, 1);
    assert!(
        text.contains("are missing: the head knows record"),
        "{text}"
    );
    drop(home);
}

#[test]
fn signer_that_was_killed_goes_on_and_a_torn_line_is_named() {
    let audited = start("");
    let mut asker = audited.accept();
    asker.sign(&prevote(1, "a"));
    wait_for_records(&audited.log(), "signed", 1);
    let (log, home, node) = (audited.log(), audited.home, audited.node);
    audited.tmkms.kill();
    drop(asker);
    // As a loss of power leaves it.
    let mut text = fs::read(&log).unwrap();
    text.truncate(text.len() - 40);
    fs::write(&log, &text).unwrap();
    let (code, told) = verify(&[&log]);
    assert_eq!(code, 0, "{told}");
    assert!(told.contains("the last line is torn after"), "{told}");
    let tmkms = home.start();
    let mut asker = Asker::new(node.accept(PATIENCE).unwrap());
    asker.sign(&precommit(1, "a"));
    tmkms.stop();
    let (code, told) = verify(&[&log]);
    assert_eq!(code, 0, "{told}");
    for part in [
        "bytes of a write that was not finished",
        "did not end as it was asked to",
        "testnet-1 was signed up to 1/0/1, as the state says",
    ] {
        assert!(told.contains(part), "{part}: {told}");
    }
}

#[test]
fn log_that_was_cut_is_told_at_the_next_start_and_for_ever() {
    let audited = start("");
    let mut asker = audited.accept();
    for height in 1..=3 {
        asker.sign(&prevote(height, "a"));
    }
    let (log, home) = (audited.log(), audited.home);
    audited.tmkms.stop();
    let text = fs::read_to_string(&log).unwrap();
    let lines: Vec<&str> = text.lines().collect();
    fs::write(&log, lines[..lines.len() - 2].join("\n") + "\n").unwrap();
    let (code, told) = verify(&[&log]);
    assert_eq!(code, 1);
    assert!(
        told.contains("The log was cut, or its last file is not among"),
        "{told}"
    );
    let tmkms = home.start();
    tmkms.wait_for("is not as it was left: it ends with record");
    tmkms.wait_for("starting up");
    tmkms.stop();
    let (code, told) = verify(&[&log]);
    assert_eq!(code, 1);
    assert!(
        told.contains("the log was found cut or changed when the signer started"),
        "{told}"
    );
}

#[test]
fn a_second_signer_does_not_write_the_same_log() {
    let audited = start("");
    let _asker = audited.accept();
    let mut other = Home::new();
    other.add_chain("other-1", "");
    other.add_node("other-1", "tcp://127.0.0.1:1", "");
    other.add_lines(&format!("[audit]\nfile = \"{}\"", audited.log().display()));
    let ended = other.start().wait();
    assert_eq!(ended.status.code(), Some(1));
    ended.line("is written by another process: give each signer an audit log of its own");
}

#[test]
fn file_that_is_no_audit_log_is_left_as_it_is() {
    let mut home = Home::new();
    home.add_chain(CHAIN, "");
    home.add_node(CHAIN, "tcp://127.0.0.1:1", "");
    home.add_lines("[audit]\nfile = \"notes.txt\"");
    fs::write(home.path("notes.txt"), "precious\nnotes\n").unwrap();
    let ended = home.start().wait();
    assert_eq!(ended.status.code(), Some(1));
    ended.line("notes.txt is no audit log");
    assert_eq!(
        fs::read_to_string(home.path("notes.txt")).unwrap(),
        "precious\nnotes\n"
    );
}

#[test]
fn a_clean_end_leaves_nothing_to_note() {
    let audited = start("");
    let mut asker = audited.accept();
    asker.sign(&prevote(1, "a"));
    let audited = audited.again();
    audited.accept().sign(&prevote(2, "a"));
    let (log, _home) = (audited.log(), &audited.home);
    audited.tmkms.stop();
    let (code, text) = verify(&[&log]);
    assert_eq!(code, 0, "{text}");
    assert!(!text.contains("note:"), "{text}");
}

/// A disk of 1 MiB that is full: signing goes on, and what is missing is a record.
#[test]
fn full_disk_stops_no_signature_and_the_gap_is_told() {
    let is_root = rustix::process::geteuid().is_root();
    if !is_root {
        assert!(
            std::env::var_os("CI").is_none(),
            "only root mounts a small disk"
        );
        println!("skipped: only root mounts a small disk");
        return;
    }
    let node = Listener::tcp().unwrap();
    let mut home = Home::of_node(&node);
    home.add_lines("[audit]\nfile = \"audit/audit.log\"");
    let disk = SmallDisk::mount(&home.path("audit"));
    let tmkms = home.start();
    let mut asker = Asker::new(node.accept(PATIENCE).unwrap());
    asker.sign(&prevote(1, "a"));
    let log = home.path("audit/audit.log");
    wait_for_records(&log, "signed", 1);
    let ballast = home.path("audit/audit.log.ballast");
    // Writes what there is room for, and no more.
    let _ = fs::write(&ballast, vec![0; 2 * 1024 * 1024]);
    for height in 2..=40 {
        asker.sign(&prevote(height, "a"));
    }
    tmkms.wait_for("cannot be written: No space left on device");
    asker.sign(&prevote(41, "a"));
    fs::remove_file(&ballast).unwrap();
    tmkms.wait_for("is written again, after");
    asker.sign(&prevote(42, "a"));
    tmkms.stop();
    let (code, text) = verify(&[&log]);
    assert_eq!(code, 0, "{text}");
    assert!(text.contains("42 signed"), "{text}");
    drop(disk);
}

struct SmallDisk(PathBuf);

impl SmallDisk {
    fn mount(at: &Path) -> Self {
        fs::create_dir_all(at).unwrap();
        let mut mount = Command::new("mount");
        mount
            .args(["-t", "tmpfs", "-o", "size=1m", "tmpfs"])
            .arg(at);
        assert!(mount.status().unwrap().success());
        Self(at.to_owned())
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(&self.0).status();
    }
}
