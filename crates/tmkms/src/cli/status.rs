//! `tmkms status`: what the running signer does.

pub(super) mod text;
mod watch;

use std::io::{self, Write};
use std::path::Path;

use self::text::{Colour, render};
use super::args::StatusArgs;
use super::{Failure, Outcome, config};
use crate::observe::client::{self, Answer};
use crate::observe::document::Verdict;
use crate::observe::wants_colour;

/// The exit code while a chain has no connected node. Not 2: that is a mistake in the arguments,
/// and reserved in Docker's health checks.
const NOT_CONNECTED: u8 = 3;

/// Prints the status. The exit code says whether the signer does its work.
pub(super) fn run(args: &StatusArgs, out: &mut dyn Write) -> Outcome {
    let socket = config::status_socket(&args.config.path)?;
    let colour = if wants_colour(&io::stdout()) {
        Colour::On
    } else {
        Colour::Off
    };
    if args.watch {
        return watch::run(|| told(&socket, colour));
    }
    let Answer { text, document } = client::ask(&socket)?;
    if args.json {
        writeln!(out, "{text}")?;
    } else {
        write!(out, "{}", render(&document, colour))?;
    }
    match document.verdict {
        Verdict::Ready => Ok(()),
        Verdict::CannotSign => Err(Failure::Told(1)),
        Verdict::NotConnected => Err(Failure::Told(NOT_CONNECTED)),
    }
}

/// A signer that is not there yet, or again, is no reason to end the view.
fn told(socket: &Path, colour: Colour) -> String {
    match client::ask(socket) {
        Ok(answer) => render(&answer.document, colour),
        Err(error) => format!("{error}\n"),
    }
}
