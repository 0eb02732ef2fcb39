//! sekaid as a supervised child.
//!
//! Invariants:
//! - Its output is ours: the same file descriptors, nothing in between.
//! - Signals go to it, and its exit code (128 + N for signal N) is ours.
//! - Every child of this process is reaped, also those that a container's main process inherits.
//! - It holds the lock of its home for as long as it lives, whatever becomes of us.

use std::os::unix::process::CommandExt as _;
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, WaitOptions, WaitStatus, kill_process};
use signal_hook::consts::SIGTERM;

use crate::failure::{Failure, say};
use crate::home::{Home, Lock};
use crate::listener::{Stage, Watch};
use crate::remote;
use crate::restart::{Ended, Next, Policy, Restarts};
use crate::sekaid;
use crate::signals::{Event, Events};

/// How often is looked at the sockets while sekaid starts: its window for a signer is 3 s.
const LOOK: Duration = Duration::from_millis(100);

/// How often is looked whether `stop` was asked for.
const ASK: Duration = Duration::from_millis(300);

/// How the supervision ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    /// sekaid ended by itself for good, with this exit code.
    Sekaid(u8),
    /// A signal ended it; the code is sekaid's, or 128 + N if there was none.
    Signal(u8),
    /// `stop` was asked for.
    Stopped,
}

/// Runs sekaid until it ends for good.
pub(crate) struct Supervisor<'a> {
    home: &'a Home,
    events: &'a Events,
    /// Says whether it should end without a signal.
    stop: &'a dyn Fn() -> bool,
    restarts: Restarts,
}

/// One run.
struct Run {
    pid: Pid,
    watch: Option<Watch>,
    stage: Stage,
    /// A signal that asks for the end was passed on.
    signalled: bool,
    /// `stop` was asked for.
    stopped: bool,
}

impl<'a> Supervisor<'a> {
    pub(crate) fn new(
        home: &'a Home,
        events: &'a Events,
        policy: Policy,
        stop: &'a dyn Fn() -> bool,
    ) -> Self {
        Self {
            home,
            events,
            stop,
            restarts: Restarts::new(policy),
        }
    }

    /// Runs sekaid, again and again as the policy has it.
    pub(crate) fn run(mut self, lock: &mut Lock) -> Result<End, Failure> {
        remote::check(self.home)?;
        lock.share_with_children()?;
        let mut run = self.spawn(lock)?;
        loop {
            let start = Instant::now();
            let code = self.follow(&mut run);
            if run.signalled {
                return Ok(End::Signal(code));
            }
            if (self.stop)() {
                return Ok(End::Stopped);
            }
            let mut ended = Ended {
                code,
                ran: start.elapsed(),
                stage: run.watch.is_some().then_some(run.stage),
            };
            run = loop {
                let next = self.restarts.after(ended);
                let Some(pause) = self.tell(ended.code, &next) else {
                    return Ok(End::Sekaid(ended.code));
                };
                if let Some(end) = self.pause(pause) {
                    return Ok(end);
                }
                match self.spawn(lock) {
                    Ok(run) => break run,
                    // As a sekaid that fails at once: what is wrong may be mended meanwhile.
                    Err(failure) => {
                        say!("error: sekaid was not started: {failure}");
                        ended = Ended {
                            code: 1,
                            ran: Duration::ZERO,
                            stage: None,
                        };
                    }
                }
            };
        }
    }

    fn spawn(&self, lock: &mut Lock) -> Result<Run, Failure> {
        // Read again each time: it may have been changed between two runs.
        let watch = self.home.config()?.watch()?;
        if let Some(watch) = &watch {
            watch.signer.make_room()?;
        }
        let mut command = sekaid::command(self.home, &["start"]);
        // A group of its own: a Ctrl-C reaches it once, through us.
        command.process_group(0);
        let child = command.spawn().map_err(|e| sekaid::unstartable(&e))?;
        lock.note(&format!("sekaid (process {})", child.id()));
        Ok(Run {
            // Reaped by `reap`, together with whatever else there is.
            pid: Pid::from_child(&child),
            watch,
            stage: Stage::Starting,
            signalled: false,
            stopped: false,
        })
    }

