//! `tmkms audit verify`.

use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};

use super::args::VerifyArgs;
use super::{Failure, Outcome, cannot};
use crate::audit::verify::{Head, LogFile, Verdict, head_path, verify as check};

/// Checks all files together, and prints what was found. Exits with 1 if anything was changed.
pub(super) fn verify(args: &VerifyArgs, out: &mut dyn Write) -> Outcome {
    // Before the files: whoever writes them writes the head last.
    let head = head(args)?;
    let mut files = Vec::new();
    for path in &args.files {
        let bytes = std::fs::read(path).map_err(|e| cannot("read", path, &e))?;
        files.push((path.display().to_string(), bytes));
    }
    let files: Vec<LogFile<'_>> = files
        .iter()
        .map(|(name, bytes)| LogFile { name, bytes })
        .collect();
    let verdict = check(&files, args.first, head);
    tell(&verdict, head, out)?;
    if verdict.findings.is_empty() {
        return Ok(());
    }
    Err(Failure::Told(1))
}

fn tell(verdict: &Verdict, head: Option<Head>, out: &mut dyn Write) -> Outcome {
    for file in &verdict.files {
        writeln!(out, "{file}")?;
    }
    for note in &verdict.notes {
        writeln!(out, "note: {note}")?;
    }
    for finding in &verdict.findings {
        writeln!(out, "CHANGED: {finding}")?;
    }
    if verdict.more > 0 {
        writeln!(out, "CHANGED: {} more places", verdict.more)?;
    }
    let count = |event: &str| verdict.counts.get(event).copied().unwrap_or_default();
    writeln!(
        out,
        "{} signed, {} repeated, {} refused",
        count("signed"),
        count("repeated"),
        count("refused")
    )?;
    let (end, hash) = (verdict.end.seq, hex::encode(verdict.end.hash));
    match head {
        Some(head) => writeln!(
            out,
            "last record {end}, hash {hash}; the head knows record {}",
            head.link.seq
        )?,
        None => writeln!(
            out,
            "last record {end}, hash {hash}; without the head, a cut at the end cannot be seen"
        )?,
    }
    Ok(())
}

/// The head that is named, or the one beside a file.
fn head(args: &VerifyArgs) -> Result<Option<Head>, Failure> {
    if let Some(path) = &args.head {
        return read(path)?
            .ok_or_else(|| Failure::new(format!("there is no {}", path.display())))
            .map(Some);
    }
    for path in &args.files {
        if let Some(head) = read(&head_path(&unnumbered(path)))? {
            return Ok(Some(head));
        }
    }
    Ok(None)
}

/// `audit.log` of `audit.log.000001`.
fn unnumbered(path: &Path) -> PathBuf {
    let is_number = path.extension().is_some_and(|ext| {
        let ext = ext.to_string_lossy();
        ext.len() >= 6 && ext.bytes().all(|digit| digit.is_ascii_digit())
    });
    if is_number {
        return path.with_extension("");
    }
    path.to_owned()
}

fn read(path: &Path) -> Result<Option<Head>, Failure> {
    match std::fs::read(path) {
        // Made, and not written yet.
        Ok(bytes) if bytes.is_empty() => Ok(None),
        Ok(bytes) => match Head::parse(&bytes) {
            Some(head) => Ok(Some(head)),
            None => Err(Failure::new(format!(
                "{} is no head of an audit log: it was changed. Name another copy with --head, or \
                 move it away to check without one",
                path.display()
            ))),
        },
        Err(e) if e.kind() == ErrorKind::NotFound => Ok(None),
        Err(e) => Err(cannot("read", path, &e)),
    }
}
