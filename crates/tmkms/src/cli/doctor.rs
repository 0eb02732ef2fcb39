//! `tmkms doctor`.

use std::io::{self, Write};

use super::args_doctor::DoctorArgs;
use super::{Failure, Outcome};
use crate::doctor::finding::{Status, worst};
use crate::doctor::{Options, examine, report};
use crate::hardening;
use crate::observe::wants_colour;

/// Prints what was found. The exit code says how bad it is.
pub(super) fn run(args: DoctorArgs, out: &mut dyn Write) -> Outcome {
    hardening::before_keys();
    let findings = examine(&Options {
        config: args.config.path,
        rpc: args.rpc,
        node_home: args.node_home,
        connect: args.connect,
    });
    if args.json {
        writeln!(out, "{}", report::json(&findings)?)?;
    } else {
        let colour = wants_colour(&io::stdout());
        write!(out, "{}", report::text(&findings, colour))?;
    }
    match worst(&findings) {
        Status::Fine => Ok(()),
        Status::Broken => Err(Failure::Told(1)),
        Status::Warning => Err(Failure::Told(2)),
    }
}
