//! How long a signature takes over a bad path, request by request.

use std::time::Duration;

use crate::Outcome;
use crate::asker::ask;
use crate::combination::Combination;
use crate::machine::Slack;
use crate::path::Path;
use crate::play::Manner;
use crate::scene::Scene;
use crate::setup::Setup;
use crate::stage::Stage;

/// Between an answer and the next question.
const REST: Duration = Duration::from_millis(20);

/// One measurement.
#[derive(Clone, Copy, Debug)]
pub struct Paced {
    /// Its name on the command line.
    pub name: &'static str,
    /// The path, for people.
    pub what: &'static str,
    /// The path.
    pub path: Path,
    /// Questions in the long form and in the short one.
    pub count: (u32, u32),
    /// What 99 of 100 answers may take with our tunnel at both ends.
    pub p99_ms: u32,
    /// Whether the short form has it.
    pub is_short: bool,
}

/// All of them.
pub const PACED: &[Paced] = &[
    Paced {
        name: "p99-loss-1",
        what: "answers over 1 % loss and 20 ms round trip",
        path: Path {
            delay_ms: 10,
            loss: 10,
            ..Path::GOOD
        },
        count: (1000, 200),
        p99_ms: 150,
        is_short: true,
    },
    Paced {
        name: "p99-loss-5",
        what: "answers over 5 % loss and 20 ms round trip",
        path: Path {
            delay_ms: 10,
            loss: 50,
            ..Path::GOOD
        },
        count: (1000, 200),
        // No more than a round of consensus has for a vote.
        p99_ms: 1000,
        is_short: false,
    },
];

/// Plays one; returns its figures.
///
/// # Errors
/// What was not as demanded, with the last words of every part.
pub fn play(
    stage: &Stage,
    combination: Combination,
    paced: &Paced,
    manner: Manner,
) -> Outcome<String> {
    let scene = Scene::build(stage, combination, Setup::GOOD, manner.seed)?;
    scene.relay.set(paced.path);
    let count = if manner.is_short {
        paced.count.1
    } else {
        paced.count.0
    };
    let measured = ask(&scene.world.sekai, count, REST);
    let latencies = measured.map_err(|text| format!("{text}\n{}", scene.last_words()))?;
    let [p50, p99, most] = [500, 990, 1000].map(|share| latencies.of_thousand_ms(share));
    let slack = Slack::now();
    let figures = format!("p50 {p50:.1} ms, p99 {p99:.1} ms, at most {most:.1} ms, {slack}");
    let limit = slack.grown(Duration::from_millis(paced.p99_ms.into()));
    if combination.is_all_ours() && p99 > limit.as_secs_f64() * 1e3 {
        return Err(format!("p99 over {} ms: {figures}", limit.as_millis()));
    }
    Ok(figures)
}
