//! A tar.gz that says nothing of the machine that packed it.

use std::path::Path;
use std::process::{Command, Stdio};

use crate::staging::Staging;
use crate::{Outcome, doing, run};

/// Packs a tree as one directory called after its own.
///
/// # Errors
/// What `tar` or `gzip` says.
pub fn pack(staging: &Staging, epoch: u64, to: &Path) -> Outcome {
    let root = staging.root();
    let name = root.file_name().ok_or("a tree without a name")?;
    let tar = to.with_extension("");
    let mut command = Command::new("tar");
    command.args(["--create", "--format=gnu", "--sort=name", "--numeric-owner"]);
    command.args(["--owner=0", "--group=0"]);
    command
        .arg(format!("--mtime=@{epoch}"))
        .arg("--file")
        .arg(&tar);
    command
        .arg("--directory")
        .arg(root.parent().unwrap_or(root))
        .arg(name);
    run(&mut command)?;
    run(Command::new("gzip")
        .args(["--best", "--no-name", "--force"])
        .arg(&tar))
    .map(drop)
}

/// Compresses text as Debian wants its documents.
pub(crate) fn gzip(bytes: &[u8]) -> Outcome<Vec<u8>> {
    use std::io::Write as _;
    let mut child = Command::new("gzip")
        .args(["--best", "--no-name"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .map_err(doing("run gzip"))?;
    let stdin = child.stdin.take();
    let bytes = bytes.to_vec();
    let writer = std::thread::spawn(move || stdin.map(|mut pipe| pipe.write_all(&bytes)));
    let output = child.wait_with_output().map_err(doing("run gzip"))?;
    match writer.join() {
        Ok(Some(Ok(()))) if output.status.success() => Ok(output.stdout),
        _ => Err("gzip failed".to_owned()),
    }
}
