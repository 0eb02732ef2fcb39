//! The log that the arguments and `[log]` ask for.

use tracing::Level;

use super::args::{LogArgs, LogFormat};
use crate::config;
use crate::logs::{self, AlreadyLogging, Format, Logs, Output};

impl LogArgs {
    /// Starts the log of a signer. What the arguments say comes before the file.
    ///
    /// # Errors
    /// [`AlreadyLogging`].
    pub(super) fn start(&self, configured: &config::Log) -> Result<Logs, AlreadyLogging> {
        let output = match (self.log_format, &configured.output) {
            (Some(format), Output::Stdout(_)) => Output::Stdout(format.into()),
            (_, output) => output.clone(),
        };
        Logs::start(&output, self.level(configured.level))
    }

    /// The level, where the file says this one.
    pub(super) fn level(&self, configured: Level) -> Level {
        if self.verbose {
            Level::DEBUG
        } else {
            configured
        }
    }

    /// Starts the log of a command that a person waits for.
    ///
    /// # Errors
    /// [`AlreadyLogging`].
    pub(super) fn directly(&self) -> Result<(), AlreadyLogging> {
        let format = self.log_format.map_or(Format::Text, Format::from);
        logs::directly(format, self.level(Level::INFO))
    }
}

impl From<LogFormat> for Format {
    fn from(format: LogFormat) -> Self {
        match format {
            LogFormat::Text => Self::Text,
            LogFormat::Json => Self::Json,
        }
    }
}
