//! Who waits at the sockets.
//!
//! Somebody always does, but for moments. A call that waits for bytes does it itself where nobody
//! else does: what it waits for reaches it without a hop between threads, which takes longer than
//! the cryptography. While such a call is away, to sign perhaps, the sockets are alone for [`AWAY`]
//! at most; then the tunnel's own thread stands in until a call asks for its place.

use std::io;
use std::net::UdpSocket;
use std::os::fd::{AsFd, OwnedFd};
use std::sync::Arc;
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::time::{
    Itimerspec, TimerfdClockId, TimerfdFlags, TimerfdTimerFlags, timerfd_create, timerfd_settime,
};

use super::Sockets;
use crate::netstack::Bell;

/// How long nobody may watch. A signature on a good disk takes less; acknowledgements and
/// repetitions wait for it, which other ends give 25 ms and more.
pub(super) const AWAY: Duration = Duration::from_millis(2);

/// A pause after which everything is looked at again, whatever the deadlines say. It bounds what
/// a jump of the clocks can do (sleep, migration).
const LONGEST_SLEEP: Duration = Duration::from_secs(1);

/// Who waits.
pub(super) enum Keeper {
    /// Nobody, for a moment.
    Nobody,
    /// The tunnel's own thread.
    Thread,
    /// A call, which anybody calls by this bell.
    Call(Arc<Bell>),
}

/// The watch, as the lock protects it.
pub(super) struct Watch {
    keeper: Keeper,
    /// When the keeper is woken.
    alarm: Option<Instant>,
    /// The call that wants the thread's place.
    heir: Option<Arc<Bell>>,
    /// Whether the thread will stand in by itself.
    is_timed: bool,
}

impl Watch {
    pub(super) fn new() -> Self {
        Self {
            keeper: Keeper::Nobody,
            alarm: None,
            heir: None,
            is_timed: false,
        }
    }

    pub(super) fn keeper(&self) -> &Keeper {
        &self.keeper
    }

    /// Whether the keeper is a call that one of these bells is for.
    pub(super) fn is_called(&self, bells: &[Arc<Bell>]) -> bool {
        let Keeper::Call(own) = &self.keeper else {
            return false;
        };
        bells.iter().any(|bell| Arc::ptr_eq(bell, own))
    }

    /// Takes the watch, if nobody has it.
    pub(super) fn begin(&mut self, keeper: Keeper) -> bool {
        if !matches!(self.keeper, Keeper::Nobody) {
            return false;
        }
        self.keeper = keeper;
        self.heir = None;
        self.is_timed = false;
        true
    }

    pub(super) fn end(&mut self) {
        self.keeper = Keeper::Nobody;
    }

    /// Whether the alarm has to be set so that it is not later than `deadline`. An earlier one stays:
    /// to be woken for nothing now and then costs less than to set it each time.
    pub(super) fn sets_alarm(&mut self, deadline: Instant) -> bool {
        let is_late = self.alarm.is_none_or(|alarm| deadline < alarm);
        if is_late {
            self.alarm = Some(deadline);
        }
        is_late
    }

    /// The alarm has run out.
    pub(super) fn alarmed(&mut self) {
        self.alarm = None;
    }

    /// Asks the thread for its place. Returns whether it has to be told.
    pub(super) fn ask(&mut self, bell: &Arc<Bell>) -> bool {
        let asks = matches!(self.keeper, Keeper::Thread) && self.heir.is_none();
        if asks {
            self.heir = Some(Arc::clone(bell));
        }
        asks
    }

    /// The call to which the thread gives its place.
    pub(super) fn take_heir(&mut self) -> Option<Arc<Bell>> {
        self.heir.take()
    }

    /// Whether the thread will stand in where nobody watches.
    pub(super) fn is_timed(&self) -> bool {
        self.is_timed
    }

    /// The time for that is set.
    pub(super) fn timed(&mut self) {
        self.is_timed = true;
    }
}

/// Runs out after a time.
pub(super) struct Timer(OwnedFd);

impl Timer {
    pub(super) fn new() -> io::Result<Self> {
        let flags = TimerfdFlags::CLOEXEC | TimerfdFlags::NONBLOCK;
        Ok(Self(timerfd_create(TimerfdClockId::Monotonic, flags)?))
    }

    /// Zero is at once.
    pub(super) fn start(&self, after: Duration) {
        self.set(after.max(Duration::from_nanos(1)));
    }

    pub(super) fn stop(&self) {
        self.set(Duration::ZERO);
    }

    fn set(&self, after: Duration) {
        let once = Itimerspec {
            it_interval: timespec(Duration::ZERO),
            it_value: timespec(after),
        };
        // It can only fail for arguments that are no times and no timers.
        let set = timerfd_settime(&self.0, TimerfdTimerFlags::empty(), &once);
        debug_assert!(set.is_ok(), "{set:?}");
    }

    /// Until it has run out, or [`LONGEST_SLEEP`].
    pub(super) fn wait(&self) {
        let mut fds = [PollFd::new(&self.0, PollFlags::IN)];
        // Interrupted by a signal is as good as woken.
        let _ = poll(&mut fds, Some(&timespec(LONGEST_SLEEP)));
        self.clear();
    }

