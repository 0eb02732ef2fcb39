//! Two nodes ask one signer for conflicting messages at the same moment, and it is killed while
//! they do.
//!
//! Nothing is expected of single answers here; only the ledger judges.

use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use chance::Rng;
use privval::node_side::Answer;
use privval::{Canonical, Height, Hrs, Step};
use testnode::{Listener, Signer};

use super::random::Moment;
use super::{Context, Mode};
use crate::autopsy::Death;
use crate::error::CrashError;
use crate::ledger::{Ask, Ledger};
use crate::process::{Handle, SignerProcess};
use crate::report::Report;
use crate::script::{Script, following};
use crate::world::{Transport, World, framed, listen_at};

/// The mode.
pub const MODE: Mode = Mode {
    name: "race",
    help: "two nodes that contradict each other at the same moment, and SIGKILL",
    left_out: |_| None,
    run,
};

/// One of the two nodes.
struct Rival {
    listener: Listener,
    script: Script,
    rng: Rng,
}

/// What the two nodes share.
struct Shared<'a> {
    ledger: Mutex<&'a mut Ledger>,
    height: AtomicI64,
}

fn run(context: &Context, report: &mut Report) -> Result<(), CrashError> {
    let kills = context.kills.div_ceil(4);
    let mut progress = context.progress(MODE.name, kills);
    let mut rng = context.rng(MODE.name);
    let mut world = context.world(Transport::Unix, rng.fork())?;
    let mut rivals = rivals(&world, &mut rng)?;
    for kill in 0..kills {
        let place = format!("race, kill {kill}");
        world.ledger.enter(context.place(&place));
        one_life(context, &mut world, &mut rivals, Moment::random(&mut rng))?;
        world.model.opening.clear();
        report.lives += 1;
        report.kills += 1;
        progress.at(
            report.kills,
            world.ledger.signatures,
            world.ledger.violations().len(),
        );
    }
    report.add(&world.ledger);
    Ok(())
}

fn rivals(world: &World, rng: &mut Rng) -> Result<[Rival; 2], CrashError> {
    let mut rival = |name| {
        let (listener, address) = listen_at(&world.home, name)?;
        let script = Script::new(rng.fork(), world.home.chain_id().clone());
        let rival = Rival {
            listener,
            script,
            rng: rng.fork(),
        };
        Ok::<_, CrashError>((rival, address))
    };
    let (first, at_first) = rival("first.sock")?;
    let (second, at_second) = rival("second.sock")?;
    world.home.configure(&[at_first, at_second])?;
    Ok([first, second])
}

fn one_life(
    context: &Context,
    world: &mut World,
    rivals: &mut [Rival; 2],
    moment: Moment,
) -> Result<(), CrashError> {
    let mut signer = SignerProcess::start(&context.launch, &world.home)?;
    let mark = world.model.mark.as_ref().map(Canonical::hrs);
    let shared = Shared {
        height: AtomicI64::new(following(mark).height.value()),
        ledger: Mutex::new(&mut world.ledger),
    };
    let handle = signer.handle();
    let in_flight: Vec<Ask> = std::thread::scope(|scope| {
        scope.spawn(|| moment.kill(&handle));
        let [first, second] = rivals;
        let second = scope.spawn(|| second.ask_until_death(&shared, &handle));
        let mut asks = first.ask_until_death(&shared, &handle);
        // A panic there would be one of the harness; its requests would show as unknown marks.
        asks.extend(second.join().unwrap_or_default());
        asks
    });
    signer.kill()?;
    let asked = in_flight.into_iter().map(|ask| ask.canonical);
    world.model.maybe.extend(asked);
    world.model.mark = newest(world);
    world.autopsy(Death::Process);
    Ok(())
}

/// What is known for certain: what was recovered, or released since.
fn newest(world: &World) -> Option<Canonical> {
    let released = world.ledger.highest().map(|r| r.canonical.clone());
    let recovered = world.model.mark.clone();
    released
        .into_iter()
        .chain(recovered)
        .max_by_key(Canonical::hrs)
}

impl Rival {
    /// Returns what got no answer.
    fn ask_until_death(&mut self, shared: &Shared<'_>, signer: &Handle) -> Vec<Ask> {
        let mut unanswered = Vec::new();
        loop {
            let was_running = signer.is_running();
            match self.listener.accept(Duration::from_millis(10)) {
                Ok(mut connection) => {
                    unanswered.push(self.talk(&mut connection, shared, signer));
                }
                Err(_) if !was_running => return unanswered,
                Err(_) => {}
            }
        }
    }

    /// Asks until the connection is lost; returns the request that was on its way then.
    fn talk(&mut self, connection: &mut Signer, shared: &Shared<'_>, signer: &Handle) -> Ask {
        let steps = [Step::Propose, Step::Prevote, Step::Precommit];
        loop {
            let height = shared.height.load(Ordering::SeqCst);
            for step in steps {
                let place = Hrs {
                    height: Height::try_from(height).unwrap_or_default(),
                    step,
                    ..following(None)
                };
                let ask = if self.rng.percent(50) {
                    self.script.agreed(place)
                } else {
                    self.script.at(place)
                };
                let highest = shared.ledger().highest_place();
                let Ok(answer) = connection.ask(&framed(&ask)) else {
                    return ask;
                };
                signer.count_answer();
                shared.write_down(&ask, &answer, highest);
            }
            shared.height.fetch_max(height + 1, Ordering::SeqCst);
        }
    }
}

impl<'a> Shared<'a> {
    fn ledger(&self) -> MutexGuard<'_, &'a mut Ledger> {
        self.ledger.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn write_down(&self, ask: &Ask, answer: &Answer, highest: Option<Hrs>) {
        let mut ledger = self.ledger();
        match answer {
            Answer::Vote(signed) | Answer::Proposal(signed) => {
                ledger.record(ask, signed, highest);
            }
            Answer::Refused { .. } => ledger.refusals += 1,
            other => ledger.violation(format!("answered with {other:?}")),
        }
    }
}
