//! The rows: what is done to the path, and what has to come of it.

use crate::path::Path;
use crate::scene::{Part, Setup};

/// One row of the table.
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
    /// The signer's NAT gives it another port.
    Rebind,
    /// The validator's machine gets another address.
    Move,
}

/// What has to come of a row. A double signature and an end of the node are never right.
#[derive(Clone, Copy, Debug)]
pub struct Demand {
    /// Blocks signed after the fault, in the long form and in the short one.
    pub blocks: (u64, u64),
    /// From the end of the fault to the next block, in ms: what the project promises for its own
    /// tunnel. Others have [`OTHERS_MS`].
    pub recovery_ms: u64,
    /// Whether every block has to be agreed on in its first round.
    pub in_first_round: bool,
}

/// What others may take for what ours does faster: long enough for TCP in the kernel to try
/// again after a minute of silence.
pub const OTHERS_MS: u64 = 90_000;

const DEMAND: Demand = Demand {
    blocks: (30, 10),
    recovery_ms: 2_000,
    in_first_round: false,
};

const ROW: Row = Row {
    name: "",
    what: "",
    setup: Setup {
        path: Path::GOOD,
        mtu: None,
        mistake: None,
    },
    fault: Fault::None,
    demand: DEMAND,
    is_short: false,
};

/// All rows with blocks.
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
];
