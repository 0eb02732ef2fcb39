//! The log: from an event in any thread to standard output, syslog or journald.
//!
//! Invariants:
//! - Who logs waits for no reader: an event goes into a bounded `queue`, and once there are
//!   several threads one of its own writes it. What there was no room for is counted, and told in
//!   its place.
//! - An event never becomes two lines, and never commands a terminal.
//! - Nothing is opened late but sockets, which the sandbox leaves.

mod event;
mod journald;
mod queue;
mod sink;
mod subscriber;
mod syslog;
mod text;
mod writer;

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::time::Duration;

use tracing::Level;

pub use self::event::{Event, Value};
pub use self::sink::SocketAddress;
pub use self::syslog::Facility;
pub(crate) use self::text::escaped;

use self::queue::Queue;
use self::sink::Sink;
use self::subscriber::{Destination, Subscriber};
use self::writer::{Early, Pen, Writer};

use crate::observe::wants_colour;

/// How long the end of the process waits for whoever reads the log.
const FLUSH: Duration = Duration::from_secs(1);

/// A second log was set up in one process.
#[derive(Debug, thiserror::Error)]
#[error("the log is set up already")]
pub struct AlreadyLogging;

/// The form of lines on standard output.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Format {
    /// Lines for people, as tmkms writes them.
    #[default]
    Text,
    /// One JSON object a line.
    Json,
}

/// Where the log goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Output {
    /// Standard output.
    Stdout(Format),
    /// A syslog daemon, as RFC 5424 has it.
    Syslog {
        /// Where it takes datagrams.
        address: SocketAddress,
        /// What kind of program this is.
        facility: Facility,
        /// The name of the program.
        tag: String,
    },
    /// systemd-journald, with fields.
    Journald {
        /// Where it takes datagrams.
        address: SocketAddress,
        /// The name of the program.
        tag: String,
    },
}

impl Default for Output {
    fn default() -> Self {
        Self::Stdout(Format::Text)
    }
}

/// How an event is written.
pub(crate) enum Form {
    Text { colour: bool },
    Json,
    Syslog(syslog::Header),
    Journald(String),
}

impl Form {
    fn of(output: &Output) -> Self {
        match output {
            Output::Stdout(Format::Text) => Self::Text {
                colour: wants_colour(&io::stdout()),
            },
            Output::Stdout(Format::Json) => Self::Json,
            Output::Syslog { facility, tag, .. } => {
                Self::Syslog(syslog::Header::new(*facility, tag))
            }
            Output::Journald { tag, .. } => Self::Journald(tag.clone()),
        }
    }

    fn render(&self, event: &Event) -> Vec<u8> {
        match self {
            Self::Text { colour } => text::line(event, *colour),
            Self::Json => text::json(event),
            Self::Syslog(header) => header.message(event),
            Self::Journald(tag) => journald::entry(event, tag),
        }
    }
}

/// The level from which on events are told; clones are the same one.
#[derive(Clone)]
pub struct Threshold(Arc<AtomicUsize>);

impl Threshold {
    const ALL: [Level; 4] = [Level::ERROR, Level::WARN, Level::INFO, Level::DEBUG];

    fn new(level: Level) -> Self {
        let threshold = Self(Arc::default());
        threshold.store(level);
        threshold
    }

    /// Tells events from this level on.
    pub fn set(&self, level: Level) {
        self.store(level);
        tracing::callsite::rebuild_interest_cache();
    }

    fn store(&self, level: Level) {
        let index = Self::ALL.iter().position(|it| *it == level);
        self.0.store(index.unwrap_or(2), Relaxed);
    }

    fn level(&self) -> Level {
        let level = Self::ALL.get(self.0.load(Relaxed));
        level.copied().unwrap_or(Level::INFO)
    }
}

/// The log of a process. Dropping it waits a moment for what is not written yet.
pub struct Logs {
    threshold: Threshold,
    queue: Arc<Queue>,
    early: Arc<Early>,
    writer: Option<Writer>,
}

impl Logs {
    /// Sends the log to `output` from now on. Until [`Self::spawn`] each line is written by
    /// whoever has it to tell, if it can be written at once, and kept otherwise.
    ///
    /// # Errors
    /// [`AlreadyLogging`].
    pub fn start(output: &Output, level: Level) -> Result<Self, AlreadyLogging> {
        let threshold = Threshold::new(level);
        let queue = Arc::<Queue>::default();
        let pen = Pen::new(Arc::clone(&queue), Form::of(output), Sink::open(output));
        let early = Arc::new(Early::new(pen));
        let destination = Destination::Queue(Arc::clone(&queue), Arc::clone(&early));
        install(threshold.clone(), destination)?;
        Ok(Self {
            threshold,
            queue,
            early,
            writer: None,
        })
    }

    /// Leaves the writing to a thread of its own from now on.
    ///
    /// # Errors
    /// What the system says when it has no thread.
    pub fn spawn(&mut self) -> io::Result<()> {
        if let Some(pen) = self.early.take() {
            self.writer = Some(Writer::start(pen)?);
        }
        Ok(())
    }

    /// The level, to be changed.
    #[must_use]
    pub fn threshold(&self) -> Threshold {
        self.threshold.clone()
    }

    /// How many lines were lost so far, because nobody took them in time.
    #[must_use]
    pub fn lost(&self) -> u64 {
        self.queue.lost()
    }
}

impl Drop for Logs {
    fn drop(&mut self) {
        match self.writer.take() {
            Some(writer) => writer.stop(FLUSH),
            None => self.early.write_waiting(FLUSH),
        }
    }
}

/// Writes the log to standard output, each line by whoever has it to tell: for commands that a
/// person waits for.
///
/// # Errors
/// [`AlreadyLogging`].
pub fn directly(format: Format, level: Level) -> Result<(), AlreadyLogging> {
    let form = Form::of(&Output::Stdout(format));
    install(Threshold::new(level), Destination::Direct(form))
}

fn install(threshold: Threshold, destination: Destination) -> Result<(), AlreadyLogging> {
    let subscriber = Subscriber::new(threshold, destination);
    tracing::subscriber::set_global_default(subscriber).map_err(|_| AlreadyLogging)
}
