//! What the node waits for by itself after a fault. No signer can shorten it, so it is told and
//! not counted.

use std::fmt;
use std::time::Duration;

use crate::evidence::Late;
use crate::sekai::TIMEOUT_PRECOMMIT;

/// What our gateway says when the node's kernel has taken the connection.
const REACHED: &str = "is connected to the node";
/// What our signer says when the node itself has.
const ACCEPTED: &str = "connected to validator successfully";
const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// The node's own waits between the end of a fault and the next block.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Waits {
    /// Between two rounds. It takes a round without a block when the proposal was signed after
    /// `timeout_propose`, however soon the signer is back.
    pub rounds: Duration,
    /// Until it looks for a signer. Without one it looks for 3 s each time that it wants a
    /// signature, and not between these times.
    pub accept: Duration,
}

impl Waits {
    /// What the blocks since a height tell, and what gateway and signer have logged since the end
    /// of the fault.
    pub fn find(late: &[Late], since: u64, gateway: &str, signer: &str) -> Self {
        let after = late.iter().filter(|late| late.height >= since);
        let rounds = after.map(|late| late.round).max().unwrap_or_default();
        Self {
            rounds: TIMEOUT_PRECOMMIT * u32::try_from(rounds).unwrap_or(u32::MAX),
            accept: between(gateway, signer).unwrap_or_default(),
        }
    }

    /// Both.
    pub fn total(self) -> Duration {
        self.rounds + self.accept
    }
}

impl fmt::Display for Waits {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let parts = [
            (self.accept, "until the node accepted"),
            (self.rounds, "between two rounds"),
        ];
        for (wait, what) in parts {
            if wait.as_millis() > 0 {
                write!(f, "{} of them {what}, ", wait.as_millis())?;
            }
        }
        Ok(())
    }
}

/// From the first connection to the node's kernel to the first handshake with the node. Both logs
/// are written by one clock.
fn between(gateway: &str, signer: &str) -> Option<Duration> {
    let reached = time_of(gateway, REACHED)?;
    let accepted = time_of(signer, ACCEPTED)?;
    let wait = (accepted + DAY).saturating_sub(reached);
    let wait = if wait >= DAY { wait - DAY } else { wait };
    // Accepted before it was reached again: that connection had outlived the fault.
    (wait < DAY / 2).then_some(wait)
}

/// The time of day of the first line with these words: `2026-11-29T01:05:37.372732Z …`.
fn time_of(log: &str, words: &str) -> Option<Duration> {
    let line = log.lines().find(|line| line.contains(words))?;
    let (time, _) = line.split_once('T')?.1.split_once('Z')?;
    let mut fields = time.split(':');
    let hours: u64 = fields.next()?.parse().ok()?;
    let minutes: u64 = fields.next()?.parse().ok()?;
    let seconds: f64 = fields.next()?.parse().ok()?;
    let seconds = Duration::try_from_secs_f64(seconds).ok()?;
    Some(Duration::from_secs((hours * 60 + minutes) * 60) + seconds)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn find(gateway: &str, signer: &str) -> Waits {
        let gateway =
            format!("x\n2026-11-29T{gateway}Z  INFO g: port 1: a is connected to the node\n");
        let signer = format!(
            "2026-11-29T{signer}Z  INFO s: [c@a] connected to validator successfully, inside wg0\n"
        );
        Waits::find(&[], 0, &gateway, &signer)
    }

    #[test]
    fn it_is_the_time_from_the_kernel_to_the_node() {
        let waits = find("01:05:37.372732", "01:05:39.326606");
        assert_eq!(waits.accept, Duration::from_micros(1_953_874));
        assert_eq!(waits.to_string(), "1953 of them until the node accepted, ");
        assert_eq!(find("23:59:59.9", "00:00:00.1").accept.as_millis(), 200);
        assert_eq!(find("01:00:00.2", "01:00:00.1").accept, Duration::ZERO);
        assert_eq!(Waits::find(&[], 0, "", "").total(), Duration::ZERO);
    }

    #[test]
    fn only_rounds_after_the_fault_count() {
        let late = |height, round| Late { height, round };
        let waits = Waits::find(&[late(4, 3), late(6, 1)], 5, "", "");
        assert_eq!(waits.total(), TIMEOUT_PRECOMMIT);
        assert_eq!(waits.to_string(), "1000 of them between two rounds, ");
    }
}
