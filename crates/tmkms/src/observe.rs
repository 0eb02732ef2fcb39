//! What the signer tells while it runs. For now: the log.

use std::io::IsTerminal as _;

use tracing::level_filters::LevelFilter;

use crate::cli::{LogArgs, LogFormat};

/// A second log was set up in one process.
#[derive(Debug, thiserror::Error)]
#[error("the log is set up already")]
pub struct AlreadyLogging;

/// Sends the log to standard output, in the form of tmkms: time, level, target, text. Colour
/// only on a terminal.
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
        .with_ansi(std::io::stdout().is_terminal());
    match args.log_format {
        LogFormat::Text => builder.try_init(),
        LogFormat::Json => builder.json().flatten_event(true).try_init(),
    }
    .map_err(|_| AlreadyLogging)
}
