//! A world with everything in it that a signature needs, set up for one row.

use std::net::SocketAddrV4;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use crate::Outcome;
use crate::binaries::Binaries;
use crate::combination::{Combination, SignerKind};
use crate::flood::Flood;
use crate::forwarder::Forwarder;
use crate::gateway::GatewayProcess;
use crate::namespace::Namespace;
use crate::path::Path;
use crate::process::end;
use crate::relay::Relay;
use crate::sekai::{Sekai, listens};
use crate::setup::Setup;
use crate::signer::Signer;
use crate::site::Site;
use crate::stage::Stage;
use crate::wait::until;
use crate::watch::Watch;
use crate::wireguard::{Conf, Device};
use crate::world::{BACK, PRIVVAL_PORT, VALIDATOR, WIREGUARD_PORT, World};

/// How long a part may take to come up on a busy machine.
const PATIENCE: Duration = Duration::from_secs(30);
/// Blocks that are signed before a fault begins.
const WARM_UP: u64 = 5;

/// A part of the path that can be restarted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// The signer's process.
    Signer,
    /// wireguard-go on the signer's machine.
    SignerTun,
    /// The validator's end of the tunnel.
    Gateway,
    /// The node.
    Node,
}

/// Everything that runs.
pub struct Scene {
    /// Sees each block.
    pub watch: Watch,
    /// The path.
    pub relay: Relay,
    /// The node.
    pub sekai: Sekai,
    /// The signer.
    pub signer: Signer,
    /// The signer's machine's end, where it is not the signer itself.
    pub signer_tun: Option<Device>,
    /// The validator's machine's end.
    pub gateway: Option<GatewayProcess>,
    /// Who sends what is not wanted.
    pub flood: Option<Flood>,
    /// Ours and theirs.
    pub combination: Combination,
    /// The published port.
    published: Option<Forwarder>,
    site: Site,
    path: Path,
    binaries: Binaries,
    /// Where the network's choices come from.
    pub(crate) seed: u64,
    /// wg0.conf of the signer's and of the validator's machine.
    pub(crate) confs: (Conf, Conf),
    /// Logs and files.
    pub(crate) dir: PathBuf,
    /// Last, because it takes the ground away.
    pub world: World,
}

impl Scene {
    /// Builds the world and starts every part but the node.
    ///
    /// # Errors
    /// What the system or a part says.
    pub fn build(
        stage: &Stage,
        combination: Combination,
        setup: Setup,
        seed: u64,
    ) -> Outcome<Self> {
        let dir = stage.scene_dir()?;
        let world = World::create()?;
        let confs = setup.confs(combination)?;
        let validator = SocketAddrV4::new(VALIDATOR, WIREGUARD_PORT);
        let relay = Relay::start(&world.internet, setup.front(), BACK, validator, seed)?;
        world.name_validator(setup.validator())?;
        relay.set(Path {
            limit: setup.path.limit,
            ..Path::GOOD
        });
        let signer = Signer::create(
            &stage.binaries,
            combination.signer,
            &dir.join("signer"),
            &stage.template.key(),
            &setup.site.address(),
            &confs.0,
        )?;
        let mut scene = Self {
            watch: Watch::start(node_place(&world, setup.site)),
            relay,
            sekai: stage.template.copy(dir.join("sekai"))?,
            signer,
            signer_tun: None,
            gateway: None,
            flood: None,
            combination,
            published: None,
            site: setup.site,
            path: setup.path,
            seed,
            confs,
            binaries: stage.binaries.clone(),
            dir,
            world,
        };
        scene.site.prepare(&scene.world, combination.gateway)?;
        if scene.site.has_tunnel() {
            scene.start(Part::Gateway)?;
            scene.start(Part::SignerTun)?;
        }
        scene.published = scene.site.publish(&scene.world)?;
        scene.start(Part::Signer)?;
        Ok(scene)
    }

    /// Starts the node too, and waits until blocks are signed.
    ///
    /// # Errors
    /// When no blocks are signed.
    pub fn begin(&mut self) -> Outcome {
        self.start(Part::Node)?;
        let (watch, sekai) = (&self.watch, &mut self.sekai);
        let seen = until("the first blocks are signed", PATIENCE, || {
            (watch.height() >= WARM_UP || !sekai.is_running()).then_some(())
        });
        seen?;
        if !self.sekai.is_running() {
            let ended = self.ended().join(", ");
            return Err(format!(
                "no signer came within the node's 3 s; ended: {ended}"
            ));
        }
        self.relay.set(self.path);
        Ok(())
    }

    /// Starts a part that does not run. Returns when it is up.
    ///
    /// # Errors
    /// When it does not come up.
    pub fn start(&mut self, part: Part) -> Outcome<Instant> {
        let world = &self.world;
        match part {
            Part::Signer => self.signer.start(&world.signer),
            Part::SignerTun if self.combination.signer == SignerKind::Ours => {}
            Part::SignerTun => {
                let device = Device::start(&world.signer, 's', &self.confs.0, &self.dir)?;
                self.signer_tun = Some(device);
            }
            Part::Gateway => {
                let gateway = GatewayProcess::start(
                    world,
                    self.combination,
                    self.site,
                    &self.confs.1,
                    &self.binaries,
                    &self.dir,
                )?;
                self.gateway = Some(gateway);
            }
            Part::Node => {
                self.sekai.start(node_place(world, self.site));
                self.wait_for_node()?;
            }
        }
        Ok(Instant::now())
    }

    /// Ends a part.
    pub fn stop(&mut self, part: Part) {
        match part {
            Part::Signer => self.signer.stop(),
            Part::SignerTun => self.signer_tun = None,
            Part::Gateway => {
                if let Some(mut gateway) = self.gateway.take() {
                    end(gateway.process());
                }
            }
            Part::Node => self.sekai.stop(),
        }
    }

    fn wait_for_node(&mut self) -> Outcome {
        let sekai = &mut self.sekai;
        let listening = node_place(&self.world, self.site).inside(|| {
            until("the node listens for its signer", PATIENCE, || {
                (listens(PRIVVAL_PORT) || !sekai.is_running()).then_some(())
            })
        });
        listening.and_then(|()| {
            if self.sekai.is_running() {
                return Ok(());
            }
            Err("the node ended before it listened".to_owned())
        })
    }
}

/// Where the node runs.
pub(crate) fn node_place(world: &World, site: Site) -> &Namespace {
    if site.has_node_on_host() {
        &world.validator
    } else {
        &world.sekai
    }
}
