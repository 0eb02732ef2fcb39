//! The guide's ways to production, each with what comes of it: the three that it gives up, and
//! its options A and B. The signer is the guide's own, tmkms 0.15 beside wireguard-go.

use std::net::Ipv4Addr;
use std::time::Duration;

use crate::combination::{self, Combination, GatewayKind, SignerKind};
use crate::machine::Slack;
use crate::path::Path;
use crate::play::Manner;
use crate::scene::{Part, Scene};
use crate::setup::Setup;
use crate::site::{Guide, Site};
use crate::stage::Stage;
use crate::wait::{pause, until};
use crate::world::{DOCKER, SEKAI, TUNNEL_VALIDATOR};
use crate::{Outcome, doing};

/// How long the guide's signer may take to say something on a busy machine: twice its own
/// timeout of 10 s.
const PATIENCE: Duration = Duration::from_secs(20);
/// How long a silence is one.
const SILENCE: Duration = Duration::from_secs(8);
/// What sekaid says when no signer came within 3 s.
const NODE_GIVES_UP: &str = "endpoint connection timed out";

/// One way.
#[derive(Clone, Copy, Debug)]
pub struct Approach {
    /// Its name on the command line.
    pub name: &'static str,
    /// The way, and why it ends as it does.
    pub what: &'static str,
    /// The validator's machine.
    pub guide: Guide,
    /// The largest IP packet that the path carries.
    pub limit: Option<usize>,
    /// Whether the node is started.
    pub has_node: bool,
    /// What comes of it.
    pub verdict: Verdict,
    /// What `tmkms doctor` finds on the validator's machine.
    pub findings: &'static [&'static str],
    /// Whether the short form has it.
    pub is_short: bool,
}

/// What comes of a way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Blocks are signed.
    Signs,
    /// The signer says this, and no block is signed.
    Says(&'static str),
    /// The signer says nothing, and no block is signed.
    Silence,
}

const REFUSED: Verdict = Verdict::Says("Connection refused");
/// The guide's last words on the matter.
const IO_ERROR: Verdict = Verdict::Says("protocol error: I/O error");

const IN_CONTAINER: Guide = Guide {
    wireguard_in_container: true,
    ..Guide::PLAIN
};

const TO_DOCKER: Guide = Guide {
    dnat: Some(DOCKER),
    ..IN_CONTAINER
};

const APPROACH: Approach = Approach {
    name: "",
    what: "",
    guide: Guide::PLAIN,
    limit: None,
    has_node: true,
    verdict: REFUSED,
    findings: &[],
    is_short: false,
};

