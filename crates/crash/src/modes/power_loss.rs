//! The machine loses its power, with what was not synced: at every operation on the disk, and at
//! random moments.
//!
//! The state is on a FUSE disk ([`crate::disk`]) that keeps un-synced writes apart. The power
//! goes off, the process is killed, some of the un-synced writes survive whole, in part or not at
//! all, the disk is mounted again, and the signer starts from what is there. It must find its
//! mark, and need nobody's help.

use chance::Rng;

use super::life::{bury_silently, live_well};
use super::random::Moment;
use super::{Context, Mode, Sabotage};
use crate::autopsy::{Death, Finding};
use crate::disk::{Image, Loss, Mounted, Trap, When};
use crate::error::CrashError;
use crate::process::{Launch, SignerProcess};
use crate::report::Report;
use crate::strace::{self, lying};
use crate::world::{Plan, Transport, World};
use crate::{disk, namespace};

/// The mode.
pub const MODE: Mode = Mode {
    name: "power-loss",
    help: "un-synced writes are lost, at every operation on the disk and at random (FUSE)",
    left_out,
    run,
};

/// When the power goes off.
#[derive(Clone, Copy, Debug)]
enum Cut {
    At(Trap),
    After(Moment),
}

/// One machine: a signer, and its disk between two boots.
struct Machine<'a> {
    context: &'a Context,
    launch: Launch,
    world: World,
    image: Image,
    rng: Rng,
}

fn left_out(context: &Context) -> Option<String> {
    let needs_strace = context.sabotage == Some(Sabotage::Sync);
    namespace::unavailable()
        .or_else(disk::unavailable)
        .or_else(|| needs_strace.then(strace::unavailable).flatten())
}

fn run(context: &Context, report: &mut Report) -> Result<(), CrashError> {
    let mut machine = Machine::new(context)?;
    for is_new in [false, true]
        .into_iter()
        .skip(usize::from(context.is_short))
    {
        machine.at_every_operation(is_new, report)?;
    }
    machine.at_random(report)?;
    report.add(&machine.world.ledger);
    Ok(())
}

impl<'a> Machine<'a> {
    fn new(context: &'a Context) -> Result<Self, CrashError> {
        let mut rng = context.rng(MODE.name);
        let launch = match context.sabotage {
            Some(Sabotage::Sync) => context.launch.under(lying("fdatasync")),
            _ => context.launch.clone(),
        };
        Ok(Self {
            context,
            launch,
            world: context.world(Transport::Unix, rng.fork())?,
            image: Image::default(),
            rng,
        })
    }

    /// On a new disk each time, so that the making of the files is cut short too, or on one that
    /// has been through all the losses before.
    fn at_every_operation(&mut self, is_new: bool, report: &mut Report) -> Result<(), CrashError> {
        let operations = self.count_operations(is_new, report)?;
        let losses: &[Loss] = if self.context.is_short {
            &[Loss::Everything]
        } else {
            &Loss::ALL
        };
        let mut progress = self.context.progress(MODE.name, operations);
        for nth in 1..=operations {
            for when in [When::Before, When::After] {
                for loss in losses {
                    let place = format!("power lost {when:?} operation {nth}, {loss:?} lost");
                    self.world.ledger.enter(self.context.place(&place));
                    if is_new {
                        self.begin_anew()?;
                    }
                    self.lose_power(Cut::At(Trap { nth, when }), *loss, report)?;
                    if is_new {
                        self.live_well(report)?;
                    }
                }
            }
            let ledger = &self.world.ledger;
            progress.at(nth, ledger.signatures, ledger.violations().len());
        }
        report.notes.push(format!(
            "power lost before and after each of {operations} disk operations, on {} disk",
            if is_new { "a new" } else { "an old" }
        ));
        Ok(())
    }

