//! Every sequence of requests within small bounds, against an oracle that knows nothing of marks.

#![allow(clippy::unwrap_used, clippy::expect_used)] // a test may panic

mod common;

use std::time::Instant;

use common::{MemoryStore, at, block, chain, proposal, vote};
use guard::{Guard, Knowledge, Mark, RawBytesPolicy};
use privval::{Canonical, Hrs, Step};

/// Two heights, two rounds, each step, each with all contents that a node could mean there: two
/// blocks, nil, two timestamps, two proof-of-lock rounds.
fn all_requests() -> Vec<Canonical> {
    let mut requests = Vec::new();
    for height in 1..=2 {
        for round in 0..=1 {
            for n in 1..=2 {
                for pol_round in [-1, 0] {
                    requests.push(proposal(height, round, pol_round, block(n)));
                }
            }
            for step in [Step::Prevote, Step::Precommit] {
                for block_id in [None, Some(block(1)), Some(block(2))] {
                    for seconds in [1, 2] {
                        requests.push(vote(at(height, round, step), block_id, seconds));
                    }
                }
            }
        }
    }
    requests
}

/// What CometBFT would take for evidence: two messages at one place that are not the same bytes.
fn conflict(a: &(Hrs, Vec<u8>), b: &(Hrs, Vec<u8>)) -> bool {
    a.0 == b.0 && a.1 != b.1
}

fn run(knowledge: &Knowledge, sequence: [&Canonical; 3]) -> usize {
    let store = MemoryStore::default();
    let mut guard = Guard::new(
        chain(),
        knowledge.clone(),
        RawBytesPolicy::Off,
        store.clone(),
    );
    let mut released: Vec<(Hrs, Vec<u8>)> = Vec::new();
    for asked in sequence {
        let Ok(permit) = guard.permit(asked, None, Instant::now()) else {
            continue;
        };
        let bytes = guard::Permit::from(permit).sign_bytes().to_vec();
        let committed = store.commits.lock().unwrap();
        let last = committed.last().expect("a permit follows a commit");
        assert_eq!(last.sign_bytes(), bytes, "persist, then speak");
        let new = (asked.hrs(), bytes);
        assert!(
            !released.iter().any(|old| conflict(old, &new)),
            "{sequence:?}"
        );
        if let Some(old) = released.last() {
            assert!(new.0 >= old.0, "signatures never go back: {sequence:?}");
        }
        released.push(new);
    }
    released.len()
}

#[test]
fn no_sequence_of_three_requests_releases_a_conflict() {
    let requests = all_requests();
    let fresh = Knowledge::Mark(Mark::Floor {
        hrs: at(0, 0, Step::Propose),
        block_id: None,
    });
    let mut sequences = 0_u64;
    let mut released = 0_u64;
    for first in &requests {
        for second in &requests {
            for third in &requests {
                released += run(&fresh, [first, second, third]) as u64;
                sequences += 1;
            }
        }
    }
    let n = requests.len() as u64;
    assert_eq!(sequences, n * n * n);
    // A guard that refused everything would pass the checks above.
    assert!(released > sequences, "{released} of {sequences} sequences");
}

#[test]
fn an_honest_node_is_never_refused() {
    let (mut guard, mut released) = (
        Guard::new(
            chain(),
            Knowledge::Nothing,
            RawBytesPolicy::Off,
            MemoryStore::default(),
        ),
        0,
    );
    for height in 1..=50 {
        for round in 0..3 {
            for asked in [
                proposal(height, round, round - 1, block(1)),
                vote(at(height, round, Step::Prevote), Some(block(1)), 1),
                vote(at(height, round, Step::Precommit), None, 1),
            ] {
                for _retry in 0..2 {
                    let permit = guard
                        .permit(&asked, None, Instant::now())
                        .expect("honest requests are signed");
                    assert_eq!(
                        guard::Permit::from(permit).sign_bytes(),
                        asked.sign_bytes().as_slice()
                    );
                    released += 1;
                }
            }
        }
    }
    assert_eq!(released, 50 * 3 * 3 * 2);
}
