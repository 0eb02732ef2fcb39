//! The connection: requests in pieces, slow nodes, many requests, and nodes that start again.

use std::thread;
use std::time::{Duration, Instant};

use privval::node_side::Answer;

use super::{Case, must, should};
use crate::fault::{Fault, Outcome};
use crate::latency::Latency;
use crate::play::Play;

/// How many requests in a row the latency is of.
const REQUESTS: usize = 100;

/// How long a node that starts waits for its signer, before it gives up and exits.
const NODE_START: Duration = Duration::from_secs(3);

pub(super) fn cases() -> Vec<Case> {
    vec![
        must(
            "many-in-a-row",
            "a hundred requests in a row are signed, each within the 5 s that a node waits",
            many_in_a_row,
        ),
        must(
            "in-pieces",
            "a request is understood that the network delivers in pieces",
            |play| in_pieces(play, 100),
        ),
        should(
            "byte-by-byte",
            "a request is understood that arrives in pieces of a few bytes",
            |play| in_pieces(play, 7),
        ),
        must(
            "half-a-request",
            "a request is understood whose second half comes 1.5 s late",
            half_a_request,
        ),
        must(
            "slow-reader",
            "a node may take 2 s to read the answer",
            slow_reader,
        ),
        must(
            "idle",
            "a connection that nobody used for 4 s goes on",
            idle,
        ),
        must(
            "comes-back",
            "the signer connects again after the node has closed the connection",
            |play| comes_back(play).map(|took| Some(format!("after {} ms", took.as_millis()))),
        ),
        should(
            "comes-back-in-time",
            "and within the 3 s that a node waits when it starts",
            |play| {
                let took = comes_back(play)?;
                if took <= NODE_START {
                    return Ok(None);
                }
                Err(Fault::Failed(format!("it took {} ms", took.as_millis())))
            },
        ),
        must(
            "remembers",
            "what was signed on one connection is not contradicted on the next",
            remembers,
        ),
        should(
            "comes-back-from-half",
            "it connects again after a connection that ended in the middle of a request",
            |play| {
                let request = play.spot().prevote("a");
                let request = play.request(&request, b"");
                play.link
                    .send(request.get(..request.len() / 2).unwrap_or_default())?;
                play.link.close();
                signs(play)
            },
        ),
        should(
            "comes-back-from-silence",
            "it connects again after a node that took the connection and said nothing",
            |play| {
                play.link.hold_silently(play.plan.pauses.silence)?;
                signs(play)
            },
        ),
    ]
}

fn signs(play: &mut Play<'_>) -> Outcome {
    let message = play.spot().prevote("a");
    play.sign(&message).map(|_| None)
}

fn many_in_a_row(play: &mut Play<'_>) -> Outcome {
    let mut times = Vec::with_capacity(REQUESTS);
    while times.len() < REQUESTS {
        let spot = play.spot();
        let round = [
            spot.proposal("a", -1),
            spot.prevote("a"),
            spot.precommit("a"),
        ];
        for message in round.iter().take(REQUESTS - times.len()) {
            let request = play.request(message, b"");
            let begun = Instant::now();
            let answer = play.ask(&request)?;
            times.push(begun.elapsed());
            play.verified(message, answer)?;
        }
    }
    let latency = Latency::of(times);
    play.latency = Some(latency);
    Ok(Some(format!(
        "p50 {:.0} µs, p99 {:.0} µs, longest {:.0} µs",
        latency.p50_us, latency.p99_us, latency.max_us
    )))
}

fn in_pieces(play: &mut Play<'_>, piece_len: usize) -> Outcome {
    let message = play.spot().prevote("a");
    let request = play.request(&message, b"");
    let reply = play.link.ask_in_pieces(play.version, &request, piece_len)?;
    let answer = Answer::parse_as(play.version, &reply);
    play.verified(&message, answer).map(|_| None)
}

fn half_a_request(play: &mut Play<'_>) -> Outcome {
    let message = play.spot().prevote("a");
    let request = play.request(&message, b"");
    let (first, second) = request.split_at(request.len() / 2);
    play.link.send(first)?;
    thread::sleep(play.plan.pauses.half);
    let reply = play.link.ask(play.version, second)?;
    let answer = Answer::parse_as(play.version, &reply);
    play.verified(&message, answer).map(|_| None)
}

fn slow_reader(play: &mut Play<'_>) -> Outcome {
    let message = play.spot().prevote("a");
    let request = play.request(&message, b"");
    play.link.send(&request)?;
    thread::sleep(play.plan.pauses.reader);
    let reply = play.link.receive(play.version)?;
    let answer = Answer::parse_as(play.version, &reply);
    play.verified(&message, answer).map(|_| None)
}

fn idle(play: &mut Play<'_>) -> Outcome {
    signs(play)?;
    thread::sleep(play.plan.pauses.idle);
    signs(play)
}

/// How long the signer takes to connect again, until it has answered a ping.
fn comes_back(play: &mut Play<'_>) -> Result<Duration, Fault> {
    play.ping()?;
    play.link.close();
    let begun = Instant::now();
    play.ping()?;
    let took = begun.elapsed();
    signs(play)?;
    Ok(took)
}

fn remembers(play: &mut Play<'_>) -> Outcome {
    let spot = play.spot();
    let first = play.sign(&spot.prevote("a"))?;
    play.link.close();
    play.ping()?;
    play.must_refuse(&spot.prevote("b"), &[first])
}
