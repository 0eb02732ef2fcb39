//! What is set up wrong, and what our signer has to say about it: others only show silence, so
//! these rows are for combinations with our tunnel.

use std::time::Duration;

use crate::Outcome;
use crate::binaries::fake_clock;
use crate::combination::Combination;
use crate::machine::Slack;
use crate::play::Manner;
use crate::scene::{Part, Scene};
use crate::setup::{Mistake, Setup};
use crate::stage::Stage;
use crate::wait::until;

/// How soon the log has to name it.
const LIMIT: Duration = Duration::from_secs(15);

/// Something wrong.
#[derive(Clone, Copy, Debug)]
pub struct Trouble {
    /// Its name on the command line.
    pub name: &'static str,
    /// What is wrong, for people.
    pub what: &'static str,
    /// How.
    pub cause: Cause,
    /// Words of which the signer's log has to hold each.
    pub says: &'static [&'static str],
}

/// How it is wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cause {
    /// A line of the signer's wg0.conf.
    Line(Mistake),
    /// The signer was connected, and is started again an hour earlier by its clock.
    ClockBack,
}

/// All of them.
pub const TROUBLES: &[Trouble] = &[
    Trouble {
        name: "wrong-key",
        what: "the signer's private key is another",
        cause: Cause::Line(Mistake::Key),
        says: &["key"],
    },
    Trouble {
        name: "wrong-psk",
        what: "the pre-shared keys differ",
        cause: Cause::Line(Mistake::PresharedKey),
        says: &["PresharedKey"],
    },
    Trouble {
        name: "wrong-ips",
        what: "the signer's AllowedIPs do not cover the validator",
        cause: Cause::Line(Mistake::AllowedIps),
        says: &["AllowedIPs"],
    },
    Trouble {
        name: "closed-port",
        what: "nobody listens at the endpoint's port",
        cause: Cause::Line(Mistake::ClosedPort),
        says: &["port", "closed"],
    },
    Trouble {
        name: "clock-back",
        what: "the signer's clock is an hour back",
        cause: Cause::ClockBack,
        says: &["clock"],
    },
];

/// Plays one; returns its figures.
///
/// # Errors
/// What was not said, with the last words of every part.
pub fn play(
    stage: &Stage,
    combination: Combination,
    trouble: &Trouble,
    manner: Manner,
) -> Outcome<String> {
    let setup = Setup {
        mistake: match trouble.cause {
            Cause::Line(mistake) => Some(mistake),
            Cause::ClockBack => None,
        },
        ..Setup::GOOD
    };
    let mut scene = Scene::build(stage, combination, setup, manner.seed)?;
    let named = meet(&mut scene, trouble);
    named.map_err(|text| format!("{text}\n{}", scene.last_words()))
}

fn meet(scene: &mut Scene, trouble: &Trouble) -> Outcome<String> {
    let mut known = 0;
    if trouble.cause == Cause::ClockBack {
        scene.begin()?;
        scene.stop(Part::Signer);
        known = scene.signer.output().len();
        let library = fake_clock().ok_or("libfaketime is not installed")?;
        let library = library.display().to_string();
        let clock = [
            ("LD_PRELOAD", library.as_str()),
            ("FAKETIME", "-1h"),
            ("FAKETIME_DONT_FAKE_MONOTONIC", "1"),
        ];
        scene.signer.start_with(&scene.world.signer, &clock);
    }
    let start = std::time::Instant::now();
    let slack = Slack::now();
    let what = format!("the signer's log says {}", trouble.says.join(" and "));
    let line = until(&what, slack.grown(LIMIT), || {
        let output = scene.signer.output();
        let news = output.get(known..)?;
        let has_all = |line: &&str| trouble.says.iter().all(|word| line.contains(word));
        news.lines().find(has_all).map(str::to_owned)
    })?;
    let seconds = start.elapsed().as_secs_f32();
    Ok(format!("after {seconds:.1} s: {}", line.trim()))
}
