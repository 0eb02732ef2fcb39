//! A world with everything in it that a signature needs, set up for one row.

use std::fs;
use std::net::{IpAddr, SocketAddr, SocketAddrV4, TcpStream};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path as FilePath, PathBuf};
use std::time::{Duration, Instant};

use interop::Process;
use rustix::process::Signal;

use crate::binaries::Binaries;
use crate::combination::{Combination, GatewayKind, SignerKind};
use crate::flood::{Flood, Kind};
use crate::forwarder::Forwarder;
use crate::namespace::{NOBODY, Namespace, PREFIX};
use crate::path::Path;
use crate::process::{end, signal};
use crate::relay::Relay;
use crate::sekai::{RPC, Sekai, Template, listens};
use crate::signatures::Signatures;
use crate::signer::Signer;
use crate::site::Site;
use crate::wait::{pause, until};
use crate::watch::Watch;
use crate::wireguard::{Conf, Device};
use crate::world::{
    BACK, FRONT, FRONT_V6, OTHER_FRONT, PRIVVAL_PORT, TUNNEL_SIGNER, TUNNEL_VALIDATOR, VALIDATOR,
    WIREGUARD_PORT, World, front,
};
use crate::{Outcome, doing};

/// How long a part may take to come up on a busy machine.
const PATIENCE: Duration = Duration::from_secs(30);
/// Blocks that are signed before a fault begins.
const WARM_UP: u64 = 5;

/// What all scenes of a run share.
pub struct Stage {
    /// The signers.
    pub binaries: Binaries,
    /// The chain.
    pub template: Template,
    dir: tempfile::TempDir,
}

impl Stage {
    /// Copies and sets up what every scene begins with.
    ///
    /// # Errors
    /// What the system or sekaid says.
    pub fn create() -> Outcome<Self> {
        let dir = tempfile::Builder::new()
            .prefix(&format!("{PREFIX}{}-", std::process::id()))
            .permissions(fs::Permissions::from_mode(0o755))
            .tempdir()
            .map_err(doing("make a temporary directory"))?;
        Ok(Self {
            binaries: Binaries::copy_to(dir.path())?,
            template: Template::create(dir.path().join("template"))?,
            dir,
        })
    }
}

/// What differs between rows before anything starts.
#[derive(Clone, Copy, Debug, Default)]
pub struct Setup {
    /// The path: its limit from the beginning on, the rest once blocks are signed. A node that
    /// is started on a path which loses the handshake of the tunnel ends after 3 s, whoever signs.
    pub path: Path,
    /// `MTU` of both wg0.conf where WireGuard does not find it out itself.
    pub mtu: Option<u16>,
    /// What is wrong in the signer's wg0.conf.
    pub mistake: Option<Mistake>,
    /// What the validator's machine does.
    pub site: Site,
    /// Both machines reach each other without the relay.
    pub is_past_relay: bool,
    /// The signer reaches the relay over IPv6.
    pub is_ipv6: bool,
}

impl Setup {
    /// A good path and nothing wrong.
    pub const GOOD: Self = Self {
        path: Path::GOOD,
        mtu: None,
        mistake: None,
        site: Site::Combined,
        is_past_relay: false,
        is_ipv6: false,
    };

    /// Where the relay takes datagrams.
    fn front(self) -> SocketAddr {
        if self.is_ipv6 {
            front(FRONT_V6)
        } else {
            front(FRONT)
        }
    }

    /// What the validator's name means to the signer.
    fn validator(self) -> IpAddr {
        if self.is_past_relay {
            VALIDATOR.into()
        } else {
            self.front().ip()
        }
    }
}

