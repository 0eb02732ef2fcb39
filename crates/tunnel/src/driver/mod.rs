//! What drives a tunnel: one thread that waits for datagrams and timers, and one lock around
//! everything that they change.
//!
//! A call of this process (write, connect, …) does its part itself under the lock, down to the
//! UDP socket, so that a request costs no hop between threads on its way out. The thread is woken
//! only when its next deadline has come nearer.

mod core;
mod log;
mod resolve;
mod udp;

use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use rustix::event::{EventfdFlags, PollFd, PollFlags, Timespec, eventfd, poll};

pub(crate) use self::core::Core;
use self::log::Log;
pub(crate) use self::udp::Sockets;

/// Datagrams that are read in one go before others may have the lock.
const BATCH: usize = 16;

/// The longest datagram of UDP.
const MAX_DATAGRAM: usize = 65_535;

/// A pause after which everything is looked at again, whatever the deadlines say. It bounds what
/// a jump of the clocks can do (sleep, migration).
const LONGEST_SLEEP: Duration = Duration::from_secs(1);

/// The tunnel, as its thread and its callers share it.
pub(crate) struct Shared {
    core: Mutex<Core>,
    wake: OwnedFd,
}

/// The tunnel was stopped, or its thread has panicked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Stopped;

impl From<Stopped> for io::Error {
    fn from(_: Stopped) -> Self {
        Self::new(
            io::ErrorKind::ConnectionAborted,
            "the tunnel has been stopped",
        )
    }
}

impl Shared {
    pub(crate) fn new(core: Core) -> io::Result<Arc<Self>> {
        let wake = eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)?;
        let core = Mutex::new(core);
        Ok(Arc::new(Self { core, wake }))
    }

    /// Changes something and does at once what follows from it.
    pub(crate) fn with<R>(
        &self,
        change: impl FnOnce(&mut Core, Instant) -> R,
    ) -> Result<R, Stopped> {
        let mut core = self.lock()?;
        let result = change(&mut core, Instant::now());
        self.settle(core);
        Ok(result)
    }

    /// Asks again and again, whenever the bell rings, until there is an answer or `deadline` has
    /// come. What the question changes takes effect at once.
    pub(crate) fn wait<R>(
        &self,
        deadline: Option<Instant>,
        mut ask: impl FnMut(&mut Core, Instant) -> Answer<R>,
    ) -> Result<Option<R>, Stopped> {
        let mut core = self.lock()?;
        loop {
            let now = Instant::now();
            let bell = match ask(&mut core, now) {
                Answer::Is(result) => {
                    self.settle(core);
                    return Ok(Some(result));
                }
                Answer::Wait(bell) => bell,
            };
            let left = deadline.map(|at| at.saturating_duration_since(now));
            if left.is_some_and(|left| left.is_zero()) {
                self.settle(core);
                return Ok(None);
            }
            core = self.settle_and_keep(core)?;
            core = match left {
                Some(left) => {
                    let woken = bell.wait_timeout(core, left);
                    woken.unwrap_or_else(PoisonError::into_inner).0
                }
                None => bell.wait(core).unwrap_or_else(PoisonError::into_inner),
            };
            if core.is_stopped() || self.core.is_poisoned() {
                return Err(Stopped);
            }
        }
    }

    fn lock(&self) -> Result<MutexGuard<'_, Core>, Stopped> {
        let core = self.core.lock().map_err(|_| Stopped)?;
        if core.is_stopped() {
            return Err(Stopped);
        }
        Ok(core)
    }

    /// Sends what a change made ready, gives the lock back, and wakes who waits for it.
    fn settle(&self, mut core: MutexGuard<'_, Core>) {
        let nearer = core.turn(Instant::now());
        let rung = core.take_rung();
        drop(core);
        for bell in rung {
            bell.notify_all();
        }
        if nearer {
            self.wake();
        }
    }

    /// The same, without letting go: nothing can be missed between asking and waiting.
    fn settle_and_keep<'a>(
        &self,
        mut core: MutexGuard<'a, Core>,
    ) -> Result<MutexGuard<'a, Core>, Stopped> {
        let nearer = core.turn(Instant::now());
        for bell in core.take_rung() {
            bell.notify_all();
        }
        if nearer {
            self.wake();
        }
        Ok(core)
    }

    /// Makes the thread look at its deadline again.
    fn wake(&self) {
        // It fails only when the counter is full; then the thread is awake already.
        let _ = rustix::io::write(&self.wake, &1u64.to_ne_bytes());
    }

    /// Ends all connections, tells the peers, and ends the thread.
    pub(crate) fn stop(&self) {
        if let Ok(mut core) = self.lock() {
            core.stop(Instant::now());
            for bell in core.take_rung() {
                bell.notify_all();
            }
        }
        self.wake();
    }
}

