//! Writes what waits in the queue: each thread that logs for itself until there are several, then
//! a thread of its own.

use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, Receiver};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use tracing::Level;

use super::Form;
use super::event::Event;
use super::queue::{Batch, Queue};
use super::sink::{Attempt, Sink};

/// How often the thread looks whether it should end, while there is nothing to do.
const TICK: Duration = Duration::from_millis(200);

/// How long its end is waited for beyond what it was given: on a busy machine it may take a while
/// until it runs at all.
const MARGIN: Duration = Duration::from_secs(2);

/// Writes events to where they go.
pub(super) struct Pen {
    queue: Arc<Queue>,
    form: Form,
    sink: Sink,
    /// Lost, and not told yet.
    untold: u64,
    /// When it has to give up waiting for whoever reads.
    until: Arc<Mutex<Option<Instant>>>,
}

impl Pen {
    pub(super) fn new(queue: Arc<Queue>, form: Form, sink: Sink) -> Self {
        Self {
            queue,
            form,
            sink,
            untold: 0,
            until: Arc::default(),
        }
    }

    /// Writes what waits, and waits no longer than this for whoever reads; the rest stays in the
    /// queue.
    pub(super) fn write_waiting(&mut self, patience: Duration) {
        *locked(&self.until) = Some(Instant::now() + patience);
        let batch = self.queue.take(Duration::ZERO);
        self.write_batch(batch);
        *locked(&self.until) = None;
    }

    fn write_on(&mut self) {
        loop {
            let batch = self.queue.take(TICK);
            let is_empty = batch.events.is_empty();
            if !self.write_batch(batch) || (is_empty && self.must_end().is_some()) {
                return;
            }
        }
    }

    /// False when the time is up; what is left is in the queue again.
    fn write_batch(&mut self, mut batch: Batch) -> bool {
        let is_done = self.write_all(&mut batch);
        if !is_done {
            self.queue.put_back(batch);
        }
        is_done
    }

    fn write_all(&mut self, batch: &mut Batch) -> bool {
        while let Some(event) = batch.events.front() {
            match self.write(event) {
                Some(true) => {
                    batch.events.pop_front();
                    if !self.tell_lost() {
                        return false;
                    }
                }
                Some(false) => {
                    batch.events.pop_front();
                    self.queue.count_lost(1);
                    self.untold = self.untold.saturating_add(1);
                }
                None => return false,
            }
        }
        self.untold = self.untold.saturating_add(std::mem::take(&mut batch.lost));
        self.tell_lost()
    }

    /// Whether it is written or lost; `None` when the time is up.
    fn write(&mut self, event: &Event) -> Option<bool> {
        let rendered = self.form.render(event);
        loop {
            match self.sink.write(&rendered) {
                Attempt::Done => return Some(true),
                Attempt::Lost => return Some(false),
                Attempt::NotYet => {}
            }
            let left = self
                .must_end()
                .map_or(TICK, |end| end.saturating_duration_since(Instant::now()));
            if left.is_zero() {
                return None;
            }
            self.sink.wait(left);
        }
    }

    /// Tells what was lost, in the place where it is missing. False when the time is up.
    fn tell_lost(&mut self) -> bool {
        if self.untold == 0 {
            return true;
        }
        let message = format!(
            "{} log lines were lost here: nobody took them in time",
            self.untold
        );
        let event = Event::new(Level::WARN, "tmkms::log", message);
        match self.write(&event) {
            Some(true) => self.untold = 0,
            Some(false) => {}
            None => {
                self.sink.forget();
                return false;
            }
        }
        true
    }

    fn must_end(&self) -> Option<Instant> {
        *locked(&self.until)
    }
}

/// The pen, while whoever logs writes: until there is a thread for it.
#[derive(Default)]
pub(super) struct Early {
    is_over: AtomicBool,
    pen: Mutex<Option<Pen>>,
}

impl Early {
    pub(super) fn new(pen: Pen) -> Self {
        Self {
            is_over: AtomicBool::new(false),
            pen: Mutex::new(Some(pen)),
        }
    }

    /// Writes what waits, unless a thread does that.
    pub(super) fn write_waiting(&self, patience: Duration) {
        if self.is_over.load(Ordering::Acquire) {
            return;
        }
        if let Some(pen) = locked(&self.pen).as_mut() {
            pen.write_waiting(patience);
        }
    }

    /// Ends this time.
    pub(super) fn take(&self) -> Option<Pen> {
        self.is_over.store(true, Ordering::Release);
        locked(&self.pen).take()
    }
}

/// A thread that writes until it is stopped.
pub(super) struct Writer {
    queue: Arc<Queue>,
    until: Arc<Mutex<Option<Instant>>>,
    ended: Receiver<()>,
}

impl Writer {
    /// Starts it.
    ///
    /// # Errors
    /// What the system says when it has no thread.
    pub(super) fn start(mut pen: Pen) -> io::Result<Self> {
        let (queue, until) = (Arc::clone(&pen.queue), Arc::clone(&pen.until));
        let (end, ended) = mpsc::channel();
        thread::Builder::new()
            .name("log".to_owned())
            .spawn(move || {
                pen.write_on();
                // Fails when nobody waits any more.
                let _ = end.send(());
            })?;
        Ok(Self {
            queue,
            until,
            ended,
        })
    }

    /// Ends it, once all is written or that much time has passed.
    pub(super) fn stop(self, patience: Duration) {
        *locked(&self.until) = Some(Instant::now() + patience);
        self.queue.wake();
        // One that does not end is blocked by somebody else, and ends with the process.
        let _ = self.ended.recv_timeout(patience + MARGIN);
    }
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
