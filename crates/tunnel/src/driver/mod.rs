//! What drives a tunnel: one lock around everything that datagrams, timers and calls change, and
//! somebody who waits for datagrams and timers.
//!
//! A call of this process (write, connect, …) does its part itself under the lock, down to the
//! UDP socket, so that a request costs no hop between threads on its way out. A call that waits
//! for bytes also waits for datagrams itself ([`watch`]), so that it costs none on its way in.

mod core;
mod log;
mod resolve;
mod thread;
mod udp;
mod watch;

use std::io;
use std::os::fd::OwnedFd;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use rustix::event::{EventfdFlags, eventfd};

pub(crate) use self::core::Core;
pub(crate) use self::thread::spawn;
pub(crate) use self::udp::Sockets;
use self::watch::{AWAY, Keeper, Timer, sleep};
use crate::netstack::Bell;

/// The tunnel, as its thread and its callers share it.
pub(crate) struct Shared {
    core: Mutex<Core>,
    sockets: Arc<Sockets>,
    /// Ends the sleep of whoever has the watch.
    wake: OwnedFd,
    /// Ends it when something is due. It is set under the lock.
    alarm: Timer,
    /// Calls the thread. It is set and stopped under the lock.
    relief: Timer,
}

/// The tunnel was stopped, or somebody has panicked in it.
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

/// What a question to the tunnel gave.
pub(crate) enum Answer<R> {
    /// This. What follows from the question is done at once.
    Is(R),
    /// Bytes that have come. Their acknowledgement may wait for the caller's answer, for [`AWAY`]
    /// at most.
    Came(R),
    /// Nothing before this bell rings.
    Wait(Arc<Bell>),
    /// The same, and the caller would watch meanwhile.
    Watch(Arc<Bell>),
}

