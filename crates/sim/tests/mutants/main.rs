//! Broken signers, each of which the simulator must find out.
//!
//! A simulator that finds nothing proves something only if it would find what is there. So here
//! is each way in which the guard or the store could be wrong, one at a time, with the promise
//! that it breaks; and a signer put together in the same way without a flaw, which must pass.
#![allow(
    clippy::panic,
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a test may panic, and its figures are worth reading"
)]

mod disks;
mod rules;

use disks::{Flaw, Flawed};
use rules::{Loose, Rule};
use sim::{Subject, Violation, run_of, run_schedule_of};

/// How many schedules a flaw may go unnoticed.
const PATIENCE: u64 = 10_000;

/// Asserts that a broken signer is found out, by what it breaks.
fn is_found<S: Subject>(is_expected: fn(&Violation) -> bool) {
    for seed in 1..=PATIENCE {
        let Err(violation) = run_schedule_of::<S>(seed) else {
            continue;
        };
        if is_expected(&violation) {
            let name = std::any::type_name::<S>();
            println!("{name}: found with seed {seed}: {violation}");
            return;
        }
    }
    panic!("not found with the seeds 1 to {PATIENCE}");
}

fn is_conflict(violation: &Violation) -> bool {
    matches!(violation, Violation::Conflict(_))
}

fn is_missing(violation: &Violation) -> bool {
    matches!(violation, Violation::Missing { .. })
}

fn is_refused(violation: &Violation) -> bool {
    matches!(violation, Violation::Refused { .. })
}

fn is_after_failure(violation: &Violation) -> bool {
    matches!(violation, Violation::AfterFailure(_))
}

fn rule<R: Rule>(is_expected: fn(&Violation) -> bool) {
    is_found::<Loose<R>>(is_expected);
}

fn disk<F: Flaw>(is_expected: fn(&Violation) -> bool) {
    is_found::<Flawed<F>>(is_expected);
}

#[test]
fn without_a_flaw_nothing_is_found() {
    for report in [
        run_of::<Loose<rules::NoFlaw>>(500, 1, None, &mut |_| {}),
        run_of::<Flawed<disks::NoFlaw>>(500, 1, None, &mut |_| {}),
    ] {
        assert!(report.found.is_empty(), "{:?}", report.found);
    }
}

#[test]
fn compare_flipped() {
    rule::<rules::EarlierIsSigned>(|v| matches!(v, Violation::WentBack { .. }));
}

#[test]
fn another_message_at_the_same_place_signed() {
    rule::<rules::ConflictIsSigned>(is_conflict);
}

#[test]
fn replay_with_the_new_timestamp() {
    rule::<rules::NewTimestamp>(is_conflict);
}

#[test]
fn replay_for_another_proof_of_lock_round() {
    rule::<rules::PolRoundIgnored>(|v| matches!(v, Violation::Unusable(_)));
}

#[test]
fn mark_without_content_signed_over() {
    rule::<rules::FloorIsSigned>(is_conflict);
}

#[test]
fn unknown_past_not_let_pass() {
    rule::<rules::NothingHeld>(is_conflict);
}

#[test]
fn check_and_commit_without_one_lock() {
    is_found::<rules::Unlocked>(|v| is_conflict(v) || matches!(v, Violation::WentBack { .. }));
}

#[test]
fn memory_before_disk() {
    rule::<rules::MemoryFirst>(|v| is_missing(v) || is_after_failure(v));
}

#[test]
fn no_halt_after_a_failure() {
    rule::<rules::NoHalt>(is_after_failure);
}

#[test]
fn commit_left_out() {
    rule::<rules::NoCommit>(is_missing);
}

#[test]
fn commit_after_the_signature() {
    rule::<rules::CommitLater>(is_missing);
}

#[test]
fn other_chain_signed() {
    rule::<rules::AnyChain>(|v| matches!(v, Violation::OtherChain(_)));
}

#[test]
fn max_height_ignored() {
    rule::<rules::NoMaxHeight>(|v| matches!(v, Violation::PastMaxHeight { .. }));
}

#[test]
fn repeat_refused() {
    rule::<rules::RepeatIsRefused>(is_refused);
}

#[test]
fn precommit_for_another_block_than_the_prevote_refused() {
    rule::<rules::BlockIsKept>(is_refused);
}

#[test]
fn sync_left_out() {
    disk::<disks::NoSync>(is_missing);
}

#[test]
fn failed_sync_taken_for_good() {
    disk::<disks::SyncErrorIgnored>(is_after_failure);
}

#[test]
fn failed_write_taken_for_good() {
    disk::<disks::WriteErrorIgnored>(|v| is_after_failure(v) || is_missing(v));
}

#[test]
fn document_not_written() {
    disk::<disks::NoDocument>(is_missing);
}

#[test]
fn document_not_read() {
    disk::<disks::DocumentIgnored>(is_missing);
}

#[test]
fn replaced_file_not_noticed() {
    disk::<disks::ReplacementIgnored>(is_missing);
}

#[test]
fn lock_left_out() {
    disk::<disks::NoLock>(|v| *v == Violation::TwoProcesses);
}

#[test]
fn record_believed_while_only_the_page_cache_has_it() {
    // The document saves the signature, the ring is left with a hole.
    disk::<disks::NeedlessWriteSkipped>(|v| {
        is_missing(v) || matches!(v, Violation::DoesNotStart(_))
    });
}

#[test]
fn new_file_used_before_its_name_is_durable() {
    disk::<disks::NamesNotSynced>(is_missing);
}
