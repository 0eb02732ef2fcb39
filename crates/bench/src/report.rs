//! The figures as Markdown.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use crate::contender::{Contender, Transport};
use crate::error::BenchError;
use crate::goals;
use crate::options::Options;
use crate::results::{Load, Results};
use crate::stats::Turn;

/// Lines between which a document holds the measured part.
const BEGIN: &str = "<!-- measured: begin, written by `cargo xtask bench` -->";
const END: &str = "<!-- measured: end -->";

/// What surrounds the figures.
pub(crate) struct Frame<'a> {
    /// The command line.
    pub(crate) options: &'a Options,
    /// Who was measured.
    pub(crate) contenders: &'a [Contender],
    /// When.
    pub(crate) date: String,
    /// On what.
    pub(crate) machine: Vec<String>,
    /// The load average before.
    pub(crate) load_before: String,
    /// The load average at the end, which this run made.
    pub(crate) load_after: String,
    /// The size of our static binary, in MiB, if there is one.
    pub(crate) static_binary_mib: Option<f64>,
}

/// The whole measured part.
pub(crate) fn text(frame: &Frame<'_>, results: &Results) -> String {
    let mut out = heading(frame);
    out.push_str(&steadiness(results));
    out.push_str(&goals::table(
        results,
        frame.options.chains,
        frame.static_binary_mib,
    ));
    for transport in [Transport::Tcp, Transport::Unix] {
        out.push_str(&back_to_back(frame, results, transport));
    }
    if !frame.options.quick {
        for transport in [Transport::Tcp, Transport::Unix] {
            out.push_str(&paced(frame, results, transport));
        }
    }
    out
}

/// Replaces the measured part of a document.
pub(crate) fn put_into(document: &Path, text: &str) -> Result<(), BenchError> {
    put_between(document, BEGIN, END, text)
}

/// Replaces what stands between two lines of a document.
pub(crate) fn put_between(
    document: &Path,
    begin: &str,
    end: &str,
    text: &str,
) -> Result<(), BenchError> {
    let old = fs::read_to_string(document).map_err(BenchError::file(document))?;
    let new = replaced(&old, begin, end, text).ok_or_else(|| {
        BenchError::program(document, &format!("it has no lines `{begin}` and `{end}`"))
    })?;
    fs::write(document, new).map_err(BenchError::file(document))
}

fn replaced(old: &str, begin: &str, end: &str, text: &str) -> Option<String> {
    let (before, rest) = old.split_once(begin)?;
    let (_, after) = rest.split_once(end)?;
    Some(format!("{before}{begin}\n{text}{end}{after}"))
}

fn heading(frame: &Frame<'_>) -> String {
    let options = frame.options;
    let mut out = String::new();
    if options.short {
        out.push_str("\nEvery signature verified. The figures of so short a run mean little.\n");
    }
    let _ = writeln!(out, "\nMeasured {} on:\n", frame.date);
    for fact in frame.machine.iter().chain(&options.remark) {
        let _ = writeln!(out, "- {fact}");
    }
    let _ = writeln!(
        out,
        "- load average {} before the run, {} at its end\n\n\
         Rounds: {}. In each, every signer answers {} requests back to back{}.\n",
        frame.load_before,
        frame.load_after,
        options.rounds,
        options.heights.saturating_mul(3),
        if options.quick {
            String::new()
        } else {
            format!(
                ", then {} at {} per second for 1 chain and for {} chains",
                options.paced, options.rate, options.chains
            )
        }
    );
    out
}

/// How far the machine itself wandered during the run.
fn steadiness(results: &Results) -> String {
    let cell = (Load::BackToBack, Transport::Tcp, Contender::Floor);
    let range = results.range(cell, |turn| turn.p50_us);
    range.map_or_else(String::new, |(least, most)| {
        format!(
            "The floor's own p50 over TCP lay between {least:.0} and {most:.0} µs from round to \
             round.\n\n"
        )
    })
}

fn back_to_back(frame: &Frame<'_>, results: &Results, transport: Transport) -> String {
    let mut out = format!(
        "\n### 1 chain on 1 node, back to back, {transport}\n\n\
         | signer | p50 µs | p99 µs | p99.9 µs | requests/s | memory now / at most, MiB | first \
         signature, new / kept state, ms |\n|---|---|---|---|---|---|---|\n"
    );
    for contender in frame.contenders {
        let cell = (Load::BackToBack, transport, *contender);
        let starts = results.starts((transport, *contender));
        let starts = starts.map_or_else(dash, |(fresh, kept)| format!("{fresh:.1} / {kept:.1}"));
        let row = figures(results, cell).map(|row| format!("{row} | {starts}"));
        push_row(&mut out, *contender, transport, row, 6);
    }
    out
}

fn paced(frame: &Frame<'_>, results: &Results, transport: Transport) -> String {
    let options = frame.options;
    let mut out = format!(
        "\n### {} requests per second in all, {transport}\n\n\
         | signer | chains × nodes | p50 µs | p99 µs | p99.9 µs | requests/s | memory now / at \
         most, MiB |\n|---|---|---|---|---|---|---|\n",
        options.rate
    );
    for contender in frame.contenders {
        let loads = [(Load::OneChain, 1), (Load::ManyChains, options.chains)];
        let rows = if contender.lacks(transport).is_some() {
            1
        } else {
            2
        };
        for (load, chains) in loads.into_iter().take(rows) {
            let row = figures(results, (load, transport, *contender));
            let row = row.map(|row| format!("{chains} × 3 | {row}"));
            push_row(&mut out, *contender, transport, row, 6);
        }
    }
    out
}

fn push_row(
    out: &mut String,
    contender: Contender,
    transport: Transport,
    row: Option<String>,
    columns: usize,
) {
    match (row, contender.lacks(transport)) {
        (Some(row), _) => {
            let _ = writeln!(out, "| {contender} | {row} |");
        }
        (None, Some(why)) => {
            let _ = writeln!(out, "| {contender} | {why}{}", " |".repeat(columns));
        }
        (None, None) => {}
    }
}

fn figures(results: &Results, cell: (Load, Transport, Contender)) -> Option<String> {
    let of = |figure: fn(&Turn) -> f64| results.median(cell, figure);
    Some(format!(
        "{:.0} | {:.0} | {:.0} | {:.0} | {:.1} / {:.1}",
        of(|turn| turn.p50_us)?,
        of(|turn| turn.p99_us)?,
        of(|turn| turn.p999_us)?,
        of(|turn| turn.per_second)?,
        of(|turn| turn.rss_mib)?,
        of(|turn| turn.peak_mib)?,
    ))
}

fn dash() -> String {
    "–".to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_measured_part_of_a_document_is_replaced() {
        let old = format!("above\n{BEGIN}\nold\n{END}\nbelow\n");
        assert_eq!(
            replaced(&old, BEGIN, END, "new\n"),
            Some(format!("above\n{BEGIN}\nnew\n{END}\nbelow\n"))
        );
        assert_eq!(replaced("above", BEGIN, END, "new"), None);
    }
}
