//! Where `sekaid` is, and running it for its answer.

use std::env;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use crate::failure::Failure;
use crate::home::Home;

/// Names another sekaid than the one found.
const VARIABLE: &str = "SCALLER_SEKAID";

/// Where the images have it.
const IN_IMAGE: &str = "/sekaid";

/// How many of the last lines are shown when it does not say what is wrong.
const TAIL_LINES: usize = 10;

/// The binary: `SCALLER_SEKAID`, else `/sekaid`, else the first in `PATH`.
fn binary() -> PathBuf {
    match env::var_os(VARIABLE) {
        Some(path) => PathBuf::from(path),
        None if Path::new(IN_IMAGE).is_file() => PathBuf::from(IN_IMAGE),
        None => PathBuf::from("sekaid"),
    }
}

/// `sekaid ARGUMENTS --home HOME`, with nothing on its standard input.
pub(crate) fn command(home: &Home, arguments: &[&str]) -> Command {
    let mut command = Command::new(binary());
    command.args(arguments).arg("--home").arg(home.root());
    command.stdin(Stdio::null());
    command
}

/// `sekaid version`; empty when the build does not know.
pub(crate) fn version() -> Result<String, Failure> {
    let mut command = Command::new(binary());
    command.arg("version").stdin(Stdio::null());
    let output = output(&mut command)?;
    let said = [output.stdout, output.stderr].concat();
    Ok(String::from_utf8_lossy(&said).trim().to_owned())
}

/// Runs it to its end, its outputs kept.
pub(crate) fn output(command: &mut Command) -> Result<Output, Failure> {
    command.output().map_err(|error| unstartable(&error))
}

/// Why it could not be started.
pub(crate) fn unstartable(error: &std::io::Error) -> Failure {
    Failure::new(format!(
        "cannot run {}: {error}. Install sekaid as {IN_IMAGE} or in PATH, or name it with \
         {VARIABLE}",
        binary().display()
    ))
}

/// Runs it to its end; its own words if it fails.
pub(crate) fn run(what: &str, command: &mut Command) -> Result<(), Failure> {
    let output = output(command)?;
    if output.status.success() {
        return Ok(());
    }
    Err(failed(what, &output))
}

/// Its own words about why it failed.
pub(crate) fn failed(what: &str, output: &Output) -> Failure {
    let stderr = String::from_utf8_lossy(&output.stderr);
    Failure::new(format!(
        "sekaid could not {what} ({}): {}",
        output.status,
        reason(&stderr)
    ))
}

/// Its line about the error, without the usage text that follows; else what it said last.
fn reason(said: &str) -> String {
    let telling = said
        .lines()
        .map(str::trim)
        .find_map(|line| {
            line.strip_prefix("Error: ")
                .or_else(|| line.strip_prefix("panic: "))
        })
        .map(str::to_owned);
    telling.unwrap_or_else(|| {
        let lines: Vec<&str> = said.trim().lines().collect();
        let from = lines.len().saturating_sub(TAIL_LINES);
        match lines.get(from..) {
            Some(tail) if !tail.is_empty() => tail.join("\n"),
            _ => "it did not say why".to_owned(),
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_reason_is_told_without_the_usage() {
        assert_eq!(
            reason("\nError: no such key\nUsage:\n  sekaid x\n"),
            "no such key"
        );
        assert_eq!(reason("goroutine\npanic: bad\n\ngoroutine 1\n"), "bad");
        assert_eq!(reason("one\ntwo\n"), "one\ntwo");
        assert_eq!(reason(" "), "it did not say why");
    }
}
