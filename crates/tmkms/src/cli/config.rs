//! `tmkms config check`, and reading the configuration for every other command.

use std::io::{self, Write};
use std::path::Path;

use keys::FilePermissions;

use super::args::CheckArgs;
use super::key::permissions;
use super::{Failure, Outcome};
use crate::config::{Config, Loaded, Report};
use crate::observe;
use crate::signer::check as check_signer;
use crate::tunnels::{TunnelError, Tunnels};

/// Reads a configuration; prints its warnings to standard error.
pub(super) fn load(path: &Path) -> Result<Config, Failure> {
    let colour = observe::wants_colour(&io::stderr());
    let Loaded { config, warnings } = Config::load(path)
        .map_err(|e| Failure::Rendered(e.render(colour).trim_end().to_owned()))?;
    warn(&warnings);
    Ok(config)
}

/// Reads the tunnels of a configuration; prints their warnings to standard error.
pub(super) fn load_tunnels(
    config: &Config,
    permissions: FilePermissions,
) -> Result<Tunnels, Failure> {
    let tunnels = Tunnels::load(&config.wireguard, permissions).map_err(|e| rendered(&e))?;
    for tunnel in tunnels.iter() {
        warn(&tunnel.warnings);
    }
    Ok(tunnels)
}

fn rendered(errors: &[TunnelError]) -> Failure {
    let colour = observe::wants_colour(&io::stderr());
    let texts: Vec<String> = errors.iter().map(|error| error.render(colour)).collect();
    Failure::Rendered(texts.join("").trim_end().to_owned())
}

fn warn(warnings: &Report) {
    if !warnings.is_empty() {
        let colour = observe::wants_colour(&io::stderr());
        // Without a standard error there is nobody to warn, and the signer must start all the same.
        let _ = write!(io::stderr(), "{}", warnings.render(colour));
    }
}

/// Checks the file, then the tunnels, keys and states that it names. Changes and locks nothing, so it
/// may run beside the signer.
pub(super) fn check(args: &CheckArgs, out: &mut dyn Write) -> Outcome {
    let config = load(&args.config.path)?;
    let permissions = permissions(args.allow_insecure_permissions);
    let tunnels = load_tunnels(&config, permissions)?;
    let lines = check_signer(&config, permissions).map_err(|errors| Failure::listed(&errors))?;
    for line in lines.into_iter().chain(tunnels.describe(&config)) {
        writeln!(out, "{line}")?;
    }
    writeln!(out, "{} is in order", config.file.display())?;
    Ok(())
}
