//! A chain on the page: what it signed, how fast, and for whom.

use super::chart;
use super::html::Html;
use crate::observe::document::{
    Chain, ChainState, KeyFile, LastSigned, Latency, Node, NodeState, Percentiles,
};
use crate::observe::units::{duration, short};

/// The section of a chain.
pub(super) fn section<'a>(html: &mut Html, chain: &Chain, nodes: impl Iterator<Item = &'a Node>) {
    html.raw("<section>\n<div class=\"head\"><h2>");
    html.text(&chain.id).raw("</h2>\n");
    match chain.state {
        ChainState::Ready if chain.can_sign() => html.pill("good", "ready"),
        ChainState::Ready => html.pill("bad", "cannot sign"),
        ChainState::Waiting => html.pill("bad", "lets heights pass"),
        ChainState::Stopped => html.pill("bad", "stopped"),
    }
    html.raw("</div>\n");
    for why in chain.why.iter().chain(&chain.state_trouble) {
        html.raw("<p class=\"why\">").text(why).raw("</p>\n");
    }
    facts(html, chain);
    chart::heights(html, &chain.heights);
    connections(html, nodes);
    latency(html, &chain.latency);
    refusals(html, chain);
    key(html, chain);
    html.raw("</section>\n");
}

fn facts(html: &mut Html, chain: &Chain) {
    let signed = &chain.signatures;
    let refused = chain.refusals.iter().map(|it| it.count);
    let refused: u64 = refused.fold(0, u64::saturating_add);
    html.raw("<dl class=\"facts\">\n");
    let (place, age) = last_signed(chain.last_signed.as_ref());
    html.fact("Last signed", &place);
    html.fact("That was", &age);
    html.fact("Precommits", &grouped(signed.precommits));
    html.fact("Prevotes", &grouped(signed.prevotes));
    html.fact("Proposals", &grouped(signed.proposals));
    html.fact("Repeated", &grouped(signed.repeated));
    html.fact("Missed heights", &grouped(chain.heights.missed));
    html.fact("Refused", &grouped(refused));
    html.raw("</dl>\n");
}

fn last_signed(last: Option<&LastSigned>) -> (String, String) {
    let Some(last) = last else {
        return ("nothing yet".to_owned(), "–".to_owned());
    };
    let age = match last.age_s {
        Some(age) => format!("{} ago", duration(age)),
        None => "before this start".to_owned(),
    };
    (format!("{}/{}/{}", last.height, last.round, last.step), age)
}

fn connections<'a>(html: &mut Html, nodes: impl Iterator<Item = &'a Node>) {
    html.table("Connections", &["Node", "State", "For", "Reconnects"]);
    for node in nodes {
        html.raw("<tr><th scope=\"row\">")
            .text(&node.address)
            .raw("</th><td>");
        match (node.overdue_s, node.state) {
            (Some(_), _) => html.pill("bad", "stuck"),
            (None, NodeState::Connected) => html.pill("good", "connected"),
            (None, _) => html.pill("bad", "not connected"),
        }
        html.raw("</td><td>")
            .text(&duration(node.for_s))
            .raw("</td><td>");
        html.text(&grouped(node.connections.saturating_sub(1)));
        html.raw("</td></tr>\n");
        if let Some(said) = said_of(node) {
            html.raw("<tr class=\"note\"><td colspan=\"4\">")
                .text(&said)
                .raw("</td></tr>\n");
        }
    }
    html.end_table();
}

/// What there is to say of a node besides.
fn said_of(node: &Node) -> Option<String> {
    let trouble = node.trouble.as_ref()?;
    Some(match node.state {
        NodeState::Connected => format!("{} ago: {}", duration(trouble.last_s), trouble.text),
        _ => format!("{}: {}", trouble.text, trouble.advice),
    })
}

fn latency(html: &mut Html, latency: &Latency) {
    if latency.total.count == 0 {
        return;
    }
    html.raw("<h3>From request to answer</h3>\n");
    chart::durations(html, &latency.total);
    html.table("Latency by stage", &["Stage", "Median", "99 %", "Longest"]);
    let stages: [(&str, &Percentiles); 6] = [
        ("decode", &latency.decode),
        ("commit", &latency.commit),
        ("of it, the disk", &latency.sync),
        ("sign", &latency.sign),
        ("write", &latency.write),
        ("total", &latency.total),
    ];
    for (name, stage) in stages.into_iter().filter(|(_, stage)| stage.count > 0) {
        let [median, most, longest] = [stage.p50_ns, stage.p99_ns, stage.max_ns].map(short);
        html.row(name, &[&median, &most, &longest]);
    }
    html.end_table();
}

fn refusals(html: &mut Html, chain: &Chain) {
    if chain.refusals.is_empty() {
        return;
    }
    html.table("Refusals", &["Cause", "Count"]);
    for refusals in &chain.refusals {
        html.row(
            &refusals.cause.replace('_', " "),
            &[&grouped(refusals.count)],
        );
    }
    html.end_table();
    if let Some(last) = &chain.last_refusal {
        html.raw("<p class=\"note\">");
        html.text(&format!("{} ago: {}", duration(last.age_s), last.text))
            .raw("</p>\n");
    }
}

fn key(html: &mut Html, chain: &Chain) {
    let key = &chain.key;
    html.raw("<h3>Key</h3>\n<p class=\"key\"><code>");
    html.text(&key.public_key).raw("</code><br>");
    html.text(&format!("{}, {}, address ", key.algorithm, key.provider));
    html.raw("<code>").text(&key.address).raw("</code></p>\n");
    let said = match key.file {
        KeyFile::Same => return,
        KeyFile::Changed => "its file was changed since the start",
        KeyFile::Gone => "its file is gone since the start",
    };
    html.pill("unsure", said);
}

/// Digits in groups of three, with a space that never breaks.
fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push('\u{202f}');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digits_stand_in_groups_of_three() {
        for (number, text) in [
            (0, "0"),
            (999, "999"),
            (1_000, "1\u{202f}000"),
            (1_234_567, "1\u{202f}234\u{202f}567"),
        ] {
            assert_eq!(grouped(number), text);
        }
    }
}
