//! The signals of this process, as events with a timeout.

use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::thread;
use std::time::Duration;

use signal_hook::consts::{SIGCHLD, SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGUSR1, SIGUSR2};
use signal_hook::iterator::Signals;

use crate::failure::Failure;

/// Signals that end a process that does not handle them: sekaid is passed them, and scaller ends
/// with it.
const ENDING: [i32; 4] = [SIGTERM, SIGINT, SIGQUIT, SIGHUP];

/// What happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Event {
    /// A signal to pass on; `ends` says whether it asks for the end.
    Signal {
        /// Its number.
        number: i32,
        /// Whether it asks for the end.
        ends: bool,
    },
    /// A child has ended.
    Child,
    /// Nothing, for as long as was asked.
    Quiet,
}

/// The signals, from the moment that this was made: none is lost and none has its default effect.
#[derive(Debug)]
pub(crate) struct Events {
    received: Receiver<i32>,
}

impl Events {
    pub(crate) fn new() -> Result<Self, Failure> {
        let all = ENDING.iter().chain(&[SIGUSR1, SIGUSR2, SIGCHLD]);
        let mut signals = Signals::new(all)
            .map_err(|error| Failure::new(format!("cannot listen for signals: {error}")))?;
        let (sender, received) = mpsc::channel();
        thread::Builder::new()
            .name("signals".to_owned())
            .spawn(move || {
                // Nobody receives any more when the process is about to end.
                for number in signals.forever() {
                    if sender.send(number).is_err() {
                        break;
                    }
                }
            })
            .map_err(|error| Failure::new(format!("cannot start a thread: {error}")))?;
        Ok(Self { received })
    }

    /// The next event, or [`Event::Quiet`] after `patience`.
    pub(crate) fn next(&self, patience: Duration) -> Event {
        match self.received.recv_timeout(patience) {
            Ok(SIGCHLD) => Event::Child,
            Ok(number) => Event::Signal {
                number,
                ends: ENDING.contains(&number),
            },
            Err(RecvTimeoutError::Timeout) => Event::Quiet,
            Err(RecvTimeoutError::Disconnected) => {
                // Only if its thread has panicked; time must still pass.
                thread::sleep(patience);
                Event::Quiet
            }
        }
    }
}
