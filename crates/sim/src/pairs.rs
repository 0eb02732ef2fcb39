//! Every pair of incidents at every pair of operations, in a short life of a signer.
//!
//! The schedules find what nobody thought of; this leaves nothing to chance where it matters
//! most, in the first starts and commits.

use chance::Rng;
use guard::{Knowledge, Mark, Store as _};
use privval::{BlockId, Canonical, Proposal, Round, Timestamp};

use crate::home::SimHome;
use crate::machine::{Crash, Incident, Machine};
use crate::node::height;
use crate::schedule::chain_id;
use crate::subject::open;

const INCIDENTS: [Incident; 3] = [
    Incident::Crash(Crash::Kill),
    Incident::Crash(Crash::PowerLoss),
    Incident::Error,
];

/// How many operations a first life has, from its start to its second commit.
const FIRST: usize = 30;

/// How many a second one has, when the files are there.
const SECOND: usize = 24;

/// Heights of one digit, so that a document torn at any byte names a place that was written.
fn proposal(at: i64) -> Canonical {
    let byte = u8::try_from(at * 29).unwrap_or_default();
    Canonical::Proposal(Proposal {
        height: height(at),
        round: Round::default(),
        pol_round: -1,
        block_id: BlockId {
            hash: [byte; 32],
            parts_total: 1,
            parts_hash: [byte; 32],
        },
        timestamp: Timestamp {
            seconds: 1_700_000_000 + at * 1_111,
            nanos: 0,
        },
        chain_id: chain_id(),
    })
}

/// Starts, checks what it finds, and signs the next two heights unless something happens.
/// Returns the last height that was released.
fn live(machine: &Machine, released: i64, first: i64) -> Result<i64, String> {
    let started = open(SimHome::new(machine), &chain_id(), None);
    if machine.take_struck() {
        drop(started);
        return Ok(released);
    }
    let mut opened = started.map_err(|e| format!("it does not start: {e:?}"))?;
    let found = match &opened.knowledge {
        Knowledge::Mark(Mark::Signed(signed)) => {
            let at = signed.hrs().height.value();
            if *signed != proposal(at) {
                return Err(format!("it made {signed:?} up"));
            }
            at
        }
        Knowledge::Nothing => 0,
        other => return Err(format!("it found {other:?}")),
    };
    if found < released {
        return Err(format!("height {released} was released, {found} found"));
    }
    // A repeat of what was found is released without another write.
    let mut released = found;
    for at in first..first + 2 {
        let result = opened.store.commit(&proposal(at));
        if machine.take_struck() {
            return Ok(released);
        }
        result.map_err(|e| format!("height {at} is not signed: {e}"))?;
        released = at;
    }
    Ok(released)
}

/// Two lives with an incident in each, and a third one in peace.
fn run(seed: u64, incidents: [(usize, Incident); 2], loses_power: bool) -> Result<(), String> {
    let machine = Machine::new(Rng::new(seed), false);
    let mut released = 0;
    for (life, (after, incident)) in (0_i64..).zip(incidents) {
        machine.plan(after, incident);
        released = live(&machine, released, 2 * life + 1)?;
        let died = machine.take_died();
        machine.calm();
        if died == Some(Crash::PowerLoss) || loses_power {
            machine.lose_power();
        }
    }
    live(&machine, released, 5).map(|_| ())
}

#[test]
fn every_pair_of_incidents_leaves_what_was_released() {
    let mut runs = 0;
    for first in (0..FIRST).flat_map(|at| INCIDENTS.map(|i| (at, i))) {
        for second in (0..SECOND).flat_map(|at| INCIDENTS.map(|i| (at, i))) {
            for loses_power in [false, true] {
                let result = run(runs, [first, second], loses_power);
                assert_eq!(
                    result,
                    Ok(()),
                    "seed {runs}: {first:?}, {second:?}, then power lost: {loses_power}"
                );
                runs += 1;
            }
        }
    }
    assert_eq!(runs, 12_960);
}

#[test]
fn every_operation_of_both_lives_is_met() {
    let machine = Machine::new(Rng::new(1), false);
    machine.plan(FIRST, Incident::Error);
    assert_eq!(live(&machine, 0, 1), Ok(2), "no life is longer");
    machine.plan(SECOND, Incident::Error);
    assert_eq!(live(&machine, 2, 3), Ok(4), "no second life is longer");

    let machine = Machine::new(Rng::new(1), false);
    machine.plan(FIRST - 1, Incident::Error);
    assert_eq!(live(&machine, 0, 1), Ok(1));
    machine.plan(SECOND - 1, Incident::Error);
    assert_eq!(live(&machine, 1, 3), Ok(3));
}
