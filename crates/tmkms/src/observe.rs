//! What the signer tells while it runs: the log, and its status to whoever asks for it.
//!
//! [`record`] and [`link`] remember, [`source`] gathers a [`document`], [`server`] gives it to whoever connects
//! to the [`socket`], and [`client`] asks for it.

pub mod client;
pub mod document;
pub mod health;
mod heights;
pub mod http;
pub mod latency;
pub mod link;
pub mod moment;
mod page;
mod process;
pub mod prometheus;
pub mod record;
pub mod server;
pub mod socket;
pub mod source;
pub mod turn;
pub(crate) mod units;
pub mod watch;

use std::io::IsTerminal;

use tracing::level_filters::LevelFilter;

use crate::cli::{LogArgs, LogFormat};

/// A second log was set up in one process.
#[derive(Debug, thiserror::Error)]
#[error("the log is set up already")]
pub struct AlreadyLogging;

/// Sends the log to standard output, in the form of tmkms: time, level, target, text. Colour
/// only on a terminal. When nobody reads it any more its lines are lost, and nothing else: a
/// signer whose log collector died goes on signing.
///
/// # Errors
/// [`AlreadyLogging`].
pub fn log_to_stdout(args: &LogArgs) -> Result<(), AlreadyLogging> {
    let level = if args.verbose {
        LevelFilter::DEBUG
    } else {
        LevelFilter::INFO
    };
    let builder = tracing_subscriber::fmt()
        .with_max_level(level)
        .with_ansi(wants_colour(&std::io::stdout()))
        // It would tell of lost lines on standard error, and panic if that is closed too.
        .log_internal_errors(false);
    match args.log_format {
        LogFormat::Text => builder.try_init(),
        LogFormat::Json => builder.json().flatten_event(true).try_init(),
    }
    .map_err(|_| AlreadyLogging)
}

/// Whether texts may be coloured: on a terminal, unless `NO_COLOR` is set (<https://no-color.org>).
pub fn wants_colour(stream: &impl IsTerminal) -> bool {
    let refused = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
    stream.is_terminal() && !refused
}