impl Shared {
    pub(crate) fn new(core: Core) -> io::Result<Arc<Self>> {
        Ok(Arc::new(Self {
            sockets: core.sockets(),
            core: Mutex::new(core),
            wake: eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)?,
            alarm: Timer::new()?,
            relief: Timer::new()?,
        }))
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
            let (bell, would_watch) = match ask(&mut core, now) {
                Answer::Is(result) => {
                    self.settle(core);
                    return Ok(Some(result));
                }
                Answer::Came(result) => {
                    self.leave(core);
                    return Ok(Some(result));
                }
                Answer::Wait(bell) => (bell, false),
                Answer::Watch(bell) => (bell, true),
            };
            if deadline.is_some_and(|at| at <= now) {
                self.settle(core);
                return Ok(None);
            }
            // It may ring before anybody waits for it.
            if !self.take_effect(&mut core, &bell) {
                core = match would_watch {
                    true => self.watch(core, &bell, deadline)?,
                    false => self.rest(core, &bell, deadline)?,
                };
            }
        }
    }

    /// Waits at the sockets, or for the bell where somebody else is there.
    fn watch<'a>(
        &'a self,
        mut core: MutexGuard<'a, Core>,
        bell: &Arc<Bell>,
        deadline: Option<Instant>,
    ) -> Result<MutexGuard<'a, Core>, Stopped> {
        if !self.begin_watch(&mut core, Keeper::Call(Arc::clone(bell))) {
            if core.watch.ask(bell) {
                self.wake();
            }
            return self.rest(core, bell, deadline);
        }
        drop(core);
        self.look(deadline)
    }

    /// Waits for the bell.
    fn rest<'a>(
        &'a self,
        mut core: MutexGuard<'a, Core>,
        bell: &Bell,
        deadline: Option<Instant>,
    ) -> Result<MutexGuard<'a, Core>, Stopped> {
        self.see_to_the_watch(&mut core);
        bell.wait(core, deadline)
            .filter(|core| !core.is_stopped())
            .ok_or(Stopped)
    }

    /// Takes the watch. Returns whether nobody had it.
    fn begin_watch(&self, core: &mut Core, keeper: Keeper) -> bool {
        if !core.watch.begin(keeper) {
            return false;
        }
        self.set_alarm(core);
        match core.watch.keeper() {
            Keeper::Call(_) if core.has_news() => self.relief.start(Duration::ZERO),
            _ => self.relief.stop(),
        }
        true
    }

    /// The watch itself: sleeps, and takes what has come.
    fn look(&self, deadline: Option<Instant>) -> Result<MutexGuard<'_, Core>, Stopped> {
        let woken = sleep(&self.sockets, &self.wake, &self.alarm, deadline);
        let mut core = self.lock()?;
        core.watch.end();
        if woken.by_alarm {
            core.watch.alarmed();
        }
        woken.sockets.for_each(|socket| core.receive(socket));
        Ok(core)
    }

    /// Makes the watch end when something is due.
    fn set_alarm(&self, core: &mut Core) {
        let deadline = core.deadline();
        if core.watch.sets_alarm(deadline) {
            self.alarm
                .start(deadline.saturating_duration_since(Instant::now()));
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
        core.turn(Instant::now());
        self.part(core);
    }

    /// Gives the lock back with something left to do, if nobody watches; who comes next does it.
    fn leave(&self, core: MutexGuard<'_, Core>) {
        match core.watch.keeper() {
            Keeper::Nobody => self.part(core),
            Keeper::Thread | Keeper::Call(_) => self.settle(core),
        }
    }

    fn part(&self, mut core: MutexGuard<'_, Core>) {
        self.see_to_the_watch(&mut core);
        let rung = self.take_rung(&mut core);
        drop(core);
        ring(&rung);
    }

    /// Sends what a question made ready, without letting go: nothing can be missed between asking
    /// and waiting. Returns whether the bell has rung meanwhile.
    fn take_effect(&self, core: &mut Core, bell: &Arc<Bell>) -> bool {
        core.turn(Instant::now());
        let rung = self.take_rung(core);
        let is_rung = rung.iter().any(|other| Arc::ptr_eq(other, bell));
        ring(&rung);
        is_rung
    }

    /// The bells that are to be rung; a call that waits at the sockets does not hear its own.
    fn take_rung(&self, core: &mut Core) -> Vec<Arc<Bell>> {
        let rung = core.take_rung();
        if core.watch.is_called(&rung) {
            self.wake();
        }
        rung
    }

    /// Lets the watch end in time, the thread stand in soon where nobody watches, and come where
    /// there is something for it to tell.
    fn see_to_the_watch(&self, core: &mut Core) {
        self.set_alarm(core);
        match core.watch.keeper() {
            Keeper::Nobody if core.watch.is_timed() => {}
            Keeper::Nobody => {
                core.watch.timed();
                self.relief.start(AWAY);
            }
            Keeper::Call(_) if core.has_news() => self.relief.start(Duration::ZERO),
            Keeper::Thread if core.has_news() => self.wake(),
            Keeper::Call(_) | Keeper::Thread => {}
        }
    }

    /// Makes whoever has the watch look up.
    fn wake(&self) {
        // It fails only when the counter is full; then it is awake already.
        let _ = rustix::io::write(&self.wake, &1u64.to_ne_bytes());
    }

    /// Ends all connections, tells the peers, and ends the thread.
    pub(crate) fn stop(&self) {
        if let Ok(mut core) = self.lock() {
            core.stop(Instant::now());
            ring(&core.take_rung());
        }
        self.relief.start(Duration::ZERO);
        self.wake();
    }

    /// Ends everything without a word to the peers.
    fn give_up(&self) {
        let core = self.core.lock();
        let mut core = core.unwrap_or_else(PoisonError::into_inner);
        core.give_up();
        ring(&core.take_rung());
        self.wake();
    }
}

fn ring(bells: &[Arc<Bell>]) {
    bells.iter().for_each(|bell| bell.ring());
}
