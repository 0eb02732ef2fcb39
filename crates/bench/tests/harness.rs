//! `bench harness` with programs that are no signers.

#![allow(clippy::unwrap_used, clippy::panic)] // a test may panic

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

/// A minute is how long a signer is waited for that runs.
const AT_ONCE: Duration = Duration::from_secs(20);

fn script(directory: &Path, text: &str) -> PathBuf {
    let path = directory.join("signer");
    fs::write(&path, text).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o700)).unwrap();
    path
}

/// What it says of such a signer, without waiting.
fn tried(text: &str) -> String {
    let directory = tempfile::tempdir().unwrap();
    let started = Instant::now();
    let done = Command::new(env!("CARGO_BIN_EXE_bench"))
        .args(["harness", "--ours"])
        .arg(script(directory.path(), text))
        .arg("--directory")
        .arg(directory.path())
        .output()
        .unwrap();
    assert!(started.elapsed() < AT_ONCE, "{:?}", started.elapsed());
    assert!(!done.status.success());
    String::from_utf8_lossy(&done.stderr).into_owned()
}

#[test]
fn signer_that_cannot_be_started_is_told_at_once() {
    let said = tried("#!/no/such/interpreter\n");
    assert!(
        said.contains("/signer: No such file or directory"),
        "{said}"
    );
}

#[test]
fn signer_that_ends_before_it_connects_is_told_at_once() {
    let said = tried("#!/bin/sh\nexit 3\n");
    assert!(
        said.contains("/signer: it ended before it had connected (exit status: 3)"),
        "{said}"
    );
}