/// What a question to the tunnel gave.
pub(crate) enum Answer<R> {
    /// This.
    Is(R),
    /// Nothing before this bell rings.
    Wait(Arc<Condvar>),
}

/// Starts the thread. It ends after [`Shared::stop`].
pub(crate) fn spawn(shared: Arc<Shared>, name: &str) -> io::Result<JoinHandle<()>> {
    let sockets = shared.lock().map_err(io::Error::from)?.sockets();
    let thread = std::thread::Builder::new().name(format!("tunnel {name}"));
    thread.spawn(move || {
        let guard = StopOnPanic(&shared);
        run(&shared, &sockets);
        std::mem::forget(guard);
    })
}

/// A panic would leave everybody waiting for a thread that is no more.
struct StopOnPanic<'a>(&'a Shared);

impl Drop for StopOnPanic<'_> {
    fn drop(&mut self) {
        let core = self.0.core.lock();
        let mut core = core.unwrap_or_else(PoisonError::into_inner);
        tracing::error!("the tunnel's thread has panicked; its connections are lost");
        for bell in core.ring_all() {
            bell.notify_all();
        }
    }
}

fn run(shared: &Arc<Shared>, sockets: &Sockets) {
    let mut buffer = vec![0; MAX_DATAGRAM];
    let mut log = Log::default();
    loop {
        let Ok(deadline) = shared.lock().map(|mut core| core.sleep()) else {
            return;
        };
        sleep(shared, sockets, deadline);
        let Ok(mut core) = shared.lock() else {
            return;
        };
        core.woken();
        receive(&mut core, sockets, &mut buffer);
        // The thread sleeps by the new deadline anyway.
        let _ = core.turn(Instant::now());
        let events = core.take_events();
        let questions = core.take_questions();
        let rung = core.take_rung();
        drop(core);
        for bell in rung {
            bell.notify_all();
        }
        for event in events {
            log.event(Instant::now(), &event);
        }
        for question in questions {
            resolve::start(question, shared);
        }
    }
}

/// Until a datagram comes, somebody wakes us, or the deadline.
fn sleep(shared: &Shared, sockets: &Sockets, deadline: Instant) {
    let now = Instant::now();
    let left = deadline.saturating_duration_since(now).min(LONGEST_SLEEP);
    let timeout = Timespec {
        tv_sec: i64::try_from(left.as_secs()).unwrap_or(i64::MAX),
        tv_nsec: i64::from(left.subsec_nanos()),
    };
    let mut fds: Vec<PollFd<'_>> = sockets
        .all()
        .map(|socket| PollFd::from_borrowed_fd(socket.as_fd(), PollFlags::IN))
        .collect();
    fds.push(PollFd::new(&shared.wake, PollFlags::IN));
    // Interrupted by a signal is as good as woken.
    let _ = poll(&mut fds, Some(&timeout));
    let woken = fds.last().is_some_and(|fd| !fd.revents().is_empty());
    if woken {
        let _ = rustix::io::read(&shared.wake, &mut [0; 8]);
    }
}

fn receive(core: &mut Core, sockets: &Sockets, buffer: &mut [u8]) {
    for socket in sockets.all() {
        for _ in 0..BATCH {
            match socket.recv_from(buffer) {
                Ok((len, from)) => {
                    let datagram = buffer.get(..len).unwrap_or_default();
                    core.datagram(Instant::now(), from, datagram);
                }
                Err(e) if e.kind() == io::ErrorKind::WouldBlock => break,
                Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
                // What an earlier datagram of ours met.
                Err(_) => core.failures(Instant::now(), sockets.failures()),
            }
        }
    }
}
