//! SIGKILL at a random moment, while starting or while signing at full speed.

use std::path::PathBuf;
use std::time::Duration;

use chance::Rng;

use super::life::{Killer, live};
use super::{Context, Mode, Sabotage};
use crate::error::CrashError;
use crate::home::Home;
use crate::process::Handle;
use crate::report::Report;
use crate::world::{Plan, Transport};

/// The mode.
pub const MODE: Mode = Mode {
    name: "random",
    help: "SIGKILL after a random time, over TCP and a Unix socket in turn",
    left_out: |_| None,
    run,
};

/// How often the signer's own account of its state is compared.
const SHOW_EVERY: u64 = 25;

fn run(context: &Context, report: &mut Report) -> Result<(), CrashError> {
    let mut progress = context.progress(MODE.name, context.kills);
    let halves = [
        (Transport::Unix, context.kills.div_ceil(2)),
        (Transport::Tcp, context.kills / 2),
    ];
    let mut rng = context.rng(MODE.name);
    for (transport, kills) in halves {
        let mut world = context.world(transport, rng.fork())?;
        let mut old_state = Files::new();
        for kill in 0..kills {
            let place = format!("random over {transport:?}, kill {kill}");
            world.ledger.enter(context.place(&place));
            let moment = Moment::random(&mut rng);
            let killer: Killer = Box::new(move |signer| moment.kill(signer));
            live(
                &mut world,
                &context.launch,
                &Plan::ENDLESS,
                Some(killer),
                report,
            )?;
            if context.sabotage == Some(Sabotage::Restore) {
                old_state = restore(&world.home, &old_state)?;
            }
            if kill % SHOW_EVERY == 0 {
                world.check_state_show();
            }
            let signatures = report.signatures + world.ledger.signatures;
            progress.at(report.kills, signatures, world.ledger.violations().len());
        }
        report.add(&world.ledger);
    }
    Ok(())
}

/// Names and contents.
type Files = Vec<(PathBuf, Vec<u8>)>;

/// Puts back what there was a life ago, as a careless restore of a backup does on a machine that
/// has booted since, and returns what there was now.
fn restore(home: &Home, old: &Files) -> Result<Files, CrashError> {
    let mut now = Files::new();
    let doing = || CrashError::doing("read the state directory");
    for entry in std::fs::read_dir(home.state_directory()).map_err(doing())? {
        let path = entry.map_err(doing())?.path();
        // The directory of the status socket.
        if path.is_dir() {
            continue;
        }
        let content = std::fs::read(&path).map_err(doing())?;
        now.push((path, content));
    }
    home.forget_boot()?;
    for (path, content) in old {
        std::fs::write(path, content).map_err(CrashError::doing("write the state"))?;
    }
    Ok(now)
}

/// When to kill.
#[derive(Clone, Copy, Debug)]
pub struct Moment {
    after_answers: u64,
    then: Duration,
}

impl Moment {
    /// In one of five cases while it starts.
    #[must_use]
    pub fn random(rng: &mut Rng) -> Self {
        let is_early = rng.percent(20);
        let micros = if is_early { 15_000 } else { 80_000 };
        Self {
            after_answers: u64::from(!is_early),
            then: Duration::from_micros(rng.below(micros)),
        }
    }

    /// Waits for it.
    pub fn wait(self, signer: &Handle) {
        signer.wait_for_answers(self.after_answers);
        std::thread::sleep(self.then);
    }

    /// Waits for it, and kills.
    pub fn kill(self, signer: &Handle) {
        self.wait(signer);
        signer.kill();
    }
}