/// All of them.
pub const APPROACHES: &[Approach] = &[
    Approach {
        name: "guide-1",
        what: "WireGuard in a container: 10.200.0.1 is that container, where nothing listens",
        guide: IN_CONTAINER,
        is_short: true,
        findings: &["path.no_way_from_container", "port.no_process"],
        ..APPROACH
    },
    Approach {
        name: "guide-2-local",
        what: "DNAT to 172.17.0.1, published on 127.0.0.1 only: nothing listens there",
        guide: Guide {
            published: Some(Ipv4Addr::LOCALHOST),
            ..TO_DOCKER
        },
        findings: &["path.translated_to_nothing", "path.published_on_loopback"],
        ..APPROACH
    },
    Approach {
        name: "guide-2-no-node",
        what: "DNAT to 172.17.0.1, published, sekaid gone: docker-proxy accepts, then closes",
        guide: Guide {
            published: Some(Ipv4Addr::UNSPECIFIED),
            ..TO_DOCKER
        },
        has_node: false,
        verdict: IO_ERROR,
        is_short: true,
        findings: &["path.proxy_without_node"],
        ..APPROACH
    },
    Approach {
        name: "guide-2-node",
        what: "the same with sekaid listening: NAT does no harm",
        guide: Guide {
            published: Some(Ipv4Addr::UNSPECIFIED),
            ..TO_DOCKER
        },
        verdict: Verdict::Signs,
        is_short: true,
        findings: &["path.published_to_everybody"],
        ..APPROACH
    },
    Approach {
        name: "guide-2-no-masquerade",
        what: "DNAT to the node without MASQUERADE: its answers take another way",
        guide: Guide {
            dnat: Some(SEKAI),
            masquerade: false,
            ..IN_CONTAINER
        },
        verdict: Verdict::Silence,
        findings: &["path.no_masquerade"],
        ..APPROACH
    },
    Approach {
        name: "guide-3-local",
        what: "WireGuard on the host, published on 127.0.0.1 only: nothing listens on wg0",
        guide: Guide {
            published: Some(Ipv4Addr::LOCALHOST),
            ..Guide::PLAIN
        },
        is_short: true,
        findings: &["path.published_on_loopback"],
        ..APPROACH
    },
    Approach {
        name: "guide-3-all",
        what: "WireGuard on the host, published on 0.0.0.0: open to everybody, too",
        guide: Guide {
            published: Some(Ipv4Addr::UNSPECIFIED),
            ..Guide::PLAIN
        },
        verdict: Verdict::Signs,
        findings: &["path.published_to_everybody"],
        ..APPROACH
    },
    Approach {
        name: "guide-3-tunnel",
        what: "WireGuard on the host, published on 10.200.0.1 once wg0 has it",
        guide: Guide {
            published: Some(TUNNEL_VALIDATOR),
            ..Guide::PLAIN
        },
        verdict: Verdict::Signs,
        findings: &["path.published_inside", "port.connected"],
        ..APPROACH
    },
    Approach {
        name: "option-a",
        what: "the node on the host's network",
        guide: Guide {
            node_on_host: true,
            ..Guide::PLAIN
        },
        verdict: Verdict::Signs,
        findings: &["port.public"],
        ..APPROACH
    },
    Approach {
        name: "option-a-denied",
        what: "the same with the port denied by the firewall, which means wg0 as well",
        guide: Guide {
            node_on_host: true,
            is_denied: true,
            ..Guide::PLAIN
        },
        verdict: Verdict::Silence,
        is_short: true,
        findings: &["path.closed_by_firewall"],
        ..APPROACH
    },
    Approach {
        name: "option-b",
        what: "WireGuard on the host, the node on the bridge, and nothing between them",
        is_short: true,
        findings: &["path.no_way"],
        ..APPROACH
    },
    Approach {
        name: "option-b-mended",
        what: "the same with DNAT from wg0 to the node",
        guide: Guide {
            dnat: Some(SEKAI),
            ..Guide::PLAIN
        },
        verdict: Verdict::Signs,
        findings: &["path.translated", "port.connected"],
        ..APPROACH
    },
    Approach {
        name: "option-b-small-path",
        what: "the same over a path that loses packets over 1,150 bytes, and nobody says so",
        guide: Guide {
            dnat: Some(SEKAI),
            ..Guide::PLAIN
        },
        limit: Some(1150),
        verdict: IO_ERROR,
        findings: &["port.no_process", "path.wg_handshake"],
        ..APPROACH
    },
];

/// What doctor says where the node has ended.
const NO_NODE: &str = "port.no_process";
/// The node ends 3 s after its start; on a busy machine doctor may look too late.
const LOOKS: u32 = 5;

const SIGNER_OF_THE_GUIDE: Combination = Combination {
    name: "tmkms-0.15",
    signer: SignerKind::PeerBesideTun,
    gateway: GatewayKind::Host,
};

