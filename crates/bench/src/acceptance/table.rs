//! What came of all signers, as Markdown: a row for each case, a column for each signer.

use std::fmt::Write as _;

use harness::{Finding, Report, Severity, Verdict};

use crate::contender::{Contender, Transport};

/// A signer that was tried.
pub(crate) struct Tried {
    pub(crate) contender: Contender,
    pub(crate) transport: Transport,
    pub(crate) report: Report,
    /// How often it ended and had to be started again.
    pub(crate) restarts: u32,
}

impl Tried {
    /// The outcome in one line.
    pub(crate) fn line(&self) -> String {
        let (musts, shoulds) = (
            self.report.count(Severity::Must),
            self.report.count(Severity::Should),
        );
        format!(
            "  {}, {}: must {} passed, {} failed, {} not asked; should {} passed, {} failed",
            self.contender,
            self.transport,
            musts.passed,
            musts.failed,
            musts.not_reached,
            shoulds.passed,
            shoulds.failed
        )
    }

    fn cases<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a Finding> + Clone {
        self.report
            .cases
            .iter()
            .filter(move |case| case.name == name)
    }
}

/// The whole part of the document.
pub(crate) fn text(all: &[Tried], date: &str) -> String {
    let mut contenders: Vec<Contender> = all.iter().map(|tried| tried.contender).collect();
    contenders.dedup();
    let mut text = format!("\nTried {date}.\n\n| case | |");
    for contender in &contenders {
        let _ = write!(text, " {contender} |");
    }
    let _ = writeln!(text, "\n|---|---|{}", "---|".repeat(contenders.len()));
    for (name, severity) in names(all) {
        let _ = write!(text, "| `{name}` | {severity} |");
        for contender in &contenders {
            let _ = write!(text, " {} |", cell(all, *contender, name));
        }
        text.push('\n');
    }
    text.push_str(&figures(all, &contenders));
    text.push_str(&notes(all, &contenders));
    text
}

/// Each case once, in its order.
fn names(all: &[Tried]) -> Vec<(&'static str, &'static str)> {
    let mut names: Vec<(&str, &str)> = Vec::new();
    for case in all.iter().flat_map(|tried| &tried.report.cases) {
        if !names.iter().any(|(name, _)| *name == case.name) {
            let severity = match case.severity {
                Severity::Must => "must",
                Severity::Should => "should",
                Severity::Differs => "differs",
            };
            names.push((case.name, severity));
        }
    }
    names
}

/// ✔ where all passed; else what did not, and where.
fn cell(all: &[Tried], contender: Contender, name: &str) -> String {
    let mut marks = Vec::new();
    for tried in all.iter().filter(|tried| tried.contender == contender) {
        marks.push((tried.transport, mark(tried, name)));
    }
    match marks.as_slice() {
        [] => "–".to_owned(),
        [(_, first), others @ ..] if others.iter().all(|(_, mark)| mark == first) => first.clone(),
        marks => {
            let told = marks.iter().map(|(on, mark)| format!("{mark} ({on})"));
            told.collect::<Vec<_>>().join(", ")
        }
    }
}

fn mark(tried: &Tried, name: &str) -> String {
    let cases = tried.cases(name);
    let bad = cases.clone().filter(|case| !passed(case));
    let (all, failed) = (cases.clone().count(), bad.clone().count());
    if failed == 0 {
        let note = cases.clone().find_map(differing);
        return note.unwrap_or_else(|| "✔".to_owned());
    }
    let reached = bad
        .clone()
        .any(|case| matches!(case.verdict, Verdict::Failed { .. }));
    let mark = if reached { "✖" } else { "not asked" };
    if failed == all {
        return mark.to_owned();
    }
    let groups: Vec<&str> = bad.map(|case| case.group.name()).collect();
    format!("{mark} {}", groups.join(", "))
}

fn passed(case: &Finding) -> bool {
    matches!(
        case.verdict,
        Verdict::Passed { .. } | Verdict::Skipped { .. }
    )
}

/// What is told, and not judged.
fn differing(case: &Finding) -> Option<String> {
    match &case.verdict {
        Verdict::Passed { note: Some(note) } if case.severity == Severity::Differs => {
            Some(note.clone())
        }
        _ => None,
    }
}

fn figures(all: &[Tried], contenders: &[Contender]) -> String {
    let mut text = format!(
        "\n| over TCP |{}\n|---|{}\n",
        contenders
            .iter()
            .map(|c| format!(" {c} |"))
            .collect::<String>(),
        "---|".repeat(contenders.len())
    );
    type Figure = fn(&Tried) -> String;
    let rows: [(&str, Figure); 4] = [
        ("must: passed, failed, not asked", |tried| {
            counts(tried, Severity::Must)
        }),
        ("should: passed, failed, not asked", |tried| {
            counts(tried, Severity::Should)
        }),
        ("100 requests in a row: p50, p99, longest, µs", |tried| {
            tried.report.latency.map_or_else(
                || "–".to_owned(),
                |l| format!("{:.0}, {:.0}, {:.0}", l.p50_us, l.p99_us, l.max_us),
            )
        }),
        ("had to be started again", |tried| {
            format!("{} times", tried.restarts)
        }),
    ];
    for (title, figure) in rows {
        let _ = write!(text, "| {title} |");
        for contender in contenders {
            let over_tcp = |t: &&Tried| t.contender == *contender && t.transport == Transport::Tcp;
            let cell = all
                .iter()
                .find(over_tcp)
                .map_or_else(|| "–".to_owned(), figure);
            let _ = write!(text, " {cell} |");
        }
        text.push('\n');
    }
    text
}

fn counts(tried: &Tried, severity: Severity) -> String {
    let counts = tried.report.count(severity);
    format!(
        "{}, {}, {}",
        counts.passed, counts.failed, counts.not_reached
    )
}

/// What each signer did where it failed, in its own words where it had some.
fn notes(all: &[Tried], contenders: &[Contender]) -> String {
    let mut text = String::new();
    for contender in contenders {
        let mut lines: Vec<String> = Vec::new();
        for tried in all.iter().filter(|tried| tried.contender == *contender) {
            for case in &tried.report.cases {
                if let Verdict::Failed { note } = &case.verdict {
                    let line = format!("- `{}`: {}\n", case.name, short(note));
                    let start = format!("- `{}`: ", case.name);
                    if !lines.iter().any(|known| known.starts_with(&start)) {
                        lines.push(line);
                    }
                }
            }
        }
        if !lines.is_empty() {
            let _ = write!(
                text,
                "\nWhat {contender} did instead:\n\n{}",
                lines.concat()
            );
        }
    }
    text
}

/// Descriptions of others may be long, and may hold anything.
fn short(note: &str) -> String {
    let plain: String = note
        .chars()
        .map(|c| {
            if c.is_control() || "|<>`[]".contains(c) {
                ' '
            } else {
                c
            }
        })
        .collect();
    match plain.char_indices().nth(220) {
        Some((end, _)) => format!("{} …", plain.get(..end).unwrap_or_default()),
        None => plain,
    }
}
