//! What WireGuard costs: the same signer, the same machines, the same questions, in one run.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::time::Duration;

use crate::asker::ask;
use crate::combination::{Combination, GatewayKind, SignerKind};
use crate::machine::Slack;
use crate::play::Manner;
use crate::scene::Scene;
use crate::setup::Setup;
use crate::site::Site;
use crate::stage::Stage;
use crate::{Outcome, doing};

/// Where the table goes when it is asked for.
const DOCUMENT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/benchmarks.md");
const BEGIN: &str =
    "<!-- tunnel: begin, written by `cargo xtask e2e tunnel --row latency --write` -->";
const END: &str = "<!-- tunnel: end -->";
/// Back to back would measure how warm the caches are; a node rests between two questions.
const REST: Duration = Duration::from_millis(5);

struct Way {
    what: &'static str,
    signer: SignerKind,
    gateway: GatewayKind,
    site: Site,
}

/// The first is what the others are compared with.
const WAYS: &[Way] = &[
    Way {
        what: "no WireGuard, DNAT to the container",
        signer: SignerKind::OursBesideTun,
        gateway: GatewayKind::Host,
        site: Site::Bare,
    },
    Way {
        what: "no WireGuard, a program that passes bytes on in place of DNAT",
        signer: SignerKind::OursBesideTun,
        gateway: GatewayKind::Host,
        site: Site::Forwarded,
    },
    Way {
        what: "wireguard-go with TUN at both ends, DNAT",
        signer: SignerKind::OursBesideTun,
        gateway: GatewayKind::Host,
        site: Site::Combined,
    },
    Way {
        what: "tunnel in the signer, wireguard-go with TUN and DNAT",
        signer: SignerKind::Ours,
        gateway: GatewayKind::Host,
        site: Site::Combined,
    },
    Way {
        what: "tunnel in the signer, `tmkms gateway`",
        signer: SignerKind::Ours,
        gateway: GatewayKind::Ours,
        site: Site::Combined,
    },
];

/// A way's figures, round by round, in ms.
#[derive(Clone, Default)]
struct Figures {
    p50: Vec<f64>,
    p99: Vec<f64>,
}

/// Measures all ways in turn; returns their table.
///
/// # Errors
/// When a way does not sign, or the document cannot be written.
pub fn play(stage: &Stage, manner: Manner) -> Outcome<String> {
    let (rounds, count) = if manner.is_short { (1, 100) } else { (15, 150) };
    let combination = |way: &Way| Combination {
        name: way.what,
        signer: way.signer,
        gateway: way.gateway,
    };
    let is_there = |way: &&Way| stage.binaries.has_tunnel || !combination(way).needs_tunnel();
    let ways: Vec<&Way> = WAYS.iter().filter(is_there).collect();
    let mut measured = vec![Figures::default(); ways.len()];
    for round in 0..rounds {
        for (way, found) in ways.iter().zip(&mut measured) {
            let setup = Setup {
                site: way.site,
                is_past_relay: true,
                ..Setup::GOOD
            };
            let scene = Scene::build(stage, combination(way), setup, manner.seed + round)?;
            let latencies = ask(&scene.world.sekai, count, REST);
            let latencies = latencies
                .map_err(|text| format!("{}: {text}\n{}", way.what, scene.last_words()))?;
            found.p50.push(latencies.of_thousand_ms(500));
            found.p99.push(latencies.of_thousand_ms(990));
        }
    }
    let text = table(&ways, &measured, rounds, count);
    if manner.is_written {
        write(&text)?;
    }
    Ok(text)
}

/// What a way adds is taken within each round: from round to round the machine differs more.
fn table(ways: &[&Way], measured: &[Figures], rounds: u64, count: u32) -> String {
    let mut text = format!(
        "\nMedians over {rounds} rounds of {count} questions each, {}.\n\n\
         | from the node's question to its answer | p50 ms | p99 ms | added p50 µs |\n\
         |---|---|---|---|\n",
        Slack::now()
    );
    let base = measured.first().cloned().unwrap_or_default().p50;
    for (way, figures) in ways.iter().zip(measured) {
        let pairs = figures.p50.iter().zip(&base);
        let added = median(pairs.map(|(p50, base)| (p50 - base) * 1e3).collect());
        let [p50, p99] = [&figures.p50, &figures.p99].map(|values| median(values.clone()));
        // Writing to a string does not fail.
        let _ = writeln!(text, "| {} | {p50:.2} | {p99:.2} | {added:.0} |", way.what);
    }
    text
}

/// The middle one.
fn median(mut values: Vec<f64>) -> f64 {
    values.sort_unstable_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or_default()
}

fn write(table: &str) -> Outcome {
    let path = Path::new(DOCUMENT);
    let text = fs::read_to_string(path).map_err(doing("read docs/benchmarks.md"))?;
    let fresh = replaced(&text, table)
        .ok_or_else(|| format!("docs/benchmarks.md lost its marks {BEGIN} and {END}"))?;
    fs::write(path, fresh).map_err(doing("write docs/benchmarks.md"))
}

/// The document with another table between the marks.
fn replaced(text: &str, table: &str) -> Option<String> {
    let (before, rest) = text.split_once(BEGIN)?;
    let (_, after) = rest.split_once(END)?;
    Some(format!("{before}{BEGIN}\n{table}\n{END}{after}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_between_the_marks_is_replaced() {
        let text = format!("a\n{BEGIN}\nold\n{END}\nb\n");
        let expected = format!("a\n{BEGIN}\nnew\n{END}\nb\n");
        assert_eq!(replaced(&text, "new").unwrap(), expected);
        assert!(replaced("no marks", "new").is_none());
    }

    #[test]
    fn document_has_the_marks() {
        let text = fs::read_to_string(DOCUMENT).unwrap();
        assert!(replaced(&text, "").is_some());
    }
}