    /// Until it has ended; returns its exit code.
    fn follow(&self, run: &mut Run) -> u8 {
        loop {
            let patience = if run.is_starting() { LOOK } else { ASK };
            match self.events.next(patience) {
                Event::Signal { number, ends } => {
                    send(run.pid, number);
                    run.signalled |= ends;
                }
                Event::Child | Event::Quiet => {}
            }
            if let Some(code) = reap(Some(run.pid)) {
                return code;
            }
            run.look();
            if !run.stopped && (self.stop)() {
                send(run.pid, SIGTERM);
                run.stopped = true;
            }
        }
    }

    /// Says what happens next; `None` if nothing does.
    fn tell(&self, code: u8, next: &Next) -> Option<Duration> {
        match next {
            Next::Exit => {
                say!("scaller: sekaid ended with exit code {code}");
                None
            }
            Next::WaitForSigner(pause) => {
                let missed = self.restarts.signer_missed();
                say!(
                    "scaller: no signer came within sekaid's 3 s (try {missed}): starting it again \
                     until one does"
                );
                if missed == 1 {
                    say!(
                        "scaller: is the signer running, and may it reach this node? Its own log \
                         says what it dials and what it gets"
                    );
                }
                Some(*pause)
            }
            Next::TrySigner(pause) => {
                say!(
                    "scaller: a signer was connected, and sekaid ended with exit code {code} \
                     before it ran (its line `Error:` says why): starting it again"
                );
                Some(*pause)
            }
            Next::Restart(pause) => {
                say!(
                    "scaller: sekaid ended with exit code {code}: starting it again in {} s",
                    pause.as_secs()
                );
                Some(*pause)
            }
        }
    }

    /// Waits between two runs; the end if that is asked for meanwhile.
    fn pause(&self, pause: Duration) -> Option<End> {
        let until = Instant::now() + pause;
        loop {
            let left = until.checked_duration_since(Instant::now())?;
            match self.events.next(left.min(ASK)) {
                Event::Signal { number, ends: true } => {
                    return Some(End::Signal(code_of_signal(number)));
                }
                Event::Child => {
                    reap(None);
                }
                Event::Signal { .. } | Event::Quiet => {}
            }
            if (self.stop)() {
                return Some(End::Stopped);
            }
        }
    }
}

impl Run {
    fn is_starting(&self) -> bool {
        self.watch.is_some() && self.stage < Stage::Running
    }

    fn look(&mut self) {
        let Some(watch) = self.watch.as_ref().filter(|_| self.stage < Stage::Running) else {
            return;
        };
        // A look that fails is made up for by the next.
        let Ok(now) = watch.look() else { return };
        if now <= self.stage {
            return;
        }
        if now == Stage::Listening {
            say!("scaller: sekaid waits for its signer, which has 3 s to connect");
        }
        if now >= Stage::Connected && self.stage < Stage::Connected {
            say!("scaller: a signer is connected to sekaid");
        }
        self.stage = now;
    }
}

/// Passes a signal on.
fn send(pid: Pid, number: i32) {
    let Some(signal) = Signal::from_named_raw(number) else {
        return;
    };
    // It has ended if this fails, and then it needs no signal.
    let _ = kill_process(pid, signal);
}

/// Reaps every child that has ended; the exit code of the one that is asked for, if it has.
pub(crate) fn reap(wanted: Option<Pid>) -> Option<u8> {
    let mut code = None;
    // Fails when there is no child at all.
    while let Ok(Some((pid, status))) = rustix::process::wait(WaitOptions::NOHANG) {
        if Some(pid) == wanted {
            code = Some(code_of(status));
        }
    }
    code
}

fn code_of(status: WaitStatus) -> u8 {
    if let Some(number) = status.terminating_signal() {
        return code_of_signal(number);
    }
    let code = status.exit_status().unwrap_or(1);
    u8::try_from(code).unwrap_or(u8::MAX)
}

fn code_of_signal(number: i32) -> u8 {
    u8::try_from(number).map_or(u8::MAX, |number| number.saturating_add(128))
}

/// Waits until nobody holds the lock of a home; whether that came in time.
pub(crate) fn wait_until_free(home: &Home, patience: Duration) -> Result<bool, Failure> {
    let start = Instant::now();
    while home.is_locked()? {
        if start.elapsed() > patience {
            return Ok(false);
        }
        thread::sleep(ASK);
    }
    Ok(true)
}
