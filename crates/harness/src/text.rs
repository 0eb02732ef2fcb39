//! The report for people.

use std::fmt::Write as _;

use crate::key;
use crate::report::{Counts, Finding, Group, Report, Severity, Verdict};

/// The heading of a group.
#[must_use]
pub fn group_title(group: Group) -> String {
    match group {
        Group::Start => "To begin with".to_owned(),
        Group::Version(version) => {
            format!("As CometBFT {}", version.name().trim_start_matches('v'))
        }
        Group::Every => "Whatever the version".to_owned(),
    }
}

/// One case: its mark, severity, name and what a node relies on; below it what there is to say.
#[must_use]
pub fn finding_line(finding: &Finding) -> String {
    let severity = match finding.severity {
        Severity::Must => "must",
        Severity::Should => "should",
        Severity::Differs => "differs",
    };
    let (mark, note) = match &finding.verdict {
        Verdict::Passed { note } => ('✔', note.clone()),
        Verdict::Failed { note } => ('✖', Some(note.clone())),
        Verdict::Skipped { note } => ('–', Some(format!("does not apply: {note}"))),
        Verdict::NotReached { note } => ('?', Some(format!("not asked: {note}"))),
    };
    let Finding {
        name, relies_on, ..
    } = finding;
    let mut text = format!("  {mark} {severity:<8} {name:<28} {relies_on}\n");
    if let Some(note) = note {
        let _ = writeln!(text, "{:13}{note}", "");
    }
    text
}

/// What follows the cases.
#[must_use]
pub fn summary(report: &Report) -> String {
    let mut text = String::new();
    if let Some(key) = &report.public_key {
        let _ = writeln!(text, "public key: {}", key::told(key));
    }
    if let Some(latency) = &report.latency {
        let _ = writeln!(
            text,
            "latency of {} requests in a row: p50 {:.0} µs, p99 {:.0} µs, longest {:.0} µs",
            latency.requests, latency.p50_us, latency.p99_us, latency.max_us
        );
    }
    let _ = writeln!(
        text,
        "asked for heights {} to {} of {}, on {} connections",
        report.heights.0, report.heights.1, report.chain_id, report.connections
    );
    let (musts, shoulds) = (report.count(Severity::Must), report.count(Severity::Should));
    let _ = writeln!(text, "must:   {}", told(musts));
    let _ = writeln!(text, "should: {}", told(shoulds));
    text.push_str(match (report.passed, shoulds.failed) {
        (true, 0) => "A node can rely on this signer.\n",
        (true, _) => "A node can rely on this signer; what it should do better is marked ✖.\n",
        (false, _) => "A node can NOT rely on this signer: see the lines marked ✖ must.\n",
    });
    text
}

fn told(counts: Counts) -> String {
    let Counts {
        passed,
        failed,
        skipped,
        not_reached,
    } = counts;
    let mut text = format!("{passed} passed, {failed} failed");
    for (count, what) in [(skipped, "do not apply"), (not_reached, "not asked")] {
        if count > 0 {
            let _ = write!(text, ", {count} {what}");
        }
    }
    text
}
