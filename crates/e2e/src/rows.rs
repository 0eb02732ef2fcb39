//! The rows of the fault table: what is done to the path, and what has to come of it.

use crate::combination::{Combination, GatewayKind, SignerKind};
use crate::flood::Kind;
use crate::path::Path;
use crate::scene::Part;
use crate::setup::Setup;

/// One row.
#[derive(Clone, Copy, Debug)]
pub struct Row {
    /// Its name on the command line.
    pub name: &'static str,
    /// What happens, for people.
    pub what: &'static str,
    /// How the scene is set up.
    pub setup: Setup,
    /// What is done once blocks are signed.
    pub fault: Fault,
    /// What has to come of it.
    pub demand: Demand,
    /// Whether the short form has it.
    pub is_short: bool,
}

/// What is done once blocks are signed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// Nothing.
    None,
    /// A part ends and is started again.
    Restart(Part),
    /// Nothing gets through for so many seconds.
    Cut(u64),
    /// So many connections to the node from the signer's machine; then the signer is restarted.
    Scan(u32),
    /// The signer's machine stands still for so many seconds.
    Sleep(u64),
    /// The signer's NAT gives it another port.
    Rebind,
    /// The validator's machine gets another address.
    Move,
    /// Somebody sends what is not wanted, to the end.
    Flood(Kind),
}

/// What has to come of a row. A double signature and an end of the node are never right.
#[derive(Clone, Copy, Debug)]
pub struct Demand {
    /// Blocks signed after the fault, in the long form and in the short one.
    pub blocks: (u64, u64),
    /// From the end of the fault to the next block, less the node's own waits ([`crate::waits`]), in
    /// ms: what the project promises for its own tunnel. Others have [`OTHERS_MS`].
    pub recovery_ms: u64,
    /// Whether every block has to be agreed on in its first round: none is missed.
    pub in_first_round: bool,
    /// What our signer has to say.
    pub says: Option<&'static str>,
    /// The most memory that our gateway may take, in MiB.
    pub memory_mib: Option<f64>,
}

/// What others may take for what ours does faster: long enough for TCP in the kernel to try
/// again after a minute of silence.
pub const OTHERS_MS: u64 = 90_000;

impl Row {
    /// Whether there is anything to do to this combination.
    pub fn applies_to(&self, combination: Combination) -> bool {
        match self.fault {
            // Through a tunnel inside the signer nobody else gets.
            Fault::Restart(Part::SignerTun) | Fault::Scan(_) => {
                combination.signer != SignerKind::Ours
            }
            // wireguard-go floods its own log with what it drops; that it goes on is no claim
            // of ours.
            Fault::Flood(_) => combination.gateway == GatewayKind::Ours || !self.is_short,
            _ => true,
        }
    }
}

const DEMAND: Demand = Demand {
    blocks: (30, 10),
    recovery_ms: 2_000,
    in_first_round: false,
    says: None,
    memory_mib: None,
};

const ROW: Row = Row {
    name: "",
    what: "",
    setup: Setup::GOOD,
    fault: Fault::None,
    demand: DEMAND,
    is_short: false,
};

const fn on(path: Path) -> Setup {
    Setup {
        path,
        ..Setup::GOOD
    }
}

/// A limit in bytes of IP packets, and the MTU that people set where nothing finds it out: less
/// the headers of IP, UDP and WireGuard, in units of 16.
const fn limited(limit: usize, mtu: u16) -> Setup {
    Setup {
        path: Path {
            limit: Some(limit),
            ..Path::GOOD
        },
        mtu: Some(mtu),
        ..Setup::GOOD
    }
}

const SAYS_MTU: Demand = Demand {
    says: Some("MTU"),
    ..DEMAND
};

const MISSES_NONE: Demand = Demand {
    blocks: (100, 10),
    in_first_round: true,
    ..DEMAND
};

const WITHIN_TEN_SECONDS: Demand = Demand {
    recovery_ms: 10_000,
    ..DEMAND
};

const UNDER_A_FLOOD: Demand = Demand {
    blocks: (100, 30),
    memory_mib: Some(64.0),
    ..DEMAND
};

