//! What is set up wrong, and what our signer and our gateway have to say about it: others only
//! show silence, so these rows are for combinations with our tunnel.

use std::time::{Duration, Instant};

use crate::Outcome;
use crate::binaries::fake_clock;
use crate::combination::{Combination, GatewayKind};
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
    /// What has to be said with wireguard-go at the other end, which itself says nothing.
    pub with_host: Words,
    /// What has to be said with our gateway there.
    pub with_gateway: Words,
}

/// Words that have to stand in one line of a log; none demand nothing.
#[derive(Clone, Copy, Debug, Default)]
pub struct Words {
    /// Of the signer.
    pub signer: &'static [&'static str],
    /// Of the gateway.
    pub gateway: &'static [&'static str],
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
        with_host: signer(&["no answer", "PublicKey"]),
        with_gateway: Words {
            signer: &["no answer", "PublicKey"],
            gateway: &["begins a handshake as", "no peer here"],
        },
    },
    Trouble {
        name: "wrong-psk",
        what: "the pre-shared keys differ",
        cause: Cause::Line(Mistake::PresharedKey),
        with_host: signer(&["PresharedKey differs"]),
        with_gateway: Words {
            signer: &["PresharedKey differs"],
            gateway: &["PresharedKey differs"],
        },
    },
    Trouble {
        name: "wrong-ips",
        what: "the signer's AllowedIPs do not cover the validator",
        cause: Cause::Line(Mistake::AllowedIps),
        with_host: signer(&["outside the tunnels"]),
        with_gateway: signer(&["outside the tunnels"]),
    },
    Trouble {
        name: "wrong-ips-there",
        what: "the validator's AllowedIPs do not cover the signer",
        cause: Cause::Line(Mistake::TheirAllowedIps),
        with_host: signer(&["answers no packet", "AllowedIPs"]),
        // It does not start at all.
        with_gateway: Words {
            signer: &[],
            gateway: &["AllowedIPs"],
        },
    },
    Trouble {
        name: "closed-port",
        what: "nobody listens at the endpoint's port",
        cause: Cause::Line(Mistake::ClosedPort),
        with_host: signer(&["nothing listens on UDP"]),
        with_gateway: signer(&["nothing listens on UDP"]),
    },
    Trouble {
        name: "clock-back",
        what: "the signer's clock is an hour back",
        cause: Cause::ClockBack,
        with_host: signer(&["clock"]),
        // It lets the signer in all the same, by a handshake the other way round.
        with_gateway: Words {
            signer: &[],
            gateway: &["clock was set back"],
        },
    },
];

const fn signer(words: &'static [&'static str]) -> Words {
    Words {
        signer: words,
        gateway: &[],
    }
}

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
    let mut known = (0, scene.gateway_output().len());
    if trouble.cause == Cause::ClockBack {
        scene.begin()?;
        scene.stop(Part::Signer);
        known = (scene.signer.output().len(), scene.gateway_output().len());
        start_an_hour_back(scene)?;
    }
    let words = match scene.combination.gateway {
        GatewayKind::Host => trouble.with_host,
        GatewayKind::Ours => trouble.with_gateway,
    };
    let start = Instant::now();
    let limit = Slack::now().grown(LIMIT);
    let of_signer = said("the signer", words.signer, limit, || {
        news(&scene.signer.output(), known.0)
    })?;
    let rest = limit.saturating_sub(start.elapsed());
    let of_gateway = said("the gateway", words.gateway, rest, || {
        news(&scene.gateway_output(), known.1)
    })?;
    let seconds = start.elapsed().as_secs_f32();
    Ok(format!("after {seconds:.1} s{of_signer}{of_gateway}"))
}

fn start_an_hour_back(scene: &mut Scene) -> Outcome {
    let library = fake_clock().ok_or("libfaketime is not installed")?;
    let library = library.display().to_string();
    let clock = [
        ("LD_PRELOAD", library.as_str()),
        ("FAKETIME", "-1h"),
        // The time between two events goes on as it does.
        ("FAKETIME_DONT_FAKE_MONOTONIC", "1"),
    ];
    scene.signer.start_with(&scene.world.signer, &clock);
    Ok(())
}

/// What a log has that it did not have when it was `known` bytes long.
fn news(output: &str, known: usize) -> String {
    output.get(known..).unwrap_or_default().to_owned()
}

/// Waits for a line with all words, and returns it for the screen.
fn said(who: &str, words: &[&str], limit: Duration, log: impl Fn() -> String) -> Outcome<String> {
    if words.is_empty() {
        return Ok(String::new());
    }
    let what = format!("{who} says {}", words.join(" … "));
    let line = until(&what, limit, || {
        let log = log();
        let has_all = |line: &&str| words.iter().all(|word| line.contains(word));
        log.lines().find(has_all).map(|line| line.trim().to_owned())
    })?;
    Ok(format!("\n     {who}: {line}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_words_have_to_stand_in_one_line() {
        let say = |log: &'static str| {
            said("x", &["AllowedIPs", "peer"], Duration::ZERO, || {
                log.to_owned()
            })
        };
        assert_eq!(
            say("a\n the peer's AllowedIPs \n").unwrap(),
            "\n     x: the peer's AllowedIPs"
        );
        let error = say("AllowedIPs\npeer\n").unwrap_err();
        assert!(error.contains("until x says AllowedIPs … peer"), "{error}");
    }
}