    fn at_random(&mut self, report: &mut Report) -> Result<(), CrashError> {
        let losses = self.context.kills.div_ceil(2);
        let mut progress = self.context.progress(MODE.name, losses);
        for done in 0..losses {
            let place = format!("power lost at random, {done}");
            self.world.ledger.enter(self.context.place(&place));
            let moment = Moment::random(&mut self.rng);
            let loss = self.rng.pick(&Loss::ALL).copied();
            self.lose_power(Cut::After(moment), loss.unwrap_or(Loss::Everything), report)?;
            let ledger = &self.world.ledger;
            progress.at(done, ledger.signatures, ledger.violations().len());
        }
        Ok(())
    }

    /// How many operations a start and some signatures take.
    fn count_operations(&mut self, is_new: bool, report: &mut Report) -> Result<u64, CrashError> {
        if is_new {
            self.begin_anew()?;
        }
        let mounted = self.mount()?;
        let signer = SignerProcess::start(&self.launch, &self.world.home)?;
        self.world.drive(&signer.handle(), &SIGNING)?;
        bury_silently(signer, report)?;
        let operations = mounted.operations();
        self.image = mounted.lose_power(Loss::Nothing, &mut self.rng)?;
        self.look(report)?;
        Ok(operations)
    }

    fn lose_power(&mut self, cut: Cut, loss: Loss, report: &mut Report) -> Result<(), CrashError> {
        let mounted = self.mount()?;
        if let Cut::At(trap) = cut {
            mounted.set_trap(trap);
        }
        let signer = SignerProcess::start(&self.launch, &self.world.home)?;
        let handle = signer.handle();
        let killer = std::thread::spawn({
            let (switch, handle) = (mounted.switch(), signer.handle());
            move || match cut {
                Cut::At(_) => switch.wait_and_kill(&handle),
                Cut::After(moment) => {
                    moment.wait(&handle);
                    switch.kill_now(&handle);
                }
            }
        });
        let plan = if matches!(cut, Cut::At(_)) {
            SIGNING
        } else {
            Plan::ENDLESS
        };
        let driven = self.world.drive(&handle, &plan);
        // Where the trap was not reached it goes off now.
        mounted.switch().kill_now(&handle);
        // It only waits and kills; there is nothing in it that could fail.
        let _ = killer.join();
        bury_silently(signer, report)?;
        driven?;
        self.image = mounted.lose_power(loss, &mut self.rng)?;
        report.power_losses += 1;
        self.look(report)
    }

    /// What the machine finds after its start.
    fn look(&mut self, report: &mut Report) -> Result<(), CrashError> {
        let mounted = self.mount()?;
        if let Finding::NeedsOperator(text) = self.world.autopsy(Death::Machine) {
            self.world
                .ledger
                .violation(format!("it would not start by itself: {text}"));
            report.stuck(text);
            self.help()?;
        }
        self.image = mounted.lose_power(Loss::Nothing, &mut self.rng)?;
        Ok(())
    }

    /// What an operator would do where the document is torn and the ring whole; where that does
    /// not help there is nothing left of this chain to test.
    fn help(&mut self) -> Result<(), CrashError> {
        let removed = std::fs::remove_file(self.world.home.state_file());
        let finding = self.world.autopsy(Death::Machine);
        if let (Ok(()), Finding::Recovered) = (&removed, &finding) {
            return Ok(());
        }
        self.world
            .ledger
            .violation(format!("helping was in vain: {finding:?}"));
        self.world.begin_anew()
    }

    /// A start on the surviving disk, with signatures.
    fn live_well(&mut self, report: &mut Report) -> Result<(), CrashError> {
        let mounted = self.mount()?;
        live_well(self.context, &mut self.world, report)?;
        self.image = mounted.lose_power(Loss::Nothing, &mut self.rng)?;
        Ok(())
    }

    fn begin_anew(&mut self) -> Result<(), CrashError> {
        self.image = Image::default();
        self.world.begin_anew()
    }

    fn mount(&self) -> Result<Mounted, CrashError> {
        Mounted::new(self.image.clone(), &self.world.home.state_directory())
    }
}

/// Enough signatures that each of their operations comes once on its own.
const SIGNING: Plan = Plan::plain(3);