    fn clear(&self) {
        // Nothing is there when it was set anew meanwhile.
        let _ = rustix::io::read(&self.0, &mut [0; 8]);
    }
}

/// What has ended a sleep, besides a write to `wake`.
pub(super) struct Woken<S> {
    /// The alarm has run out.
    pub(super) by_alarm: bool,
    /// The sockets that have something.
    pub(super) sockets: S,
}

/// Until a datagram comes, somebody writes to `wake`, the alarm runs out, or `deadline`.
pub(super) fn sleep<'a>(
    sockets: &'a Sockets,
    wake: &OwnedFd,
    alarm: &Timer,
    deadline: Option<Instant>,
) -> Woken<impl Iterator<Item = &'a UdpSocket>> {
    let left = deadline.map(|at| at.saturating_duration_since(Instant::now()));
    let timeout = timespec(left.unwrap_or(LONGEST_SLEEP).min(LONGEST_SLEEP));
    let own = [wake.as_fd(), alarm.0.as_fd()];
    let all = own.into_iter().chain(sockets.all().map(AsFd::as_fd));
    let mut fds: Vec<PollFd<'_>> = all
        .map(|fd| PollFd::from_borrowed_fd(fd, PollFlags::IN))
        .collect();
    // Interrupted by a signal is as good as woken.
    let _ = poll(&mut fds, Some(&timeout));
    let mut ready = fds.iter().map(|fd| !fd.revents().is_empty());
    if ready.next() == Some(true) {
        let _ = rustix::io::read(wake, &mut [0; 8]);
    }
    let by_alarm = ready.next() == Some(true);
    if by_alarm {
        alarm.clear();
    }
    let ready: Vec<bool> = ready.collect();
    let sockets = sockets.all().zip(ready);
    Woken {
        by_alarm,
        sockets: sockets.filter_map(|(socket, is_ready)| is_ready.then_some(socket)),
    }
}

fn timespec(duration: Duration) -> Timespec {
    Timespec {
        tv_sec: i64::try_from(duration.as_secs()).unwrap_or(i64::MAX),
        tv_nsec: i64::from(duration.subsec_nanos()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn call() -> Keeper {
        Keeper::Call(Arc::default())
    }

    #[test]
    fn only_one_has_the_watch() {
        let mut watch = Watch::new();
        assert!(watch.begin(call()));
        assert!(!watch.begin(call()));
        assert!(!watch.begin(Keeper::Thread));
        watch.end();
        assert!(watch.begin(Keeper::Thread));
    }

    #[test]
    fn the_time_of_the_thread_is_over_when_somebody_watches() {
        let mut watch = Watch::new();
        assert!(!watch.is_timed());
        watch.timed();
        assert!(watch.is_timed());
        assert!(watch.begin(call()));
        watch.end();
        assert!(!watch.is_timed());
    }

    #[test]
    fn the_alarm_is_set_for_what_is_due_earlier() {
        let mut watch = Watch::new();
        let now = Instant::now();
        let at = |s| now + Duration::from_secs(s);
        assert!(watch.sets_alarm(at(5)));
        assert!(!watch.sets_alarm(at(5)));
        assert!(!watch.sets_alarm(at(9)));
        assert!(watch.sets_alarm(at(2)));
        watch.alarmed();
        assert!(watch.sets_alarm(at(9)));
    }

    #[test]
    fn a_call_asks_the_thread_but_not_another_call() {
        let bell = Arc::<Bell>::default();
        let mut watch = Watch::new();
        assert!(!watch.ask(&bell));
        assert!(watch.begin(call()));
        assert!(!watch.ask(&bell));
        watch.end();
        assert!(watch.begin(Keeper::Thread));
        assert!(watch.ask(&bell));
        assert!(!watch.ask(&bell));
        let heir = watch.take_heir().unwrap();
        assert!(Arc::ptr_eq(&heir, &bell));
    }

    #[test]
    fn a_call_that_watches_is_called_by_its_own_bell() {
        let bells = [Arc::<Bell>::default(), Arc::<Bell>::default()];
        let mut watch = Watch::new();
        assert!(!watch.is_called(&bells));
        assert!(watch.begin(Keeper::Call(Arc::clone(&bells[1]))));
        assert!(watch.is_called(&bells));
        assert!(!watch.is_called(&bells[..1]));
        watch.end();
        assert!(!watch.is_called(&bells));
    }

    #[test]
    fn a_timer_calls_after_its_time_and_not_when_stopped() {
        let timer = Timer::new().unwrap();
        let begun = Instant::now();
        timer.start(Duration::from_millis(20));
        timer.wait();
        let waited = begun.elapsed();
        assert!(
            (Duration::from_millis(20)..LONGEST_SLEEP).contains(&waited),
            "{waited:?}"
        );
        timer.start(Duration::from_millis(20));
        timer.stop();
        let begun = Instant::now();
        timer.wait();
        assert!(begun.elapsed() >= LONGEST_SLEEP);
    }
}
