//! Each defect is found by the cases that are named for it, and by no other.

use harness::{Report, Severity, Verdict};

use crate::made_up::Defect;
use crate::runs::{failed, key, plan, tried};

fn found(defect: Defect) -> Report {
    let report = tried(&plan(), key(), defect);
    assert_eq!(report.passed, failed(&report, Severity::Must).is_empty());
    report
}

fn finds(defect: Defect, musts: &[&str], shoulds: &[&str]) {
    let report = found(defect);
    assert_eq!(
        failed(&report, Severity::Must),
        musts,
        "{defect:?}: {report:#?}"
    );
    assert_eq!(
        failed(&report, Severity::Should),
        shoulds,
        "{defect:?}: {report:#?}"
    );
}

#[test]
fn conflicts_that_are_signed() {
    finds(
        Defect::SignsConflicts,
        &[
            "conflict-in-one-breath",
            "conflict-precommit",
            "conflict-precommit-block",
            "conflict-precommit-nil",
            "conflict-prevote",
            "conflict-prevote-block",
            "conflict-prevote-nil",
            "conflict-proposal",
            "remembers",
        ],
        &["conflict-proof-of-lock"],
    );
}

#[test]
fn memory_that_ends_with_the_connection() {
    finds(Defect::SignsConflictsAfterReconnecting, &["remembers"], &[]);
}

#[test]
fn steps_back_that_are_signed() {
    finds(
        Defect::StepsBack,
        &[
            "back-height",
            "back-round",
            "back-to-prevote",
            "back-to-proposal",
        ],
        &[],
    );
}

#[test]
fn other_chains_that_are_signed_for() {
    let names = ["wrong-chain-proposal", "wrong-chain-vote"];
    finds(Defect::SignsForEveryChain, &names, &[]);
}

#[test]
fn other_proof_of_lock_that_is_signed() {
    finds(Defect::ForgetsProofOfLock, &[], &["conflict-proof-of-lock"]);
}

#[test]
fn connection_that_is_closed_instead_of_an_error() {
    let names = ["refusals-are-answered", "refusals-keep-connection"];
    finds(Defect::DropsOnRefusal, &names, &[]);
}

#[test]
fn connection_that_is_closed_after_an_error() {
    finds(Defect::AnswersThenDrops, &["refusals-keep-connection"], &[]);
}

#[test]
fn error_of_another_kind() {
    finds(
        Defect::RefusesWithAnotherKind,
        &["refusals-are-answered"],
        &[],
    );
}

#[test]
fn connection_that_is_closed_over_what_cannot_be_read() {
    finds(
        Defect::DropsOnMalformed,
        &[],
        &[
            "half-a-block",
            "misplaced-extension",
            "negative-height",
            "negative-round",
            "no-block",
            "no-chain",
            "no-protobuf",
            "no-vote",
            "proof-of-lock-below",
            "unknown-message",
            "unknown-proposal-type",
            "unknown-vote-type",
        ],
    );
}

#[test]
fn extensions_that_are_not_signed() {
    let musts = [
        "extension",
        "extension-9-kib",
        "extension-again",
        "extension-empty",
    ];
    let shoulds = ["extension-1-mib", "extension-64-kib"];
    finds(Defect::SignsNoExtension, &musts, &shoulds);
}

#[test]
fn extensions_that_are_a_should_without_extensions() {
    let mut plan = plan();
    plan.extensions = false;
    let report = tried(&plan, key(), Defect::SignsNoExtension);
    assert!(report.passed);
    assert_eq!(failed(&report, Severity::Should).len(), 6);
}

#[test]
fn extensions_that_are_signed_as_if_empty() {
    let musts = ["extension", "extension-9-kib", "extension-again"];
    let shoulds = ["extension-1-mib", "extension-64-kib"];
    finds(Defect::SignsEmptyExtension, &musts, &shoulds);
}

#[test]
fn extensions_that_are_signed_where_they_stop_a_node() {
    finds(
        Defect::SignsEveryExtension,
        &["no-misplaced-extension"],
        &[],
    );
}

