//! `tmkms status`: what the running signer does.

use std::io::Write;

use super::args::StatusArgs;
use super::{Failure, Outcome, config};
use crate::observe::client::{self, Answer};
use crate::observe::document::Verdict;

/// The exit code while a chain has no connected node. Not 2: that is a mistake in the arguments,
/// and reserved in Docker's health checks.
const NOT_CONNECTED: u8 = 3;

/// Prints the status. The exit code says whether the signer does its work.
pub(super) fn run(args: &StatusArgs, out: &mut dyn Write) -> Outcome {
    let config = config::load(&args.config.path)?;
    let socket = config.status_socket().ok_or_else(|| {
        Failure::new(format!(
            "{} says [status] socket = \"off\": without a socket the signer cannot be asked",
            config.file.display()
        ))
    })?;
    let Answer { text, document } = client::ask(&socket)?;
    writeln!(out, "{text}")?;
    out.flush()?;
    match document.verdict {
        Verdict::Ready => Ok(()),
        Verdict::CannotSign => Err(Failure::Told(1)),
        Verdict::NotConnected => Err(Failure::Told(NOT_CONNECTED)),
    }
}