/// Plays one; returns what was seen.
///
/// # Errors
/// What came of it instead, with the last words of every part.
pub fn play(stage: &Stage, approach: &Approach, manner: Manner) -> Outcome<String> {
    let setup = Setup {
        path: Path {
            limit: approach.limit,
            ..Path::GOOD
        },
        site: Site::Guide(approach.guide),
        ..Setup::GOOD
    };
    let mut scene = Scene::build(stage, SIGNER_OF_THE_GUIDE, setup, manner.seed)?;
    let seen = meet(&mut scene, approach);
    let seen = seen.and_then(|seen| Ok(seen + &diagnosed(stage, &mut scene, approach)?));
    let seen = seen.map_err(|text| format!("{text}\n{}", scene.last_words()))?;
    drop(scene);
    let is_enough = approach.verdict == Verdict::Signs || manner.is_short;
    if is_enough || !stage.binaries.has_tunnel {
        return Ok(seen);
    }
    let [ours, ..] = combination::ALL;
    let mut scene = Scene::build(stage, ours, Setup::GOOD, manner.seed)?;
    let beside = scene.begin();
    beside.map_err(|text| format!("{ours}: {text}\n{}", scene.last_words()))?;
    Ok(format!("{seen}; {ours} signs in the same world"))
}

/// Looks with our doctor on the validator's machine, as an operator who knows nothing would: while
/// the node runs, which its supervisor starts again and again, or where that is found, after it has
/// ended.
fn diagnosed(stage: &Stage, scene: &mut Scene, approach: &Approach) -> Outcome<String> {
    let has_ended = approach.findings.contains(&NO_NODE);
    let mut missed = String::new();
    for _ in 0..LOOKS {
        if has_ended {
            until("the node ends", Slack::now().grown(PATIENCE), || {
                (!scene.sekai.is_running()).then_some(())
            })?;
        } else if approach.has_node && !scene.sekai.is_running() {
            scene.start(Part::Node)?;
        }
        let said = doctor(stage, scene)?;
        let missing = |id: &&&str| !said.contains(&format!("\"id\":\"{id}\""));
        match approach.findings.iter().find(missing) {
            None => return Ok(format!("; doctor: {}", approach.findings.join(", "))),
            Some(id) => missed = format!("doctor does not find {id}: {said}"),
        }
    }
    Err(missed)
}

fn doctor(stage: &Stage, scene: &Scene) -> Outcome<String> {
    let mut doctor = scene.world.validator.command(&stage.binaries.ours);
    doctor.args(["doctor", "--json", "--node-home"]);
    let output = doctor.arg(scene.dir.join("sekai")).output();
    let output = output.map_err(doing("run tmkms doctor"))?;
    Ok([output.stdout, output.stderr]
        .map(|text| String::from_utf8_lossy(&text).into_owned())
        .concat())
}

fn meet(scene: &mut Scene, approach: &Approach) -> Outcome<String> {
    if approach.has_node {
        scene.start(Part::Node)?;
    }
    match approach.verdict {
        Verdict::Signs => {
            let patience = Slack::now().grown(PATIENCE);
            scene.watch.wait_for(10, patience)?;
            return Ok("signs".to_owned());
        }
        Verdict::Says(text) => {
            let what = format!("the signer says {text:?}");
            until(&what, Slack::now().grown(PATIENCE), || {
                scene.signer.output().contains(text).then_some(())
            })?;
        }
        Verdict::Silence => pause(SILENCE)?,
    }
    if approach.has_node {
        until("the node gives up", Slack::now().grown(PATIENCE), || {
            scene.sekai.output().contains(NODE_GIVES_UP).then_some(())
        })?;
    }
    let said = scene.signer.output();
    let has_news = ["I/O error", "connected to"]
        .iter()
        .any(|text| said.contains(text));
    if approach.verdict == Verdict::Silence && has_news {
        return Err("the signer was to say nothing".to_owned());
    }
    if scene.watch.height() > 0 {
        return Err("blocks were signed".to_owned());
    }
    let node = if approach.has_node {
        ", and the node gives up"
    } else {
        ""
    };
    Ok(match approach.verdict {
        Verdict::Says(text) => format!("the signer says {text:?}{node}"),
        _ => format!("the signer says nothing{node}"),
    })
}
