//! What the tests share: a home directory, the process, messages, raw protobuf.

mod asker;
mod browser;
mod home;
mod http;
mod log;
mod message;
mod process;
mod random;
mod rig;

use std::time::Duration;

pub(crate) use asker::Asker;
pub(crate) use browser::Browser;
pub(crate) use home::{CHAIN, Home};
pub(crate) use http::{Got, exchange, get, get_when};
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

/// Tells why a test is left out, where a program that it needs is not installed; true when it has
/// to be. In CI that is a failure.
pub(crate) fn left_out_without(programs: &[&str]) -> bool {
    let is_there = |program: &&&str| {
        let mut found = std::process::Command::new("which");
        found.arg(program).output().unwrap().status.success()
    };
    let missing: Vec<_> = programs.iter().filter(|it| !is_there(it)).collect();
    assert!(
        missing.is_empty() || std::env::var_os("CI").is_none(),
        "not installed: {missing:?}"
    );
    if !missing.is_empty() {
        println!("skipped: not installed: {missing:?}");
    }
    !missing.is_empty()
}
