//! One life of the signer, from start to death.

use std::time::Duration;

use testnode::NodeError;

use super::Context;
use crate::autopsy::{Death, Finding};
use crate::error::CrashError;
use crate::ledger::Ask;
use crate::process::{Handle, Launch, SignerProcess, was_killed};
use crate::report::Report;
use crate::world::{Ending, Plan, World};

/// How a life ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    /// Killed while it was asked.
    Killed,
    /// It ended by itself, as it does when it cannot start.
    Exited,
    /// It answered all, and was killed then.
    Survived,
}

/// A moment after which the signer is killed, waited for in another thread.
pub(super) type Killer = Box<dyn FnOnce(&Handle) + Send>;

/// Lives once, and looks at what is left.
pub(super) fn live(
    world: &mut World,
    launch: &Launch,
    plan: &Plan,
    killer: Option<Killer>,
    report: &mut Report,
) -> Result<End, CrashError> {
    let signer = SignerProcess::start(launch, &world.home)?;
    let handle = signer.handle();
    let killer = killer.map(|kill| {
        let handle = signer.handle();
        std::thread::spawn(move || kill(&handle))
    });
    let ending = world.drive(&handle, plan);
    if matches!(ending, Ok(Ending::Done)) || ending.is_err() {
        handle.kill();
    }
    if let Some(killer) = killer {
        // It only waits and kills; there is nothing in it that could fail.
        let _ = killer.join();
    }
    let was_killed = bury(world, signer, report)?;
    Ok(match (ending?, was_killed) {
        (Ending::Done, _) => End::Survived,
        (Ending::Died, true) => End::Killed,
        (Ending::Died, false) => End::Exited,
    })
}

/// Starts it where it must not come up: it must end by itself, with an error that has all these
/// words. Returns what it said. `who` begins the violation.
pub(super) fn must_not_start(
    world: &mut World,
    launch: &Launch,
    who: &str,
    words: &[&str],
) -> Result<String, CrashError> {
    let mut signer = SignerProcess::start(launch, &world.home)?;
    let status = signer.wait(Duration::from_secs(10));
    let output = signer.output();
    let says_why = words.iter().all(|word| output.contains(word));
    if status.is_none_or(|status| status.success()) || !says_why {
        world
            .ledger
            .violation(format!("{who} ended with {status:?} and said {output:?}"));
    }
    signer.kill()?;
    Ok(output)
}

/// Kills the signer, and looks at what is left. True when it had not ended by itself.
pub(super) fn bury(
    world: &mut World,
    signer: SignerProcess,
    report: &mut Report,
) -> Result<bool, CrashError> {
    let was_killed = bury_silently(signer, report)?;
    if let Finding::NeedsOperator(text) = world.autopsy(Death::Process) {
        report.stuck(text);
    }
    Ok(was_killed)
}

/// Kills the signer, and looks at nothing. True when it had not ended by itself.
pub(super) fn bury_silently(
    mut signer: SignerProcess,
    report: &mut Report,
) -> Result<bool, CrashError> {
    let was_killed = was_killed(signer.kill()?);
    report.lives += 1;
    report.kills += u64::from(was_killed);
    Ok(was_killed)
}

/// Starts the signer, has `body` ask it on its first connection, kills it, and looks at what is
/// left. A connection that is lost is a violation.
pub(super) fn connected(
    world: &mut World,
    launch: &Launch,
    report: &mut Report,
    body: impl FnOnce(&mut Connected<'_>) -> Result<(), Lost>,
) -> Result<(), CrashError> {
    let signer = asked(world, launch, body)?;
    bury(world, signer, report)?;
    Ok(())
}

/// The same, without the kill and the look.
pub(super) fn asked(
    world: &mut World,
    launch: &Launch,
    body: impl FnOnce(&mut Connected<'_>) -> Result<(), Lost>,
) -> Result<SignerProcess, CrashError> {
    let signer = SignerProcess::start(launch, &world.home)?;
    let handle = signer.handle();
    match world.accept(&handle)? {
        None => {
            let text = format!("it did not start: {}", signer.last_lines(3));
            world.ledger.violation(text);
        }
        Some(connection) => {
            let mut connected = Connected {
                world,
                connection,
                signer: &handle,
            };
            match body(&mut connected) {
                Ok(()) => {}
                Err(Lost::Connection(error)) => world
                    .ledger
                    .violation(format!("the connection was lost: {error}")),
                Err(Lost::Run(error)) => return Err(error),
            }
        }
    }
    Ok(signer)
}

/// A signer on one connection.
pub(super) struct Connected<'a> {
    pub(super) world: &'a mut World,
    pub(super) connection: testnode::Signer,
    pub(super) signer: &'a Handle,
}

/// Why asking ended early.
pub(super) enum Lost {
    /// The signer is to blame.
    Connection(NodeError),
    /// The harness is.
    Run(CrashError),
}

impl From<NodeError> for Lost {
    fn from(error: NodeError) -> Self {
        Self::Connection(error)
    }
}

impl From<CrashError> for Lost {
    fn from(error: CrashError) -> Self {
        Self::Run(error)
    }
}

impl Connected<'_> {
    /// Carries out a plan.
    pub(super) fn talk(&mut self, plan: &Plan) -> Result<(), Lost> {
        Ok(self.world.talk(&mut self.connection, self.signer, plan)?)
    }

    /// Asks one thing, and does not wait for the answer.
    pub(super) fn send(&mut self, ask: &Ask) -> Result<(), Lost> {
        Ok(self.world.send(&mut self.connection, ask)?)
    }

    /// Waits for the answer.
    pub(super) fn receive(&mut self, ask: &Ask, plan: &Plan) -> Result<(), Lost> {
        Ok(self
            .world
            .receive(&mut self.connection, self.signer, ask, plan)?)
    }

    /// Asks one thing.
    pub(super) fn ask(&mut self, ask: &Ask, plan: &Plan) -> Result<(), Lost> {
        Ok(self
            .world
            .ask(&mut self.connection, self.signer, ask, plan)?)
    }
}

/// A life without trouble after one with it: the signer must start, and answer all as it should.
pub(super) fn live_well(
    context: &Context,
    world: &mut World,
    report: &mut Report,
) -> Result<(), CrashError> {
    const ASKS: u64 = 6;
    match live(world, &context.launch, &Plan::mixed(ASKS), None, report)? {
        End::Survived => {}
        end => {
            let log = std::fs::read_to_string(world.home.log()).unwrap_or_default();
            let last = log.lines().last().unwrap_or_default().to_owned();
            world
                .ledger
                .violation(format!("the next life did not last ({end:?}): {last}"));
        }
    }
    Ok(())
}

/// Kills once it has answered, and then nothing was answered for so long.
pub(super) fn when_idle(limit: Duration) -> Killer {
    Box::new(move |signer| {
        signer.wait_for_answers(1);
        signer.kill_when_idle(limit);
    })
}
