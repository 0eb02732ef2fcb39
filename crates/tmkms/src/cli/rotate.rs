//! `tmkms key rotate-identity`: a new connection key in the place of an old one.
//!
//! Invariant: at every moment there is a whole key under the name, and the old one is on the disk
//! under `FILE.old` before it is replaced.

use std::fs;
use std::io::Write;
use std::path::PathBuf;

use keys::{Overwrite, generate_identity, read_identity, write_identity};
use secret_connection::Identity;

use super::args::RotateArgs;
use super::key::permissions;
use super::softsign::overwrite;
use super::{Outcome, cannot};

/// Replaces a connection key.
pub(super) fn run(args: &RotateArgs, out: &mut dyn Write) -> Outcome {
    let old = read_identity(&args.file, permissions(args.allow_insecure_permissions))?;
    // A link stays a link: what it leads to is replaced.
    let file = fs::canonicalize(&args.file).map_err(|e| cannot("find", &args.file, &e))?;
    let mut kept = file.clone().into_os_string();
    kept.push(".old");
    let kept = PathBuf::from(kept);
    let new = generate_identity()?;
    write_identity(&kept, &old, overwrite(args.force))?;
    write_identity(&file, &new, Overwrite::Force)?;
    writeln!(out, "Replaced the connection key {}", file.display())?;
    writeln!(out, "old peer id: {}", Identity::from_seed(&old).peer_id())?;
    writeln!(out, "new peer id: {}", Identity::from_seed(&new).peer_id())?;
    writeln!(
        out,
        "Next: give the new peer id to every node, proxy or firewall that knows this signer by \
         the old one, then restart the signer. {} has the old key: remove it when all is well",
        kept.display()
    )?;
    Ok(())
}
