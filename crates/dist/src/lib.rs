//! What a release consists of. `docs/release.md` says how to make and to check one.
//!
//! Invariants:
//! - The same sources and the same toolchain give the same bytes, wherever they lie and whoever
//!   builds them: [`check`] holds that.
//! - Time is that of the last commit, or `SOURCE_DATE_EPOCH`.
//! - Everything in an archive stands in [`contents`].

#![allow(clippy::print_stdout, reason = "a program for people")]

pub mod archive;
pub mod bill;
pub mod build;
pub mod check;
pub mod contents;
pub mod deb;
pub mod release;
pub mod source;
pub mod staging;

/// What a step ends with: what it is for, or a text for the developer.
pub type Outcome<T = ()> = Result<T, String>;

/// For `map_err`: says what was to be done.
fn doing<E: std::fmt::Display>(what: &str) -> impl FnOnce(E) -> String {
    let what = what.to_owned();
    move |error| format!("cannot {what}: {error}")
}

/// Runs a command to its end and returns what it prints.
fn run(command: &mut std::process::Command) -> Outcome<Vec<u8>> {
    let output = command
        .stdin(std::process::Stdio::null())
        .output()
        .map_err(doing(&format!("run {command:?}")))?;
    if output.status.success() {
        return Ok(output.stdout);
    }
    let said = String::from_utf8_lossy(&output.stderr);
    Err(format!("{command:?}: {}: {}", output.status, said.trim()))
}

/// The same for what prints text.
fn run_text(command: &mut std::process::Command) -> Outcome<String> {
    String::from_utf8(run(command)?).map_err(doing("read the output of a command"))
}
