//! One port: who knocks, whether the node listens, and the one session.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use super::session::Session;
use super::{Shared, State, upstream};
use crate::listener::TunnelListener;
use crate::netstack::Knock;

/// How often the state is looked at while nobody knocks.
const TICK: Duration = Duration::from_millis(100);

/// The pause between two attempts to reach a node that does not listen. A start of the node gives
/// 3 s to a signer; an attempt that finds the port closed costs the node nothing.
const RETRY: Duration = Duration::from_millis(100);

/// How fresh a SYN must be for the node to be bothered: an older one may be of somebody who has
/// given up. Our own signers repeat theirs more often; outside of a tunnel of their own they give
/// up after 900 ms, of which the way takes its part.
const FRESH: Duration = Duration::from_millis(700);

/// How long a peer waits for a node that does not listen, before it is told so. Our own signers
/// dial for 4 s, so that they still hear it.
const HOLD: Duration = Duration::from_secs(3);

/// How long an admitted peer may take for the last step of its connection.
const ADMIT_TIMEOUT: Duration = Duration::from_secs(1);

/// The silence after which a session gives way to somebody who knocks. The tunnel probes each
/// second.
const SILENCE: Duration = Duration::from_millis(2500);

/// How often attempts of strangers are logged.
const REPORT: Duration = Duration::from_secs(10);

/// Runs until the gateway or the tunnel is stopped.
pub(super) fn run(shared: &Arc<Shared>, listener: &TunnelListener) {
    let mut state = Loop {
        shared,
        listener,
        session: None,
        trouble: None,
        next_attempt: Instant::now(),
        next_report: Instant::now(),
    };
    while !shared.is_stopping() {
        // Only a stopped tunnel fails here.
        let Ok(knock) = listener.newest(TICK) else {
            break;
        };
        state.report_strangers();
        state.end_session_if_over();
        match knock {
            Some(knock) => state.knocked(&knock),
            None if state.session.is_none() => state.idle(),
            None => {}
        }
    }
    if let Some(session) = state.session.take() {
        session.end();
    }
    state.next_report = Instant::now();
    state.report_strangers();
    shared.set(State::Idle);
}

struct Loop<'a> {
    shared: &'a Arc<Shared>,
    listener: &'a TunnelListener,
    session: Option<Session>,
    /// Why the node was not reached last time; logged when it changes.
    trouble: Option<String>,
    next_attempt: Instant,
    next_report: Instant,
}

impl Loop<'_> {
    fn knocked(&mut self, knock: &Knock) {
        if self.gives_way(knock) {
            self.attempt(knock);
        }
        // The same knock is still there; it must not be looked at all the time.
        let pause = self.next_attempt.saturating_duration_since(Instant::now());
        std::thread::sleep(pause.min(RETRY));
    }

    /// Whether there is no session, or a dead one, which ends here.
    fn gives_way(&mut self, knock: &Knock) -> bool {
        let Some(session) = &self.session else {
            return true;
        };
        if session.silent_for() < SILENCE {
            // It waits: when the session ends within its patience, its turn comes.
            self.next_attempt = Instant::now() + RETRY;
            return false;
        }
        tracing::info!(
            "port {}: {} has been silent for {:.1} s and gives way to {}",
            self.shared.forward.port,
            session.peer(),
            session.silent_for().as_secs_f64(),
            knock.source,
        );
        if let Some(session) = self.session.take() {
            session.end();
        }
        true
    }

    fn attempt(&mut self, knock: &Knock) {
        let now = Instant::now();
        if now < self.next_attempt {
            return;
        }
        self.next_attempt = now + RETRY;
        if now.saturating_duration_since(knock.latest) > FRESH {
            return;
        }
        match upstream::dial(&self.shared.forward.upstream) {
            Ok(upstream) => self.admit(knock, upstream),
            Err(e) => self.hold(knock, &e),
        }
    }

    fn admit(&mut self, knock: &Knock, upstream: std::net::TcpStream) {
        let port = self.shared.forward.port;
        match self.listener.admit(knock.source, ADMIT_TIMEOUT) {
            Ok(stream) => match Session::start(port, stream, upstream) {
                Ok(session) => {
                    self.trouble = None;
                    self.shared.sessions.fetch_add(1, Ordering::Relaxed);
                    self.shared.set(State::Forwarding(knock.source));
                    self.session = Some(session);
                }
                Err(e) => tracing::error!("port {port}: no session can be begun: {e}"),
            },
            Err(e) => {
                // Nobody is left for whom it was opened.
                upstream::reset_when_closed(&upstream);
                tracing::info!(
                    "port {port}: {} has gone before it was let in: {e}",
                    knock.source
                );
            }
        }
    }

    fn hold(&mut self, knock: &Knock, error: &std::io::Error) {
        let super::Forward { port, upstream, .. } = &self.shared.forward;
        let reason = format!("{upstream}: {error}");
        if self.trouble.as_ref() != Some(&reason) {
            tracing::warn!(
                "port {port}: {} waits, because the node does not listen ({reason})",
                knock.source
            );
            self.trouble = Some(reason.clone());
        }
        self.shared.set(State::Holding(reason));
        if knock.since.elapsed() >= HOLD {
            self.shared.refused.fetch_add(1, Ordering::Relaxed);
            // A stopped tunnel ends the loop by itself.
            let _ = self.listener.refuse(knock.source);
        }
    }

    fn idle(&self) {
        self.shared.set(State::Idle);
    }

    fn end_session_if_over(&mut self) {
        if self.session.as_ref().is_some_and(Session::is_over)
            && let Some(session) = self.session.take()
        {
            session.end();
            self.idle();
        }
    }

    fn report_strangers(&mut self) {
        let now = Instant::now();
        if now < self.next_report {
            return;
        }
        self.next_report = now + REPORT;
        let Ok(strangers) = self.listener.take_strangers() else {
            return;
        };
        let port = self.shared.forward.port;
        let mut number = strangers.others;
        for (source, attempts) in strangers.known {
            number += attempts;
            tracing::warn!(
                "port {port}: refused {attempts} connection attempts of {source}, which is not in \
                 `allowed`"
            );
        }
        if strangers.others > 0 {
            let others = strangers.others;
            tracing::warn!("port {port}: refused {others} connection attempts of other addresses");
        }
        self.shared.strangers.fetch_add(number, Ordering::Relaxed);
    }
}
