//! What a mode found, and the table of all of them.

use std::time::Duration;

use crate::ledger::Ledger;

/// What one mode did.
#[derive(Clone, Debug, Default)]
pub struct Report {
    /// Its name.
    pub name: &'static str,
    /// How often a signer was started.
    pub lives: u64,
    /// How often it was killed.
    pub kills: u64,
    /// How often un-synced writes were lost.
    pub power_losses: u64,
    /// How often something was made to fail.
    pub faults: u64,
    /// Signatures that the node received.
    pub signatures: u64,
    /// Of these, those given a second time.
    pub repeats: u64,
    /// Refusals that the node received.
    pub refusals: u64,
    /// How often the signer would not have started again without an operator.
    pub stuck: u64,
    /// What must not have happened.
    pub violations: Vec<String>,
    /// What else is worth knowing.
    pub notes: Vec<String>,
    /// Parts that were left out, and why.
    pub skipped: Vec<String>,
    /// How long it took.
    pub took: Duration,
}

impl Report {
    /// A report about nothing yet.
    #[must_use]
    pub fn new(name: &'static str) -> Self {
        Self {
            name,
            ..Self::default()
        }
    }

    /// The signer would not have started again; the first such text is kept.
    pub fn stuck(&mut self, text: impl Into<String>) {
        if self.stuck == 0 {
            self.notes.push(text.into());
        }
        self.stuck += 1;
    }

    /// Adds what a node has seen.
    pub fn add(&mut self, ledger: &Ledger) {
        self.signatures += ledger.signatures;
        self.repeats += ledger.repeats;
        self.refusals += ledger.refusals;
        self.violations.extend_from_slice(ledger.violations());
    }
}

const COLUMNS: [&str; 11] = [
    "mode",
    "lives",
    "kills",
    "power losses",
    "faults",
    "signatures",
    "repeats",
    "refusals",
    "stuck",
    "violations",
    "seconds",
];

/// The table, in Markdown.
#[must_use]
pub fn table(reports: &[Report]) -> String {
    let mut rows: Vec<[String; 11]> = vec![COLUMNS.map(ToOwned::to_owned)];
    rows.extend(reports.iter().map(row));
    rows.push(row(&total(reports)));
    let widths: [usize; 11] = std::array::from_fn(|column| {
        let cells = rows.iter().filter_map(|row| row.get(column));
        cells.map(String::len).max().unwrap_or_default()
    });
    let mut lines: Vec<String> = rows.iter().map(|row| line(row, &widths)).collect();
    let rule = widths.map(|width| "-".repeat(width));
    lines.insert(1, line(&rule, &widths));
    lines.join("\n")
}

fn line(cells: &[String; 11], widths: &[usize; 11]) -> String {
    let padded: Vec<String> = cells
        .iter()
        .zip(widths)
        .map(|(cell, width)| format!("{cell:>width$}"))
        .collect();
    format!("| {} |", padded.join(" | "))
}

fn row(report: &Report) -> [String; 11] {
    let count = |number: u64| number.to_string();
    [
        report.name.to_owned(),
        count(report.lives),
        count(report.kills),
        count(report.power_losses),
        count(report.faults),
        count(report.signatures),
        count(report.repeats),
        count(report.refusals),
        count(report.stuck),
        report.violations.len().to_string(),
        report.took.as_secs().to_string(),
    ]
}

fn total(reports: &[Report]) -> Report {
    reports.iter().fold(Report::new("all"), |mut sum, report| {
        sum.lives += report.lives;
        sum.kills += report.kills;
        sum.power_losses += report.power_losses;
        sum.faults += report.faults;
        sum.signatures += report.signatures;
        sum.repeats += report.repeats;
        sum.refusals += report.refusals;
        sum.stuck += report.stuck;
        sum.violations.extend_from_slice(&report.violations);
        sum.took += report.took;
        sum
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn table_has_a_line_for_each_mode_and_a_sum() {
        let mut random = Report::new("random");
        random.kills = 7;
        random.violations.push("x".to_owned());
        let mut other = Report::new("syscalls");
        other.kills = 5;
        let text = table(&[random, other]);
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines.len(), 5);
        assert!(lines.iter().all(|line| line.len() == lines[0].len()));
        let last: Vec<&str> = lines[4].split('|').map(str::trim).collect();
        assert_eq!((last[1], last[3], last[10]), ("all", "12", "1"));
    }
}
