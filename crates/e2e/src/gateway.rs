//! The validator's end of the tunnel, ours or wireguard-go.

use std::fs;
use std::path::Path;

use interop::Process;

use crate::binaries::Binaries;
use crate::combination::{Combination, GatewayKind};
use crate::namespace::NOBODY;
use crate::site::Site;
use crate::wireguard::{Conf, Device};
use crate::world::{PRIVVAL_PORT, TUNNEL_SIGNER, World};
use crate::{Outcome, doing};

/// The validator's end of the tunnel.
pub enum GatewayProcess {
    /// `tmkms gateway`.
    Ours(Process),
    /// wireguard-go.
    Host(Device),
}

impl GatewayProcess {
    /// The process.
    pub fn process(&mut self) -> &mut Process {
        match self {
            Self::Ours(process) => process,
            Self::Host(device) => &mut device.process,
        }
    }

    /// Starts the end that the combination and the site have.
    ///
    /// # Errors
    /// When it does not come up.
    pub fn start(
        world: &World,
        combination: Combination,
        site: Site,
        conf: &Conf,
        binaries: &Binaries,
        dir: &Path,
    ) -> Outcome<Self> {
        if combination.gateway == GatewayKind::Host {
            let place = if site.has_wireguard_in_container() {
                &world.gateway
            } else {
                &world.validator
            };
            let device = Device::start(place, 'v', conf, dir)?;
            return Ok(Self::Host(device));
        }
        let home = dir.join("gateway");
        // There already when it is started again.
        let _ = fs::create_dir(&home);
        conf.write_quick(&home.join("wg0.conf"), NOBODY)?;
        let config = home.join("gateway.toml");
        fs::write(&config, gateway_toml()).map_err(doing("write gateway.toml"))?;
        let mut command = world.gateway.command_of_nobody(&binaries.ours);
        command.arg("gateway").arg("-c").arg(config);
        let log = dir.join("gateway.log");
        let process = Process::start("gateway", &mut command, &log);
        Ok(Self::Ours(process))
    }
}

fn gateway_toml() -> String {
    format!(
        "[wireguard]\nconfig = \"wg0.conf\"\n\n[[forward]]\nlisten = {PRIVVAL_PORT}\n\
         upstream = \"sekai.local:{PRIVVAL_PORT}\"\nallowed = [\"{TUNNEL_SIGNER}\"]\n"
    )
}
