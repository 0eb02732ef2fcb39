//! What runs came to, read from what libFuzzer printed.

use std::path::PathBuf;

/// One run.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Report {
    pub(super) name: String,
    pub(super) executions: u64,
    pub(super) seconds: u64,
    /// Edges of the program that were reached, at first and at last.
    pub(super) edges: (u64, u64),
    /// Where the input of a finding is.
    pub(super) input: Option<PathBuf>,
    /// What the panic said, and the input in base64 if it is short.
    pub(super) said: Vec<String>,
    /// What to tell about a finding.
    pub(super) finding: Option<String>,
}

impl Report {
    pub(super) fn read(name: &str, log: &str) -> Self {
        let mut report = Self {
            name: name.to_owned(),
            ..Self::default()
        };
        let mut in_panic = false;
        for line in log.lines() {
            in_panic = line.contains(" panicked at ") || in_panic && !ends_a_panic(line);
            if in_panic || line.starts_with("SUMMARY: ") || line.starts_with("Base64: ") {
                report.said.push(line.to_owned());
            }
            report.read_line(line);
        }
        report
    }

    fn read_line(&mut self, line: &str) {
        if let Some(value) = statistic(line, "number_of_executed_units") {
            self.executions = value;
        } else if let Some(seconds) = seconds(line) {
            self.seconds = seconds;
        } else if let Some((_, path)) = line.split_once("Test unit written to ") {
            self.input = Some(PathBuf::from(path));
        } else if let Some(edges) = edges(line) {
            let first = match self.edges.0 {
                0 => edges,
                first => first,
            };
            self.edges = (first, edges);
        }
    }

    fn line(&self) -> String {
        let name = &self.name;
        let edges = format!("{} → {}", self.edges.0, self.edges.1);
        let outcome = if self.finding.is_some() {
            "  FINDING"
        } else {
            ""
        };
        row(name, self.executions, self.seconds, &edges) + outcome
    }
}

/// All runs, and their sum.
pub(super) fn table(reports: &[Report]) -> String {
    let mut lines = vec![format!(
        "\n{:<28} {:>12} {:>8} {:>8} {:>14}",
        "target", "executions", "s", "per s", "edges"
    )];
    lines.extend(reports.iter().map(Report::line));
    let executions = reports.iter().map(|report| report.executions).sum();
    let seconds = reports.iter().map(|report| report.seconds).sum();
    let findings = reports.iter().filter(|report| report.finding.is_some());
    let findings = format!("{} findings", findings.count());
    lines.push(row("all", executions, seconds, &findings));
    lines.join("\n") + "\n"
}

fn row(name: &str, executions: u64, seconds: u64, last: &str) -> String {
    let per_second = executions / seconds.max(1);
    format!("{name:<28} {executions:>12} {seconds:>8} {per_second:>8} {last:>14}")
}

fn ends_a_panic(line: &str) -> bool {
    line.starts_with("note: ") || line.starts_with("stack backtrace") || line.starts_with("==")
}

/// `stat::number_of_executed_units: 887817`
fn statistic(line: &str, name: &str) -> Option<u64> {
    let rest = line.strip_prefix("stat::")?.strip_prefix(name)?;
    rest.strip_prefix(':')?.trim().parse().ok()
}

/// `Done 887817 runs in 11 second(s)`
fn seconds(line: &str) -> Option<u64> {
    let (_, rest) = line.strip_prefix("Done ")?.split_once(" runs in ")?;
    rest.strip_suffix(" second(s)")?.parse().ok()
}

/// `#1708\tREDUCE cov: 702 ft: 1757 …`
fn edges(line: &str) -> Option<u64> {
    let (_, rest) = line.strip_prefix('#')?.split_once(" cov: ")?;
    rest.split_whitespace().next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = "INFO: Seed: 1\n\
        #759\tINITED cov: 702 ft: 1755 corp: 422/34Kb exec/s: 0 rss: 27Mb\n\
        #887817\tDONE   cov: 705 ft: 1778 corp: 437/35Kb lim: 4096 exec/s: 80710 rss: 28Mb\n\
        Done 887817 runs in 11 second(s)\n\
        stat::number_of_executed_units: 887817\n\
        stat::average_exec_per_sec:     80710\n";

    const BAD: &str = "\nthread '<unnamed>' (7) panicked at src/bin/guard.rs:1:2:\n\
        assertion failed: one\n\
        note: run with `RUST_BACKTRACE=1`\n\
        ==7== ERROR: libFuzzer: deadly signal\n\
        SUMMARY: libFuzzer: deadly signal\n\
        artifact_prefix='f/guard-'; Test unit written to f/guard-crash-0a\n\
        Base64: AAE=\n";

    #[test]
    fn what_libfuzzer_prints_is_read() {
        let expected = Report {
            name: "guard".to_owned(),
            executions: 887_817,
            seconds: 11,
            edges: (702, 705),
            ..Report::default()
        };
        assert_eq!(Report::read("guard", GOOD), expected);
    }

    #[test]
    fn a_finding_is_read_with_its_input_and_its_words() {
        let report = Report::read("guard", BAD);
        assert_eq!(report.input, Some(PathBuf::from("f/guard-crash-0a")));
        let expected = [
            "thread '<unnamed>' (7) panicked at src/bin/guard.rs:1:2:",
            "assertion failed: one",
            "SUMMARY: libFuzzer: deadly signal",
            "Base64: AAE=",
        ];
        assert_eq!(report.said, expected);
    }

    #[test]
    fn the_table_adds_up_and_names_findings() {
        let good = Report::read("state_ring", GOOD);
        let bad = Report {
            finding: Some("told elsewhere".to_owned()),
            ..Report::read("guard", BAD)
        };
        let table = table(&[good, bad]);
        assert!(table.contains(
            "state_ring                         887817       11    80710      702 → 705\n"
        ));
        assert!(table.contains("0 → 0  FINDING\n"), "{table}");
        assert!(table.ends_with("887817       11    80710     1 findings\n"));
    }
}
