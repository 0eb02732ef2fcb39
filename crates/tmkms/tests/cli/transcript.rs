//! Transcripts: `transcripts/COMMAND/NAME.txt` holds a session at a shell, with everything that
//! it prints, to the letter.
//!
//! ```text
//! Why this is so, if it needs saying.
//! $ tmkms init kms -n nope
//! 2> error: no template is called ...
//! [exit 2]
//! ```
//!
//! A line after `$` is run by `sh` in a new directory (see [`Home`]); then follow its standard
//! output, its standard error after `2>`, and its exit code if that is not 0. Three things are
//! replaced: the directory by `TEMP`, the time of a log line by `TIME`, our version by `VERSION`.
//!
//! `BLESS=1 cargo test -p tmkms --test cli` writes the answers anew: read the difference before
//! you commit it.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use crate::home::{Done, Home};

/// The length of `2026-01-30T20:26:37.121000Z`.
const TIME_LEN: usize = 27;

/// Makes a test of each transcript of a command.
macro_rules! transcripts {
    ($command:literal: $($name:ident)+) => {
        $(
            #[test]
            fn $name() {
                $crate::transcript::check($command, stringify!($name));
            }
        )+

        #[test]
        fn no_transcript_is_left_out() {
            $crate::transcript::check_names($command, &[$(stringify!($name)),+]);
        }
    };
}
pub(crate) use transcripts;

fn folder(command: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/cli/transcripts")
        .join(command)
}

/// Runs one transcript and compares.
pub(crate) fn check(command: &str, name: &str) {
    let file = folder(command).join(format!("{name}.txt"));
    let expected = fs::read_to_string(&file).unwrap_or_else(|e| panic!("{}: {e}", file.display()));
    assert!(expected.contains("$ "), "{name} has no command");
    let found = replay(&expected);
    if std::env::var_os("BLESS").is_some() {
        fs::write(&file, &found).expect("write");
    } else {
        assert!(
            found == expected,
            "--- {command}/{name}: expected\n{expected}\n--- found\n{found}"
        );
    }
}

/// Every transcript has its test.
pub(crate) fn check_names(command: &str, names: &[&str]) {
    let entries = fs::read_dir(folder(command)).expect("transcripts");
    let files: BTreeSet<String> = entries
        .map(|entry| entry.expect("an entry").path())
        .map(|path| path.file_stem().unwrap().to_string_lossy().into_owned())
        .collect();
    assert_eq!(files, names.iter().map(ToString::to_string).collect());
}

/// The transcript with the answers of today: the remark at its head and the commands stay.
fn replay(transcript: &str) -> String {
    let home = Home::new();
    let mut replayed = String::new();
    let mut is_remark = true;
    for line in transcript.lines() {
        if let Some(script) = line.strip_prefix("$ ") {
            is_remark = false;
            writeln!(replayed, "{line}").unwrap();
            answer(&mut replayed, &home, &home.sh(script));
        } else if is_remark {
            writeln!(replayed, "{line}").unwrap();
        }
    }
    replayed
}

fn answer(replayed: &mut String, home: &Home, done: &Done) {
    for line in done.stdout.lines() {
        writeln!(replayed, "{}", stable(line, home)).unwrap();
    }
    if !done.stdout.is_empty() && !done.stdout.ends_with('\n') {
        writeln!(replayed, "[no line end]").unwrap();
    }
    for line in done.stderr.lines() {
        let line = format!("2> {}", stable(line, home));
        writeln!(replayed, "{}", line.trim_end()).unwrap();
    }
    if done.code != 0 {
        writeln!(replayed, "[exit {}]", done.code).unwrap();
    }
}

/// Without what differs from run to run, and without trailing spaces, which editors take away.
fn stable(line: &str, home: &Home) -> String {
    let version = env!("CARGO_PKG_VERSION");
    if line == version {
        return "VERSION".to_owned();
    }
    let line = line
        .replace(&home.path("").display().to_string(), "TEMP/")
        .replace(&format!("tmkms {version}"), "tmkms VERSION");
    let is_log =
        line.as_bytes().get(10) == Some(&b'T') && line.as_bytes().get(TIME_LEN - 1) == Some(&b'Z');
    let line = match line.get(TIME_LEN..) {
        Some(rest) if is_log => format!("TIME{rest}"),
        _ => line,
    };
    line.trim_end().to_owned()
}
