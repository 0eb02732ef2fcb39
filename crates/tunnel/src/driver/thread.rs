//! The tunnel's own thread: it watches where no call does, logs what happened, and has names looked
//! up.

use std::io;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Instant;

use super::log::Log;
use super::watch::Keeper;
use super::{Shared, Stopped, resolve, ring};

/// Starts the thread. It ends after [`Shared::stop`].
pub(crate) fn spawn(shared: Arc<Shared>, name: &str) -> io::Result<JoinHandle<()>> {
    let thread = std::thread::Builder::new().name(format!("tunnel {name}"));
    thread.spawn(move || {
        let _end = End(&shared);
        run(&shared);
    })
}

/// Without the thread nobody would be left to watch: everybody is told that the tunnel is over,
/// whatever has ended it.
struct End<'a>(&'a Shared);

impl Drop for End<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() || self.0.core.is_poisoned() {
            tracing::error!("a thread has panicked in the tunnel; its connections are lost");
        }
        self.0.give_up();
    }
}

fn run(shared: &Arc<Shared>) {
    let mut log = Log::default();
    loop {
        let Ok(mut core) = shared.lock() else {
            return;
        };
        core.turn(Instant::now());
        let (events, questions) = core.take_news();
        let rung = shared.take_rung(&mut core);
        let watches = shared.begin_watch(&mut core, Keeper::Thread);
        drop(core);
        ring(&rung);
        for event in events {
            log.event(Instant::now(), &event);
        }
        for question in questions {
            resolve::start(question, shared);
        }
        let is_relieved = if watches { shared.stand_in() } else { Ok(true) };
        match is_relieved {
            Ok(true) => shared.relief.wait(),
            Ok(false) => {}
            Err(Stopped) => return,
        }
    }
}

impl Shared {
    /// The thread's watch. Returns whether it has given its place to a call. What has come is told
    /// to those who wait for it before it is acknowledged: with the next turn.
    fn stand_in(&self) -> Result<bool, Stopped> {
        let mut core = self.look(None)?;
        let mut rung = core.take_rung();
        let heir = core.watch.take_heir();
        let is_relieved = heir.is_some();
        if is_relieved {
            self.see_to_the_watch(&mut core);
        }
        rung.extend(heir);
        drop(core);
        ring(&rung);
        Ok(is_relieved)
    }
}
