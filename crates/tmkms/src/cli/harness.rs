//! `tmkms harness`: the node's side, as an acceptance test for any remote signer.

use std::fs;
use std::io::{self, Write};
use std::time::Duration;

use harness::{Event, Ground, Group, Place, Plan, finding_line, group_title, summary};
use privval::Height;

use super::args_harness::HarnessArgs;
use super::{Failure, Outcome};

/// Tries whatever signer connects. Fails unless all that must pass has passed.
pub(super) fn run(args: &HarnessArgs, out: &mut dyn Write) -> Outcome {
    let plan = plan(args)?;
    let (listener, place) = args.listen.listen().map_err(Failure::CouldNotRun)?;
    let _socket = SocketFile(&place);
    if args.json {
        // Standard output is for the one line at the end.
        begin(&plan, &place, &mut io::stderr())?;
    } else {
        begin(&plan, &place, out)?;
    }
    let mut broken = Ok(());
    let report = harness::run(&plan, &listener, &mut |event| {
        if !args.json && broken.is_ok() {
            broken = tell(event, out);
        }
    });
    broken?;
    let report = report.map_err(|_| nobody_came(&plan, &place))?;
    if args.json {
        writeln!(out, "{}", serde_json::to_string(&report)?)?;
    } else {
        write!(out, "\n{}", summary(&report))?;
    }
    if report.passed {
        return Ok(());
    }
    Err(Failure::Told(1))
}

fn plan(args: &HarnessArgs) -> Result<Plan, Failure> {
    let height = args.height.map(Height::try_from).transpose()?;
    let ground = Ground::new(args.chain_id.clone(), height, args.force);
    let ground = ground.map_err(|e| Failure::CouldNotRun(e.to_string()))?;
    let mut plan = Plan::new(ground);
    if !args.protocols.is_empty() {
        plan.versions.clone_from(&args.protocols);
        plan.versions.sort_unstable();
        plan.versions.dedup();
    }
    plan.expected_key = args.public_key;
    plan.extensions = args.extensions;
    plan.patience = Duration::from_secs(args.timeout);
    Ok(plan)
}

fn begin(plan: &Plan, place: &Place, out: &mut dyn Write) -> io::Result<()> {
    let chain = plan.ground.chain_id();
    if plan.ground.is_forced() {
        writeln!(
            out,
            "Forced: what is signed now for {chain} is real, and afterwards the signer refuses \
             every height below those of this run"
        )?;
    }
    writeln!(
        out,
        "Listening at {place} for {} s. Start the signer, with that as the address of its node, \
         for chain {chain}",
        plan.patience.as_secs()
    )?;
    out.flush()
}

fn tell(event: Event<'_>, out: &mut dyn Write) -> io::Result<()> {
    match event {
        Event::Connected => writeln!(out, "A signer connected")?,
        Event::Begins(group) => {
            writeln!(out, "\n{}", group_title(group))?;
            if group == Group::Every {
                writeln!(out, "  (some of these wait on purpose, for 10 s in all)")?;
            }
        }
        Event::Found(finding) => write!(out, "{}", finding_line(finding))?,
    }
    out.flush()
}

fn nobody_came(plan: &Plan, place: &Place) -> Failure {
    Failure::CouldNotRun(format!(
        "nobody connected to {place} within {} s. The signer dials, and the harness only listens: \
         set the signer up with that address as its node's, for chain {}, and start it while the \
         harness waits. In tmkms.toml that is `addr = \"{place}\"` in [[validator]], and the chain \
         in [[chain]], [[validator]] and [[providers.softsign]]",
        plan.patience.as_secs(),
        plan.ground.chain_id()
    ))
}

/// The socket's file goes with the harness.
struct SocketFile<'a>(&'a Place);

impl Drop for SocketFile<'_> {
    fn drop(&mut self) {
        if let Place::Unix(path) = self.0 {
            // It may be gone already, with its directory.
            let _ = fs::remove_file(path);
        }
    }
}