/// All rows with blocks of the real node.
pub const ROWS: &[Row] = &[
    Row {
        name: "blocks",
        what: "nothing happens",
        demand: Demand {
            blocks: (200, 20),
            in_first_round: true,
            ..DEMAND
        },
        is_short: true,
        ..ROW
    },
    Row {
        name: "restart-signer",
        what: "the signer is restarted",
        fault: Fault::Restart(Part::Signer),
        is_short: true,
        ..ROW
    },
    Row {
        name: "restart-tun",
        what: "wireguard-go on the signer's machine is restarted",
        fault: Fault::Restart(Part::SignerTun),
        ..ROW
    },
    Row {
        name: "restart-gateway",
        what: "the gateway, or wireguard-go on the validator's machine, is restarted",
        fault: Fault::Restart(Part::Gateway),
        is_short: true,
        ..ROW
    },
    Row {
        name: "restart-node",
        what: "sekaid is restarted",
        fault: Fault::Restart(Part::Node),
        is_short: true,
        ..ROW
    },
    Row {
        name: "cut-5",
        what: "nothing gets through for 5 s",
        fault: Fault::Cut(5),
        is_short: true,
        ..ROW
    },
    Row {
        name: "cut-20",
        what: "nothing gets through for 20 s",
        fault: Fault::Cut(20),
        ..ROW
    },
    Row {
        name: "cut-60",
        what: "nothing gets through for 60 s",
        fault: Fault::Cut(60),
        ..ROW
    },
    Row {
        name: "cut-300",
        what: "nothing gets through for 300 s",
        fault: Fault::Cut(300),
        ..ROW
    },
    Row {
        name: "sleep-30",
        what: "the signer's machine sleeps for 30 s",
        fault: Fault::Sleep(30),
        ..ROW
    },
    Row {
        name: "scan",
        what: "ten connections that say nothing, then the signer is restarted",
        fault: Fault::Scan(10),
        ..ROW
    },
    Row {
        name: "ipv6",
        what: "the endpoint has an IPv6 address only",
        setup: Setup {
            is_ipv6: true,
            ..Setup::GOOD
        },
        demand: MISSES_NONE,
        ..ROW
    },
    Row {
        name: "rekey",
        what: "three minutes of blocks: WireGuard takes new keys every two",
        demand: Demand {
            blocks: (1600, 10),
            in_first_round: true,
            ..DEMAND
        },
        ..ROW
    },
    Row {
        name: "loss-1",
        what: "1 % of the datagrams are lost, 20 ms round trip",
        setup: on(Path {
            delay_ms: 10,
            loss: 10,
            ..Path::GOOD
        }),
        demand: MISSES_NONE,
        ..ROW
    },
    Row {
        name: "loss-5",
        what: "5 % of the datagrams are lost",
        setup: on(Path {
            loss: 50,
            ..Path::GOOD
        }),
        demand: MISSES_NONE,
        is_short: true,
        ..ROW
    },
    Row {
        name: "loss-20",
        what: "20 % of the datagrams are lost",
        setup: on(Path {
            loss: 200,
            ..Path::GOOD
        }),
        ..ROW
    },
    Row {
        name: "duplicates",
        what: "20 % of the datagrams come twice",
        setup: on(Path {
            duplicates: 200,
            ..Path::GOOD
        }),
        demand: MISSES_NONE,
        ..ROW
    },
    Row {
        name: "reordered",
        what: "20 % of the datagrams come after later ones",
        setup: on(Path {
            reordered: 200,
            ..Path::GOOD
        }),
        demand: MISSES_NONE,
        ..ROW
    },
    Row {
        name: "rtt-20",
        what: "20 ms round trip",
        setup: on(Path {
            delay_ms: 10,
            ..Path::GOOD
        }),
        demand: MISSES_NONE,
        ..ROW
    },
    Row {
        name: "rtt-150",
        what: "150 ms round trip",
        setup: on(Path {
            delay_ms: 75,
            ..Path::GOOD
        }),
        demand: MISSES_NONE,
        ..ROW
    },
    Row {
        name: "jitter",
        what: "20 ms round trip and up to 60 ms more",
        setup: on(Path {
            delay_ms: 10,
            jitter_ms: 30,
            ..Path::GOOD
        }),
        demand: MISSES_NONE,
        ..ROW
    },
    Row {
        name: "mtu-1400",
        what: "packets over 1,400 bytes are lost",
        setup: limited(1400, 1328),
        demand: SAYS_MTU,
        ..ROW
    },
    Row {
        name: "mtu-1280",
        what: "packets over 1,280 bytes are lost",
        setup: limited(1280, 1216),
        demand: SAYS_MTU,
        ..ROW
    },
    Row {
        name: "mtu-1150",
        what: "packets over 1,150 bytes are lost",
        setup: limited(1150, 1088),
        demand: SAYS_MTU,
        is_short: true,
        ..ROW
    },
    Row {
        name: "rebind",
        what: "the signer's NAT gives it another port",
        fault: Fault::Rebind,
        demand: WITHIN_TEN_SECONDS,
        is_short: true,
        ..ROW
    },
    Row {
        name: "move",
        what: "the validator's machine gets another address",
        fault: Fault::Move,
        demand: WITHIN_TEN_SECONDS,
        is_short: true,
        ..ROW
    },
    Row {
        name: "forged",
        what: "10,000 forged datagrams per second",
        fault: Fault::Flood(Kind::Forged),
        demand: UNDER_A_FLOOD,
        ..ROW
    },
    Row {
        name: "initiations",
        what: "1,000 forged handshake initiations per second",
        fault: Fault::Flood(Kind::Initiations),
        demand: UNDER_A_FLOOD,
        ..ROW
    },
];
