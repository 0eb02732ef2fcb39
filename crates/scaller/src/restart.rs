//! When sekaid is run again after it ended, and how soon: decisions only, no process.

use std::fmt::{self, Display};
use std::str::FromStr;
use std::time::Duration;

use crate::listener::Stage;

/// Waits before a restart, in seconds; the last one stays.
const BACKOFF_S: [u64; 6] = [1, 2, 5, 10, 15, 30];

/// Waits before sekaid is given another chance to find its signer, in seconds. Short, because the
/// signer can only connect while sekaid runs: it listens for 3 s and is back within half a second.
const SIGNER_BACKOFF_S: [u64; 4] = [1, 1, 2, 3];

/// A signer that connects and does not get sekaid any further gets this many chances in a row;
/// then it counts as any other failure.
const SIGNER_CHANCES: u32 = 5;

/// A run of this length was a good one: failures before it no longer count.
const GOOD_RUN: Duration = Duration::from_secs(60);

/// `--restart`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Policy {
    /// At most this many restarts in a row, after failures only.
    Times(u32),
    /// After every end that nobody asked for.
    Always,
}

impl FromStr for Policy {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text == "always" {
            return Ok(Self::Always);
        }
        text.parse()
            .map(Self::Times)
            .map_err(|_| "expected a number of restarts, or `always`".to_owned())
    }
}

impl Display for Policy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Times(count) => write!(f, "{count}"),
            Self::Always => f.write_str("always"),
        }
    }
}

/// How one run of sekaid ended without being asked to.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Ended {
    /// Its exit code, 128 + N for signal N.
    pub(crate) code: u8,
    /// How long it ran.
    pub(crate) ran: Duration,
    /// How far it came with its signer; `None` if it signs by itself.
    pub(crate) stage: Option<Stage>,
}

/// What to do about it.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Next {
    /// Give up and pass the exit code on.
    Exit,
    /// No signer came: run it again after the wait, as often as it takes.
    WaitForSigner(Duration),
    /// A signer came and sekaid still ended before it ran: again, a few times.
    TrySigner(Duration),
    /// Run it again, because the policy says so.
    Restart(Duration),
}

/// What has happened so far.
#[derive(Debug)]
pub(crate) struct Restarts {
    policy: Policy,
    failures: u32,
    signer_missed: u32,
    signer_failed: u32,
}

impl Restarts {
    pub(crate) fn new(policy: Policy) -> Self {
        Self {
            policy,
            failures: 0,
            signer_missed: 0,
            signer_failed: 0,
        }
    }

    /// How often in a row no signer came.
    pub(crate) fn signer_missed(&self) -> u32 {
        self.signer_missed
    }

    /// Decides after a run that ended without being asked to.
    pub(crate) fn after(&mut self, ended: Ended) -> Next {
        if ended.code != 0 && ended.stage == Some(Stage::Listening) {
            let pause = step(&SIGNER_BACKOFF_S, self.signer_missed);
            self.signer_missed = self.signer_missed.saturating_add(1);
            return Next::WaitForSigner(pause);
        }
        self.signer_missed = 0;
        if ended.code != 0
            && ended.stage == Some(Stage::Connected)
            && self.signer_failed < SIGNER_CHANCES
        {
            let pause = step(&SIGNER_BACKOFF_S, self.signer_failed);
            self.signer_failed = self.signer_failed.saturating_add(1);
            return Next::TrySigner(pause);
        }
        if ended.ran >= GOOD_RUN {
            self.failures = 0;
            self.signer_failed = 0;
        }
        let again = match self.policy {
            Policy::Always => true,
            Policy::Times(count) => ended.code != 0 && self.failures < count,
        };
        if !again {
            return Next::Exit;
        }
        let pause = step(&BACKOFF_S, self.failures);
        self.failures = self.failures.saturating_add(1);
        Next::Restart(pause)
    }
}

fn step(waits_s: &[u64], number: u32) -> Duration {
    let index = usize::try_from(number).unwrap_or(usize::MAX);
    let wait_s = waits_s.get(index).or(waits_s.last()).copied();
    Duration::from_secs(wait_s.unwrap_or(1))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ended(code: u8, ran_s: u64, stage: Option<Stage>) -> Ended {
        Ended {
            code,
            ran: Duration::from_secs(ran_s),
            stage,
        }
    }

    fn restart(seconds: u64) -> Next {
        Next::Restart(Duration::from_secs(seconds))
    }

    #[test]
    fn always_backs_off_as_the_original_does_and_starts_anew_after_a_good_run() {
        let mut restarts = Restarts::new(Policy::Always);
        for seconds in [1, 2, 5, 10, 15, 30, 30] {
            assert_eq!(restarts.after(ended(1, 3, None)), restart(seconds));
        }
        assert_eq!(restarts.after(ended(1, 60, None)), restart(1));
        assert_eq!(restarts.after(ended(0, 1, None)), restart(2));
    }

    #[test]
    fn a_number_is_of_failures_in_a_row() {
        let mut restarts = Restarts::new(Policy::Times(2));
        assert_eq!(restarts.after(ended(1, 3, None)), restart(1));
        assert_eq!(restarts.after(ended(1, 3, None)), restart(2));
        assert_eq!(restarts.after(ended(1, 61, None)), restart(1));
        assert_eq!(restarts.after(ended(1, 3, None)), restart(2));
        assert_eq!(restarts.after(ended(1, 3, None)), Next::Exit);
        assert_eq!(
            Restarts::new(Policy::Times(9)).after(ended(0, 3, None)),
            Next::Exit
        );
    }

    #[test]
    fn a_missing_signer_is_waited_for_without_end_and_without_a_policy() {
        let mut restarts = Restarts::new(Policy::Times(0));
        for _ in 0..1000 {
            let next = restarts.after(ended(1, 3, Some(Stage::Listening)));
            assert!(
                matches!(next, Next::WaitForSigner(pause) if pause <= Duration::from_secs(3)),
                "{next:?}"
            );
        }
        assert_eq!(
            restarts.after(ended(1, 3, Some(Stage::Running))),
            Next::Exit
        );
    }

    #[test]
    fn a_signer_that_gets_sekaid_no_further_is_given_up_after_some_chances() {
        let mut restarts = Restarts::new(Policy::Times(0));
        for _ in 0..SIGNER_CHANCES {
            let next = restarts.after(ended(1, 3, Some(Stage::Connected)));
            assert!(matches!(next, Next::TrySigner(_)), "{next:?}");
        }
        assert_eq!(
            restarts.after(ended(1, 3, Some(Stage::Connected))),
            Next::Exit
        );
    }

    #[test]
    fn a_failure_before_the_signer_is_asked_for_is_no_missing_signer() {
        let mut restarts = Restarts::new(Policy::Times(0));
        assert_eq!(
            restarts.after(ended(1, 1, Some(Stage::Starting))),
            Next::Exit
        );
    }

    #[test]
    fn a_policy_is_a_number_or_always() {
        assert_eq!("always".parse(), Ok(Policy::Always));
        assert_eq!("3".parse(), Ok(Policy::Times(3)));
        for wrong in ["", "-1", "ever", "1.5"] {
            assert!(wrong.parse::<Policy>().is_err(), "{wrong}");
        }
    }
}
