//! `tmkms config check`, and reading the configuration for every other command.

use std::io::{self, Write};
use std::path::{Path, PathBuf};

use keys::FilePermissions;

use super::args::CheckArgs;
use super::key::permissions;
use super::{Failure, Outcome};
use crate::config::{Config, Error, Gateway, Loaded, Report};
use crate::observe;
use crate::signer::check as check_signer;
use crate::tunnels::{Tunnel, TunnelError, Tunnels};

/// Reads a configuration; prints its warnings to standard error.
pub(super) fn load(path: &Path) -> Result<Config, Failure> {
    let Loaded { config, warnings } = Config::load(path).map_err(|e| unusable(&e))?;
    warn(&warnings);
    Ok(config)
}

/// Where the signer with this configuration is asked.
pub(super) fn status_socket(path: &Path) -> Result<PathBuf, Failure> {
    let config = load(path)?;
    config.status_socket().ok_or_else(|| {
        Failure::new(format!(
            "{} says [status] socket = \"off\": without a socket the signer cannot be \
             asked. Remove that line and restart the signer",
            config.file.display()
        ))
    })
}

/// Reads a gateway's configuration; prints its warnings to standard error.
pub(super) fn load_gateway(path: &Path) -> Result<Gateway, Failure> {
    let (gateway, warnings) = Gateway::load(path).map_err(|e| unusable(&e))?;
    warn(&warnings);
    Ok(gateway)
}

fn unusable(error: &Error) -> Failure {
    let colour = observe::wants_colour(&io::stderr());
    Failure::Rendered(error.render(colour).trim_end().to_owned())
}

/// Reads the tunnels of a configuration; prints their warnings to standard error.
pub(super) fn load_tunnels(
    config: &Config,
    permissions: FilePermissions,
) -> Result<Tunnels, Failure> {
    let tunnels = Tunnels::load(&config.wireguard, permissions).map_err(|e| rendered(&e))?;
    tunnels.iter().for_each(tell);
    Ok(tunnels)
}

/// Prints the warnings of a tunnel to standard error.
pub(super) fn tell(tunnel: &Tunnel) {
    warn(&tunnel.warnings);
}

pub(super) fn rendered(errors: &[TunnelError]) -> Failure {
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
