//! The goals, and whether they are met.

use std::fmt::Write as _;

use crate::contender::{Contender, Transport};
use crate::results::{Load, Ratio, Results};
use crate::stats::Turn;

/// A figure and its text.
type Found = Option<(f64, String)>;

/// The table of the goals.
pub(crate) fn table(results: &Results, chains: u32, static_binary_mib: Option<f64>) -> String {
    let of = |load, contender| move |transport| (load, transport, contender);
    let ours = of(Load::BackToBack, Contender::Ours);
    let to = |contender, figure: fn(&Turn) -> f64| {
        let other = of(Load::BackToBack, contender);
        move |transport| results.ratio(ours(transport), other(transport), figure)
    };
    let many = of(Load::ManyChains, Contender::Ours);
    let one = of(Load::OneChain, Contender::Ours);
    let p50 = |turn: &Turn| turn.p50_us;
    let p99 = |turn: &Turn| turn.p99_us;
    let start = |transport| results.starts((transport, Contender::Ours));

    let mut out = Table::new();
    out.row("p50, ours / tmkms 0.15.0", "≤ 0.6", 0.6, |t| {
        told(to(Contender::Tmkms, p50)(t))
    });
    out.row("p50, ours / the floor", "≤ 1.3", 1.3, |t| {
        told(to(Contender::Floor, p50)(t))
    });
    out.row("p99, ours / the floor", "≤ 2", 2.0, |t| {
        told(to(Contender::Floor, p99)(t))
    });
    let what = format!("p99 at one rate, {chains} chains / 1 chain");
    out.row(&what, "≤ 1.5", 1.5, |t| {
        told(results.ratio(many(t), one(t), p99))
    });
    out.row("memory at most, 1 chain", "≤ 12 MiB", 12.0, |t| {
        with_unit(results.median(ours(t), |turn| turn.peak_mib), "MiB")
    });
    out.row(
        "start to first signature, kept state",
        "≤ 200 ms",
        200.0,
        |t| with_unit(start(t).map(|(_, kept)| kept), "ms"),
    );
    out.row(
        "start to first signature, new state",
        "≤ 200 ms",
        200.0,
        |t| with_unit(start(t).map(|(fresh, _)| fresh), "ms"),
    );
    out.row("static binary", "≤ 8 MiB", 8.0, |_| {
        with_unit(static_binary_mib, "MiB")
    });
    out.0
}

struct Table(String);

impl Table {
    fn new() -> Self {
        Self("### Goals\n\n| what | goal | TCP | Unix socket |\n|---|---|---|---|\n".to_owned())
    }

    fn row(&mut self, what: &str, goal: &str, most: f64, found: impl Fn(Transport) -> Found) {
        let cell = |transport| verdict(most, found(transport));
        let (tcp, unix) = (cell(Transport::Tcp), cell(Transport::Unix));
        let _ = writeln!(self.0, "| {what} | {goal} | {tcp} | {unix} |");
    }
}

fn verdict(most: f64, found: Found) -> String {
    match found {
        Some((value, text)) if value <= most => format!("{text}, met"),
        Some((_, text)) => format!("{text}, **not met**"),
        None => "–".to_owned(),
    }
}

fn told(ratio: Option<Ratio>) -> Found {
    let ratio = ratio?;
    let Ratio {
        median,
        least,
        most,
    } = ratio;
    Some((median, format!("{median:.2} ({least:.2} to {most:.2})")))
}

fn with_unit(value: Option<f64>, unit: &str) -> Found {
    let value = value?;
    Some((value, format!("{value:.1} {unit}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn goal_is_met_up_to_its_bound() {
        let found = |value: f64| Some((value, format!("{value}")));
        assert_eq!(verdict(1.3, found(1.3)), "1.3, met");
        assert_eq!(verdict(1.3, found(1.31)), "1.31, **not met**");
        assert_eq!(verdict(1.3, None), "–");
    }
}
