//! A life in which the signer finds that its mark cannot be kept, and has to stop signing.

use privval::node_side::{self, Answer};

use super::life::{Connected, Lost, asked, bury};
use crate::error::CrashError;
use crate::process::{Launch, SignerProcess};
use crate::report::Report;
use crate::world::{Plan, World};

/// How many signatures a fault has to show itself.
const ASKS: u64 = 15;

/// Starts the signer, breaks something once it is connected, and asks until it refuses: on the
/// connection that is open, with a reason. From then on it must refuse everything, repeats too,
/// and still answer pings. Then it is killed.
pub(super) fn must_halt(
    world: &mut World,
    launch: &Launch,
    report: &mut Report,
    break_it: impl FnOnce() -> Result<(), CrashError>,
) -> Result<(), CrashError> {
    let signer = halted(world, launch, report, break_it)?;
    bury(world, signer, report)?;
    Ok(())
}

/// The same, without the kill.
pub(super) fn halted(
    world: &mut World,
    launch: &Launch,
    report: &mut Report,
    break_it: impl FnOnce() -> Result<(), CrashError>,
) -> Result<SignerProcess, CrashError> {
    report.faults += 1;
    asked(world, launch, |signer| {
        let plan = Plan::mixed(3).with_faults();
        signer.talk(&plan)?;
        break_it()?;
        ask(signer)?;
        if !signer.world.model.has_halted {
            let text = "the disk failed, and the signer went on signing";
            signer.world.ledger.violation(text);
        }
        Ok(())
    })
}

fn ask(signer: &mut Connected<'_>) -> Result<(), Lost> {
    let plan = Plan::plain(ASKS).with_faults();
    for _ in 0..plan.asks {
        if signer.world.model.has_halted {
            break;
        }
        let next = signer.world.script.plain(signer.world.model.mark.as_ref());
        signer.ask(&next, &plan)?;
    }
    let mark = signer.world.model.mark.clone();
    let mut after = vec![signer.world.script.plain(mark.as_ref())];
    if let Some(mark) = mark {
        after.push(signer.world.script.same(&mark));
        after.push(signer.world.script.conflicting(&mark));
    }
    for ask in after {
        signer.ask(&ask, &plan)?;
    }
    if signer.connection.ask(&node_side::ping())? != Answer::Pong {
        signer.world.ledger.violation("a ping got no pong");
    }
    Ok(())
}
