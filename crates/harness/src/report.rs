//! What came of a run.

use privval::{PublicKey, Version};
use serde::{Serialize, Serializer};

use crate::key;
use crate::latency::Latency;

/// How much hangs on a case.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// Otherwise the validator signs twice, loses votes, or stops its node.
    Must,
    /// Otherwise something is worse than it need be, and no vote is lost in normal operation.
    Should,
    /// Signers differ, and a node can live with each of them: told, not judged.
    Differs,
}

/// What came of a case.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "verdict", rename_all = "snake_case")]
pub enum Verdict {
    /// As the node relies on.
    Passed {
        /// What there is to say about it.
        note: Option<String>,
    },
    /// Otherwise.
    Failed {
        /// What the signer did.
        note: String,
    },
    /// It does not apply.
    Skipped {
        /// Why.
        note: String,
    },
    /// It was not asked for any more.
    NotReached {
        /// Why.
        note: String,
    },
}

/// Under which heading a case stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Group {
    /// What comes first.
    Start,
    /// What is asked as a node of that version.
    Version(Version),
    /// What is the same in every version.
    Every,
}

/// A case and what came of it.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Finding {
    /// Under which heading.
    pub group: Group,
    /// Its name.
    pub name: &'static str,
    /// What a node relies on.
    pub relies_on: &'static str,
    /// How much hangs on it.
    pub severity: Severity,
    /// What came of it.
    #[serde(flatten)]
    pub verdict: Verdict,
}

/// Everything that came of a run.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Report {
    /// The chain that was asked for.
    pub chain_id: String,
    /// The first height that was asked for, and the last.
    pub heights: (i64, i64),
    /// The signer's public key, with its kind, if it told it.
    #[serde(serialize_with = "told_key")]
    pub public_key: Option<PublicKey>,
    /// How many times the signer connected.
    pub connections: u32,
    /// What many requests in a row took, if it came to that.
    pub latency: Option<Latency>,
    /// Whether all that must pass has passed.
    pub passed: bool,
    /// The cases, in their order.
    pub cases: Vec<Finding>,
}

/// How many cases there are of a severity, and what came of them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Passed.
    pub passed: usize,
    /// Failed.
    pub failed: usize,
    /// Do not apply.
    pub skipped: usize,
    /// Were not asked any more.
    pub not_reached: usize,
}

impl Report {
    /// Counts the cases of a severity.
    #[must_use]
    pub fn count(&self, severity: Severity) -> Counts {
        let mut counts = Counts::default();
        for case in self.cases.iter().filter(|case| case.severity == severity) {
            match case.verdict {
                Verdict::Passed { .. } => counts.passed += 1,
                Verdict::Failed { .. } => counts.failed += 1,
                Verdict::Skipped { .. } => counts.skipped += 1,
                Verdict::NotReached { .. } => counts.not_reached += 1,
            }
        }
        counts
    }

    /// True when no must has failed and every one was reached.
    pub(crate) fn all_musts_passed(&self) -> bool {
        let musts = self.count(Severity::Must);
        musts.failed == 0 && musts.not_reached == 0 && musts.passed > 0
    }
}

impl Group {
    /// The name in the report's JSON: `start`, `v0.38`, `every`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Start => "start",
            Self::Version(version) => version.name(),
            Self::Every => "every",
        }
    }
}

impl Serialize for Group {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.name())
    }
}

fn told_key<S: Serializer>(key: &Option<PublicKey>, serializer: S) -> Result<S::Ok, S::Error> {
    key.as_ref().map(key::told).serialize(serializer)
}
