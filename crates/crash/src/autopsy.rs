//! What is on disk while the signer is dead.
//!
//! Invariants, checked after every death:
//! - The recovered mark is at or past the highest release, and at or past what was recovered
//!   before; at the same place it is the same text.
//! - A mark past both is a request that was on its way, bit by bit.
//! - After a death of the process alone the document is a whole one for tmkms 0.15, and at or past
//!   the highest release as well.

use std::process::Command;

use privval::{Canonical, Hrs};
use serde::Deserialize;

use crate::world::{Model, World};

/// What died.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Death {
    /// The process; what it had written to files is there.
    Process,
    /// The machine; what was not synced may be gone.
    Machine,
}

/// What the disk says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Finding {
    /// The signer can go on from here.
    Recovered,
    /// The signer would not start; this is what it says.
    NeedsOperator(String),
}

/// What `tmkms state export` prints.
#[derive(Debug, Deserialize)]
struct Exported {
    height: String,
    round: String,
    step: u8,
    sign_bytes: Option<String>,
}

/// tmkms 0.15's own form of the state, and nothing beyond it.
#[derive(Debug, Deserialize)]
struct PeerState {
    height: String,
    round: String,
    step: i8,
    block_id: Option<PeerBlockId>,
}

#[derive(Debug, Deserialize)]
struct PeerBlockId {
    hash: String,
    parts: PeerParts,
}

#[derive(Debug, Deserialize)]
struct PeerParts {
    total: u32,
    hash: String,
}

impl World {
    /// Looks at the state of a dead signer, and prepares the model for its next life.
    pub fn autopsy(&mut self, death: Death) -> Finding {
        let mark = match self.exported() {
            Ok(mark) => mark,
            Err(text) => {
                if death == Death::Process {
                    self.ledger
                        .violation(format!("the signer would not start again: {text}"));
                }
                return Finding::NeedsOperator(text);
            }
        };
        let in_flight = self.model.pending.take();
        let mut maybe = std::mem::take(&mut self.model.maybe);
        maybe.extend(in_flight.map(|ask| ask.canonical));
        self.check_mark(mark.as_ref(), &maybe);
        if death == Death::Process {
            self.check_document();
        }
        self.revive(mark, &maybe);
        Finding::Recovered
    }

    /// The mark from which the signer would go on, by its own account; `None` when it knows
    /// nothing.
    fn exported(&mut self) -> Result<Option<Canonical>, String> {
        let output = self.tmkms_state("export")?;
        let errors = String::from_utf8_lossy(&output.stderr).into_owned();
        if !output.status.success() {
            let knows_nothing = errors.contains("there is nothing to export");
            return if knows_nothing { Ok(None) } else { Err(errors) };
        }
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        match serde_json::from_str::<Exported>(text.trim()) {
            Ok(exported) => Ok(self.mark_of(&exported)),
            Err(error) => Err(format!("its export {text:?} is no JSON: {error}")),
        }
    }

    fn mark_of(&mut self, exported: &Exported) -> Option<Canonical> {
        let Exported {
            height,
            round,
            step,
            sign_bytes,
        } = exported;
        let place = format!("{height}/{round}/{step}");
        let bytes = sign_bytes.as_ref().and_then(|text| hex::decode(text).ok());
        let mark = bytes.and_then(|bytes| Canonical::parse(&bytes).ok());
        if mark.as_ref().map(|m| m.hrs().to_string()) != Some(place.clone()) {
            self.ledger.violation(format!(
                "the mark at {place} has lost its sign bytes, or has others: {sign_bytes:?}"
            ));
        }
        mark
    }

    fn tmkms_state(&self, what: &str) -> Result<std::process::Output, String> {
        Command::new(&self.binary)
            .args(["state", what, "-c"])
            .arg(self.home.config())
            .output()
            .map_err(|error| error.to_string())
    }

    fn check_mark(&mut self, mark: Option<&Canonical>, maybe: &[Canonical]) {
        let released = self.ledger.highest().map(|r| r.canonical.clone());
        let recovered = self.model.mark.clone();
        let least = released
            .into_iter()
            .chain(recovered)
            .max_by_key(Canonical::hrs);
        let problem = match (mark, &least) {
            (None, None) => None,
            (None, Some(least)) => Some(format!(
                "LOST: nothing is known on disk, and {} was committed",
                least.hrs()
            )),
            (Some(mark), least) => mark_problem(mark, least.as_ref(), maybe),
        };
        if let Some(problem) = problem {
            self.ledger.violation(problem);
        }
    }

    /// The document as tmkms 0.15 would read it.
    fn check_document(&mut self) {
        let released = self.ledger.highest_place();
        let text = std::fs::read_to_string(self.home.state_file()).unwrap_or_default();
        let problem = match serde_json::from_str::<PeerState>(text.trim()) {
            Ok(state) => state.problem(released),
            // The death came before it was made.
            Err(_) if released.is_none() && text.is_empty() => None,
            Err(error) => Some(format!("tmkms 0.15 cannot read the document: {error}")),
        };
        if let Some(problem) = problem {
            self.ledger.violation(problem);
        }
    }

