//! All figures of a run, by what was measured.

use std::collections::BTreeMap;

use crate::contender::{Contender, Transport};
use crate::stats::{Turn, median};

/// What a signer was put under.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Load {
    /// One chain on one node, one request after the other.
    BackToBack,
    /// One chain on three nodes, at a steady rate.
    OneChain,
    /// Many chains on three nodes each, at the same rate over all.
    ManyChains,
}

/// A measurement.
pub(crate) type Cell = (Load, Transport, Contender);

/// The turns of a run; the nth of each cell is of the nth round.
#[derive(Default)]
pub(crate) struct Results {
    turns: BTreeMap<Cell, Vec<Turn>>,
    starts: BTreeMap<(Transport, Contender), Vec<(f64, f64)>>,
}

/// The middle one and both ends of a ratio, round by round.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Ratio {
    /// The median over the rounds.
    pub(crate) median: f64,
    /// The lowest.
    pub(crate) least: f64,
    /// The highest.
    pub(crate) most: f64,
}

impl Results {
    /// Keeps a turn.
    pub(crate) fn add(&mut self, cell: Cell, turn: Turn) {
        self.turns.entry(cell).or_default().push(turn);
    }

    /// Keeps the times to the first signature, in ms: without and with a state.
    pub(crate) fn add_starts(&mut self, by: (Transport, Contender), starts: (f64, f64)) {
        self.starts.entry(by).or_default().push(starts);
    }

    /// The median of a figure; `None` when it was not measured.
    pub(crate) fn median(&self, cell: Cell, figure: fn(&Turn) -> f64) -> Option<f64> {
        let turns = self.turns.get(&cell)?;
        Some(median(turns.iter().map(figure)))
    }

    /// The lowest and the highest of a figure over the rounds.
    pub(crate) fn range(&self, cell: Cell, figure: fn(&Turn) -> f64) -> Option<(f64, f64)> {
        let values = self.turns.get(&cell)?.iter().map(figure);
        let least = values.clone().min_by(f64::total_cmp)?;
        Some((least, values.max_by(f64::total_cmp)?))
    }

    /// The medians of both times to the first signature, in ms.
    pub(crate) fn starts(&self, by: (Transport, Contender)) -> Option<(f64, f64)> {
        let starts = self.starts.get(&by)?;
        Some((
            median(starts.iter().map(|start| start.0)),
            median(starts.iter().map(|start| start.1)),
        ))
    }

    /// How a figure of one cell stands to the same figure of another, within each round.
    pub(crate) fn ratio(&self, of: Cell, to: Cell, figure: fn(&Turn) -> f64) -> Option<Ratio> {
        let pairs = self.turns.get(&of)?.iter().zip(self.turns.get(&to)?);
        let ratios: Vec<f64> = pairs.map(|(a, b)| figure(a) / figure(b)).collect();
        Some(Ratio {
            median: median(ratios.iter().copied()),
            least: ratios.iter().copied().min_by(f64::total_cmp)?,
            most: ratios.iter().copied().max_by(f64::total_cmp)?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ratios_are_taken_within_each_round() {
        let cell = |contender| (Load::BackToBack, Transport::Tcp, contender);
        let (ours, floor) = (cell(Contender::Ours), cell(Contender::Floor));
        let turn = |p50_us| Turn {
            p50_us,
            ..Turn::default()
        };
        let mut results = Results::default();
        for (a, b) in [(120.0, 100.0), (300.0, 200.0), (440.0, 400.0)] {
            results.add(ours, turn(a));
            results.add(floor, turn(b));
        }
        let ratio = results.ratio(ours, floor, |turn| turn.p50_us).unwrap();
        let found = [ratio.median, ratio.least, ratio.most];
        assert_eq!(found.map(|x| (x * 10.0).round()), [12.0, 11.0, 15.0]);
        assert_eq!(results.median(floor, |turn| turn.p50_us), Some(200.0));
        assert_eq!(
            results.ratio(ours, cell(Contender::Tmkms), |t| t.p50_us),
            None
        );
    }
}