/// A wrong line in the signer's wg0.conf.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mistake {
    /// A private key that the other end does not know.
    Key,
    /// Another pre-shared key.
    PresharedKey,
    /// AllowedIPs without the validator.
    AllowedIps,
    /// A port at which nobody listens.
    ClosedPort,
}

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
    seed: u64,
    confs: (Conf, Conf),
    binaries: Binaries,
    dir: PathBuf,
    /// Last, because it takes the ground away.
    pub world: World,
}

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
        let dir = stage.dir.path().join("scene");
        // Of the scene before.
        let _ = fs::remove_dir_all(&dir);
        fs::create_dir(&dir).map_err(doing("make a directory"))?;
        let world = World::create()?;
        let confs = confs(combination, setup)?;
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
        if scene.site != Site::Bare {
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
            Part::Gateway => self.gateway = Some(self.start_gateway()?),
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

    fn start_gateway(&self) -> Outcome<GatewayProcess> {
        if self.combination.gateway == GatewayKind::Host {
            let place = if self.site.has_wireguard_in_container() {
                &self.world.gateway
            } else {
                &self.world.validator
            };
            let device = Device::start(place, 'v', &self.confs.1, &self.dir)?;
            return Ok(GatewayProcess::Host(device));
        }
        let home = self.dir.join("gateway");
        // There already when it is started again.
        let _ = fs::create_dir(&home);
        self.confs.1.write_quick(&home.join("wg0.conf"), NOBODY)?;
        let config = home.join("gateway.toml");
        fs::write(&config, gateway_toml()).map_err(doing("write gateway.toml"))?;
        let mut command = self.world.gateway.command_of_nobody(&self.binaries.ours);
        command.arg("gateway").arg("-c").arg(config);
        let log = self.dir.join("gateway.log");
        let process = Process::start("gateway", &mut command, &log);
        Ok(GatewayProcess::Ours(process))
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

    /// The signer's machine sleeps: its processes stand still, and nothing is lost.
    ///
    /// # Errors
    /// When the run is interrupted.
    pub fn sleep(&mut self, time: Duration) -> Outcome {
        let tun = self.signer_tun.as_mut().map(|device| &mut device.process);
        let mut parts: Vec<&mut Process> = self.signer.process().into_iter().chain(tun).collect();
        for part in &mut parts {
            signal(part, Signal::STOP);
        }
        let slept = pause(time);
        for part in &mut parts {
            signal(part, Signal::CONT);
        }
        slept
    }

    /// Somebody on the signer's machine opens connections to the node and closes them, as a port
    /// scan or a monitoring does.
    ///
    /// # Errors
    /// When the signer's machine cannot be entered.
    pub fn scan(&self, times: u32) -> Outcome {
        let target = SocketAddr::new(TUNNEL_VALIDATOR.into(), PRIVVAL_PORT);
        self.world.signer.inside(|| {
            for _ in 0..times {
                // Refused or accepted: what it does to the node is what is looked for.
                drop(TcpStream::connect_timeout(&target, Duration::from_secs(1)));
            }
            Ok(())
        })
    }

    /// Gives the validator another address.
    ///
    /// # Errors
    /// When the new name cannot be written.
    pub fn move_validator(&self) -> Outcome {
        self.world.name_validator(OTHER_FRONT.into())?;
        self.relay.move_front(front(OTHER_FRONT));
        Ok(())
    }

    /// Somebody begins to send what is not wanted, until the scene ends.
    ///
    /// # Errors
    /// When the socket cannot be made.
    pub fn flood(&mut self, kind: Kind) -> Outcome {
        let key = &self.confs.0.peer;
        let flood = Flood::start(&self.world.internet, kind, key, self.seed)?;
        self.flood = Some(flood);
        Ok(())
    }

    /// The most memory that the validator's end of the tunnel ever had, in MiB.
    pub fn gateway_memory_mib(&mut self) -> Option<f64> {
        let id = self.gateway.as_mut()?.process().id();
        crate::machine::peak_memory_mib(id)
    }

    /// Every part that has ended by itself.
    pub fn ended(&mut self) -> Vec<&'static str> {
        let mut ended = Vec::new();
        if !self.sekai.is_running() {
            ended.push("the node");
        }
        if !self.signer.is_running() {
            ended.push("the signer");
        }
        let gateway = self.gateway.as_mut();
        if gateway.is_some_and(|gateway| !gateway.process().is_running()) {
            ended.push("the gateway");
        }
        ended
    }

    /// Every signature so far.
    pub fn signatures(&self) -> Signatures {
        Signatures::read(&self.signer.output())
    }

    /// Heights whose block was not agreed on in the first round, up to the last but one.
    ///
    /// # Errors
    /// When the node does not tell.
    pub fn later_rounds(&self, from: u64) -> Outcome<Vec<u64>> {
        let last = self.watch.height();
        self.world.sekai.inside(|| {
            let mut found = Vec::new();
            for height in from..last {
                let answer = RPC
                    .get(&format!("/commit?height={height}"))
                    .ok_or_else(|| format!("the node does not tell of block {height}"))?;
                let round = answer.pointer("/signed_header/commit/round");
                if round.and_then(serde_json::Value::as_u64) != Some(0) {
                    found.push(height);
                }
            }
            Ok(found)
        })
    }

    /// The last lines of every part's log.
    pub fn last_words(&self) -> String {
        const LINES: usize = 12;
        let mut text = String::new();
        for (name, output) in [
            ("signer", self.signer.output()),
            ("sekaid", self.sekai.output()),
            ("gateway", read(&self.dir.join("gateway.log"))),
            ("wireguard s", read(&self.dir.join("wireguard-s.log"))),
            ("wireguard v", read(&self.dir.join("wireguard-v.log"))),
        ] {
            // sekaid explains its options, indented, after each error.
            let lines = output.lines().filter(|line| !line.starts_with(' '));
            let lines: Vec<&str> = lines.collect();
            let from = lines.len().saturating_sub(LINES);
            for line in lines.get(from..).unwrap_or_default() {
                text += &format!("    {name}: {line}\n");
            }
        }
        text
    }
}

fn read(path: &FilePath) -> String {
    String::from_utf8_lossy(&fs::read(path).unwrap_or_default()).into_owned()
}

/// Where the node runs.
fn node_place(world: &World, site: Site) -> &Namespace {
    if site.has_node_on_host() {
        &world.validator
    } else {
        &world.sekai
    }
}

fn gateway_toml() -> String {
    format!(
        "[wireguard]\nconfig = \"wg0.conf\"\n\n[[forward]]\nlisten = {PRIVVAL_PORT}\n\
         upstream = \"sekai.local:{PRIVVAL_PORT}\"\nallowed = [\"{TUNNEL_SIGNER}\"]\n"
    )
}

fn confs(combination: Combination, setup: Setup) -> Outcome<(Conf, Conf)> {
    let (mut signer, mut validator) = Conf::pair()?;
    // Our own tunnel finds it out.
    if !combination.has_own_tunnel() {
        signer.mtu = setup.mtu;
        validator.mtu = setup.mtu;
    }
    if let Some(mistake) = setup.mistake {
        signer.spoil(mistake)?;
    }
    Ok((signer, validator))
}
