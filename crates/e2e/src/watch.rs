//! Looks at the height of the chain all the time, and remembers when it rose.

use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use crate::Outcome;
use crate::namespace::Namespace;
use crate::sekai::RPC;
use crate::wait::until;

/// Between two looks; every time that is told is right to this.
const PULSE: Duration = Duration::from_millis(30);

/// A thread that looks. It ends when dropped.
pub struct Watch {
    shared: Arc<Mutex<Shared>>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Default)]
struct Shared {
    rises: Vec<Rise>,
    is_over: bool,
}

/// A height that was seen first at some time.
#[derive(Clone, Copy, Debug)]
pub struct Rise {
    /// When.
    pub at: Instant,
    /// The height of the last block.
    pub height: u64,
}

impl Watch {
    /// Begins to look, from inside the node's container.
    pub fn start(container: &Namespace) -> Self {
        let shared = Arc::new(Mutex::new(Shared::default()));
        let (seen, place) = (Arc::clone(&shared), container.place());
        let thread = thread::spawn(move || {
            if let Err(text) = place.enter() {
                eprintln!("the chain is not watched: {text}");
                return;
            }
            look(&seen);
        });
        Self {
            shared,
            thread: Some(thread),
        }
    }

    /// The height of the last block; 0 before the first.
    pub fn height(&self) -> u64 {
        self.rises().last().map_or(0, |rise| rise.height)
    }

    /// Waits for a height; returns when it was seen.
    ///
    /// # Errors
    /// When `patience` passes first.
    pub fn wait_for(&self, height: u64, patience: Duration) -> Outcome<Instant> {
        until(
            &format!("the chain reaches height {height}"),
            patience,
            || {
                let rises = self.rises();
                let rise = rises.iter().find(|rise| rise.height >= height)?;
                Some(rise.at)
            },
        )
        .map_err(|text| format!("{text}; it is at {}", self.height()))
    }

    /// Every rise so far.
    pub fn rises(&self) -> Vec<Rise> {
        let shared = self.shared.lock().unwrap_or_else(PoisonError::into_inner);
        shared.rises.clone()
    }

    /// The longest time without a new block since `from`.
    pub fn longest_gap(&self, from: Instant) -> Duration {
        let rises = self.rises();
        let times = rises.iter().map(|rise| rise.at).filter(|at| *at >= from);
        let mut longest = Duration::ZERO;
        let mut last = from;
        for at in times {
            longest = longest.max(at - last);
            last = at;
        }
        longest
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.shared
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .is_over = true;
        if let Some(thread) = self.thread.take() {
            // It has nothing to say.
            let _ = thread.join();
        }
    }
}

fn look(shared: &Mutex<Shared>) {
    loop {
        let height = RPC.height().filter(|height| *height > 0);
        let mut shared = shared.lock().unwrap_or_else(PoisonError::into_inner);
        if shared.is_over {
            return;
        }
        let last = shared.rises.last().map_or(0, |rise| rise.height);
        if let Some(height) = height.filter(|height| *height > last) {
            let at = Instant::now();
            shared.rises.push(Rise { at, height });
        }
        drop(shared);
        thread::sleep(PULSE);
    }
}
