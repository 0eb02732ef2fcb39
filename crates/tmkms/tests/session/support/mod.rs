//! What the tests share: a home directory, the process, messages, raw protobuf.

mod asker;
mod home;
mod log;
mod message;
mod process;
mod random;
mod rig;

use std::time::Duration;

pub(crate) use asker::Asker;
pub(crate) use home::{CHAIN, Home};
pub(crate) use log::{Line, signed_line};
pub(crate) use message::{
    chain_id, framed, later, nil_precommit, nil_prevote, precommit, prevote, prevote_in_round,
    proposal, proposal_with_pol_round, timestamp,
};
pub(crate) use process::{Ended, Tmkms};
pub(crate) use random::{Random, spin};
pub(crate) use rig::{Rig, address};
pub(crate) use testnode::{Fields, delimited};

/// How long anything may take that should come at once. Long, because the machine may be busy;
/// a test that passes never waits for it.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);
