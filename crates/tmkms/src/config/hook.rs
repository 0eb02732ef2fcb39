//! `state_hook`: a command that tells the height of a chain when the signer starts.
//!
//! Invariant: there is a program to run, and it gets between 1 second and 1 hour.

use std::path::{Path, PathBuf};
use std::time::Duration;

use toml::Spanned;

use super::schema::STATE_HOOK;
use super::section::{Section, example};
use diagnostics::Diagnostic;
use diagnostics::Location;

/// Without `timeout_secs`, as in tmkms' documentation.
const DEFAULT_TIMEOUT_SECS: u64 = 5;

/// A hook that runs longer holds up the start of the signer.
const MAX_TIMEOUT_SECS: i64 = 3600;

/// A command that prints `{"latest_block_height": "123"}`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StateHook {
    /// The first text of `cmd`. A bare name is looked up in `PATH`; anything with a `/` in it is
    /// a path, taken from the directory of the configuration file.
    pub program: PathBuf,
    /// The other texts of `cmd`.
    pub args: Vec<String>,
    /// `timeout_secs`: how long it may run. Default: 5 seconds.
    pub timeout: Duration,
    /// `fail_closed`: whether the signer refuses to start when the command fails. Default: no.
    pub fail_closed: bool,
    /// Where it is written.
    pub at: Location,
}

/// Reads a `state_hook`.
pub(super) fn read(table: &Section<'_>) -> Option<StateHook> {
    let cmd = table.require("cmd").then(|| table.texts("cmd")).flatten();
    let timeout_secs = table.integer("timeout_secs", 1..=MAX_TIMEOUT_SECS);
    let fail_closed = table.boolean("fail_closed");
    let cmd = cmd?;
    let words: Vec<&str> = cmd.get_ref().iter().map(|word| *word.get_ref()).collect();
    let nul = words.iter().any(|word| word.contains('\0'));
    let Some((program, args)) = words.split_first().filter(|(p, _)| !p.is_empty() && !nul) else {
        table.cx.report(
            Diagnostic::error("`cmd` has no program to run")
                .at(cmd.span(), "expected the program first, then its arguments")
                .help(format!("for example: {}", example(&STATE_HOOK, "cmd"))),
        );
        return None;
    };
    let timeout_secs = timeout_secs.and_then(|secs| u64::try_from(secs.into_inner()).ok());
    Some(StateHook {
        program: program_path(table, program),
        args: args.iter().map(|&arg| arg.to_owned()).collect(),
        timeout: Duration::from_secs(timeout_secs.unwrap_or(DEFAULT_TIMEOUT_SECS)),
        fail_closed: fail_closed.is_some_and(Spanned::into_inner),
        at: table.cx.locate(&cmd.span()),
    })
}

fn program_path(table: &Section<'_>, program: &str) -> PathBuf {
    if program.contains('/') {
        table.cx.resolve(Path::new(program))
    } else {
        PathBuf::from(program)
    }
}