#[test]
fn answers_that_are_longer_than_a_node_reads() {
    let shoulds = ["extension-1-mib", "extension-64-kib"];
    finds(Defect::EchoesExtension, &[], &shoulds);
}

#[test]
fn repeats_that_get_another_signature() {
    finds(
        Defect::SignsRepeatsAnew,
        &[
            "repeat-precommit",
            "repeat-prevote",
            "repeat-prevote-nil",
            "repeat-proposal",
        ],
        &["one-signature-per-vote"],
    );
}

#[test]
fn later_timestamps_that_get_another_signature() {
    finds(Defect::SignsLaterAnew, &[], &["one-signature-per-vote"]);
}

#[test]
fn legal_precommit_that_is_refused() {
    finds(Defect::RefusesOtherBlock, &["precommit-other-block"], &[]);
}

#[test]
fn key_that_is_not_the_signers() {
    let report = found(Defect::TellsWrongKey);
    let names = failed(&report, Severity::Must);
    assert_eq!(names, ["first-signature"]);
    let note = report.cases.iter().find_map(|case| match &case.verdict {
        Verdict::Failed { note } => Some(note.clone()),
        _ => None,
    });
    let note = note.unwrap();
    assert!(note.contains("does not verify"), "{note}");
}

#[test]
fn key_that_is_not_the_validators() {
    let mut plan = plan();
    plan.expected_key = Some(privval::PublicKey::Ed25519([3; 32]));
    let report = tried(&plan, key(), Defect::Nothing);
    assert_eq!(failed(&report, Severity::Must), ["expected-key"]);
}

#[test]
fn key_that_only_older_nodes_find() {
    let report = found(Defect::TellsOldKeyOnly);
    let failed: Vec<_> = report
        .cases
        .iter()
        .filter(|case| matches!(case.verdict, Verdict::Failed { .. }))
        .map(|case| (case.group.name(), case.name))
        .collect();
    assert_eq!(failed, [("v1.0", "public-key")]);
}

#[test]
fn signatures_that_do_not_verify() {
    finds(Defect::BadSignature, &["first-signature"], &[]);
}

#[test]
fn silence_ends_the_run_at_once() {
    let begun = std::time::Instant::now();
    let report = found(Defect::NeverAnswers);
    assert_eq!(failed(&report, Severity::Must), ["answers"]);
    assert!(report.count(Severity::Must).not_reached > 20);
    assert!(begun.elapsed() < std::time::Duration::from_secs(8));
}

#[test]
fn pings_that_are_not_answered() {
    let mut plan = plan();
    plan.answer_timeout = std::time::Duration::from_millis(200);
    let report = tried(&plan, key(), Defect::NeverPongs);
    let names = failed(&report, Severity::Must);
    assert!(names.contains(&"ping"), "{names:?}");
}

#[test]
fn signer_that_does_not_come_back() {
    let report = found(Defect::NeverComesBack);
    assert_eq!(failed(&report, Severity::Must), ["comes-back"]);
    assert_eq!(failed(&report, Severity::Should), ["comes-back-in-time"]);
    let last = report.cases.last().unwrap();
    assert_eq!(
        last.verdict,
        Verdict::NotReached {
            note: "the signer did not come back".to_owned()
        }
    );
}

#[test]
fn pieces_that_are_not_put_together() {
    finds(
        Defect::ReadsWholeRequestsOnly,
        &["half-a-request", "in-pieces"],
        &["byte-by-byte", "extension-1-mib", "extension-64-kib"],
    );
}

#[test]
fn votes_that_are_signed_as_raw_bytes() {
    finds(Defect::SignsRawBytes, &[], &["no-vote-as-raw-bytes"]);
}

#[test]
fn heights_that_are_let_pass_at_first_are_no_defect() {
    let report = found(Defect::LetsHeightsPass);
    assert!(report.passed);
    let first = report
        .cases
        .iter()
        .find(|case| case.name == "first-signature");
    let Verdict::Passed { note: Some(note) } = &first.unwrap().verdict else {
        panic!("{first:?}");
    };
    assert!(note.starts_with("it let "), "{note}");
}