    /// The next life begins with what a node would repeat, and with what would be worst.
    fn revive(&mut self, mark: Option<Canonical>, maybe: &[Canonical]) {
        let mut opening = Vec::new();
        if let Some(released) = self.ledger.highest() {
            opening.push(self.script.same(&released.canonical.clone()));
        }
        if let Some(released) = self.ledger.highest() {
            opening.push(self.script.at_another_time(&released.canonical.clone()));
        }
        if let Some(lost) = maybe.last().or(mark.as_ref()) {
            opening.push(self.script.conflicting(lost));
            opening.push(self.script.same(lost));
        }
        opening.reverse();
        self.model = Model {
            mark,
            opening,
            ..Model::default()
        };
    }

    /// Asks the signer's other command, for people, which must say the same.
    pub fn check_state_show(&mut self) {
        let told = match self.tmkms_state("show") {
            Ok(output) => String::from_utf8_lossy(&output.stdout).into_owned(),
            Err(error) => error,
        };
        let want = self.model.mark.as_ref().map_or_else(
            || "last signed: nothing is known".to_owned(),
            |mark| format!("last signed: h/r/s {}\n", mark.hrs()),
        );
        if !told.contains(&want) {
            self.ledger.violation(format!(
                "`tmkms state show` was expected to say {want:?} and said {told:?}"
            ));
        }
    }
}

fn mark_problem(
    mark: &Canonical,
    least: Option<&Canonical>,
    maybe: &[Canonical],
) -> Option<String> {
    let place = mark.hrs();
    match least {
        Some(least) if place < least.hrs() => Some(format!(
            "LOST: the mark on disk is {place}, and {} was committed",
            least.hrs()
        )),
        Some(least) if place == least.hrs() && mark != least => Some(format!(
            "the mark on disk at {place} is not what was committed there"
        )),
        Some(least) if place == least.hrs() => None,
        _ if maybe.contains(mark) => None,
        _ => Some(format!("the mark on disk at {place} was never asked for")),
    }
}

impl PeerState {
    fn problem(&self, released: Option<Hrs>) -> Option<String> {
        let (Ok(height), Ok(round)) = (self.height.parse::<i64>(), self.round.parse::<i32>())
        else {
            return Some(format!("tmkms 0.15 cannot read the numbers of {self:?}"));
        };
        let is_hash = |text: &str| text.len() == 64 && hex::decode(text).is_ok();
        let block_is_whole = self.block_id.as_ref().is_none_or(|block| {
            is_hash(&block.hash) && is_hash(&block.parts.hash) && block.parts.total > 0
        });
        if !block_is_whole {
            return Some(format!("tmkms 0.15 cannot read the block of {self:?}"));
        }
        let released = released?;
        let step = i8::try_from(released.step.number()).unwrap_or(i8::MAX);
        let needed = (released.height.value(), released.round.value(), step);
        ((height, round, self.step) < needed).then(|| {
            format!(
                "LOST for tmkms 0.15: the document says {height}/{round}/{}, and {released} was \
                 released",
                self.step
            )
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use privval::{ChainId, Height, Timestamp};
    use testnode::prevote;

    fn at(height: i64) -> Canonical {
        let chain = ChainId::new("crash-1").unwrap();
        prevote(
            &chain,
            Height::try_from(height).unwrap(),
            Timestamp::GO_ZERO,
        )
    }

    fn problem(mark: i64, least: i64, maybe: &[Canonical]) -> Option<String> {
        mark_problem(&at(mark), Some(&at(least)), maybe)
    }

    #[test]
    fn mark_below_the_last_commit_is_lost() {
        assert!(problem(4, 5, &[]).unwrap().starts_with("LOST"));
    }

    #[test]
    fn mark_at_the_last_commit_is_right_if_its_text_is() {
        assert_eq!(problem(5, 5, &[]), None);
        let mut other = at(5);
        if let Canonical::Vote(vote) = &mut other {
            vote.block_id = None;
        }
        let told = mark_problem(&other, Some(&at(5)), &[]);
        assert!(told.unwrap().contains("not what was committed"));
    }

    #[test]
    fn mark_past_the_last_commit_must_have_been_on_its_way() {
        assert_eq!(problem(6, 5, &[at(6)]), None);
        assert!(problem(6, 5, &[at(7)]).unwrap().contains("never asked for"));
    }

    #[test]
    fn document_is_read_as_the_peer_reads_it() {
        let read = |text: &str| serde_json::from_str::<PeerState>(text).unwrap();
        let state = read(r#"{"height":"5","round":"0","step":1,"block_id":null,"chain_id":"x"}"#);
        assert_eq!(state.problem(Some(at(5).hrs())), None);
        assert_eq!(state.problem(None), None);
        assert!(
            state
                .problem(Some(at(6).hrs()))
                .unwrap()
                .starts_with("LOST")
        );
        let cut = r#"{"height":"5","round":"0","step":1,"block_id":{"hash":"AB","parts":{"total":1,"hash":""}}}"#;
        assert!(read(cut).problem(None).unwrap().contains("block"));
    }
}
