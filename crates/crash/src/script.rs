//! What the recording node asks next: mostly what a node would, now and then what a broken or
//! forked one would.

use chance::Rng;
use privval::{BlockId, Canonical, ChainId, Height, Hrs, Proposal, Round, Step, Timestamp};
use privval::{Vote, VoteType};

use crate::ledger::Ask;

/// Makes requests for one chain.
#[derive(Debug)]
pub struct Script {
    rng: Rng,
    chain_id: ChainId,
    clock: i64,
}

impl Script {
    /// Requests for a chain.
    #[must_use]
    pub fn new(rng: Rng, chain_id: ChainId) -> Self {
        Self {
            rng,
            chain_id,
            clock: 1_700_000_000,
        }
    }

    /// The next step, as a node without trouble takes it: for the tracing of whole cycles.
    pub fn plain(&mut self, mark: Option<&Canonical>) -> Ask {
        let place = following(mark.map(Canonical::hrs));
        let block = self.block();
        self.ask(place, Some(block))
    }

    /// Anything at all.
    pub fn mixed(&mut self, mark: Option<&Canonical>) -> Ask {
        let Some(mark) = mark else {
            return self.plain(None);
        };
        match self.rng.below(100) {
            0..70 => self.later(mark.hrs()),
            70..80 => self.same(mark),
            80..87 => self.at_another_time(mark),
            87..95 => self.conflicting(mark),
            _ => self.earlier(mark.hrs()),
        }
    }

    /// The same again.
    pub fn same(&mut self, canonical: &Canonical) -> Ask {
        Ask {
            extension: self.extension(canonical),
            canonical: canonical.clone(),
        }
    }

    /// The same, with the clock of another node.
    pub fn at_another_time(&mut self, canonical: &Canonical) -> Ask {
        let mut canonical = canonical.clone();
        let now = self.now();
        match &mut canonical {
            Canonical::Vote(vote) => vote.timestamp = now,
            Canonical::Proposal(proposal) => proposal.timestamp = now,
        }
        self.same(&canonical)
    }

    /// Another message at the same place.
    pub fn conflicting(&mut self, canonical: &Canonical) -> Ask {
        let mut canonical = canonical.clone();
        let other = self.block();
        match &mut canonical {
            Canonical::Proposal(proposal) if self.rng.percent(30) => proposal.pol_round += 1,
            Canonical::Proposal(proposal) => proposal.block_id = other,
            Canonical::Vote(vote) if vote.block_id.is_some() && self.rng.percent(30) => {
                vote.block_id = None;
            }
            Canonical::Vote(vote) => vote.block_id = Some(other),
        }
        self.same(&canonical)
    }

    /// A place of one's own choice, for a block or for nil.
    pub fn at(&mut self, place: Hrs) -> Ask {
        let block = self.block();
        let nil = self.rng.percent(15);
        self.ask(place, (!nil).then_some(block))
    }

    /// A place of one's own choice, for the block that every script has there.
    pub fn agreed(&mut self, place: Hrs) -> Ask {
        self.ask(place, Some(testnode::block_id(&place.to_string())))
    }

    fn later(&mut self, mark: Hrs) -> Ask {
        let place = match self.rng.below(20) {
            0 => next_round(mark),
            1 => next_height(mark),
            _ => following(Some(mark)),
        };
        self.at(place)
    }

    fn earlier(&mut self, mark: Hrs) -> Ask {
        let mut place = mark;
        let back = i64::try_from(self.rng.below(3)).unwrap_or_default() + 1;
        place.height = height((mark.height.value() - back).max(1));
        self.at(place)
    }

    fn ask(&mut self, place: Hrs, block_id: Option<BlockId>) -> Ask {
        let timestamp = self.now();
        let (height, round) = (place.height, place.round);
        let chain_id = self.chain_id.clone();
        let vote = |vote_type| {
            Canonical::Vote(Vote {
                vote_type,
                height,
                round,
                block_id,
                timestamp,
                chain_id: chain_id.clone(),
            })
        };
        let canonical = match place.step {
            Step::Prevote => vote(VoteType::Prevote),
            Step::Precommit => vote(VoteType::Precommit),
            Step::Propose => Canonical::Proposal(Proposal {
                height,
                round,
                pol_round: -1,
                block_id: block_id.unwrap_or_else(|| self.block()),
                timestamp,
                chain_id: chain_id.clone(),
            }),
        };
        self.same(&canonical)
    }

    fn block(&mut self) -> BlockId {
        BlockId {
            hash: self.rng.bytes(),
            parts_total: 1 + u32::from(self.rng.percent(50)),
            parts_hash: self.rng.bytes(),
        }
    }

    fn extension(&mut self, canonical: &Canonical) -> Vec<u8> {
        match canonical {
            Canonical::Vote(vote) if vote.may_be_extended() && self.rng.percent(50) => {
                self.rng.bytes::<16>().to_vec()
            }
            _ => Vec::new(),
        }
    }

    fn now(&mut self) -> Timestamp {
        self.clock += 1;
        Timestamp {
            seconds: self.clock,
            nanos: i32::try_from(self.rng.below(1_000_000_000)).unwrap_or_default(),
        }
    }
}

/// The place after another, as consensus goes when all agree.
#[must_use]
pub fn following(place: Option<Hrs>) -> Hrs {
    let Some(place) = place else {
        return Hrs {
            height: Height::FIRST,
            round: Round::default(),
            step: Step::Propose,
        };
    };
    let step = match place.step {
        Step::Propose => Step::Prevote,
        Step::Prevote => Step::Precommit,
        Step::Precommit => return next_height(place),
    };
    Hrs { step, ..place }
}

/// The proposal of the next height.
#[must_use]
pub fn next_height(place: Hrs) -> Hrs {
    Hrs {
        height: height(place.height.value().saturating_add(1)),
        round: Round::default(),
        step: Step::Propose,
    }
}

fn next_round(place: Hrs) -> Hrs {
    let round = place.round.value().saturating_add(1);
    Hrs {
        round: Round::try_from(round).unwrap_or_default(),
        step: Step::Propose,
        ..place
    }
}

fn height(value: i64) -> Height {
    Height::try_from(value).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rule::{Expected, expected};

    fn script() -> Script {
        Script::new(Rng::new(3), ChainId::new("crash-1").unwrap())
    }

    #[test]
    fn plain_requests_go_from_height_to_height_and_are_all_to_be_signed() {
        let mut script = script();
        let mut mark = None;
        let mut places = Vec::new();
        for _ in 0..7 {
            let ask = script.plain(mark.as_ref());
            assert_eq!(
                expected(mark.as_ref(), &ask.canonical),
                Expected::SignatureOver(Box::new(ask.canonical.clone()))
            );
            places.push(ask.canonical.hrs().to_string());
            mark = Some(ask.canonical);
        }
        assert_eq!(
            places,
            [
                "1/0/0", "1/0/1", "1/0/2", "2/0/0", "2/0/1", "2/0/2", "3/0/0"
            ]
        );
    }

    #[test]
    fn conflicting_request_is_to_be_refused_and_one_at_another_time_repeated() {
        let mut script = script();
        for step in [Step::Propose, Step::Prevote, Step::Precommit] {
            for _ in 0..50 {
                let place = Hrs {
                    step,
                    ..following(None)
                };
                let mark = script.at(place).canonical;
                let conflict = script.conflicting(&mark).canonical;
                assert_eq!(expected(Some(&mark), &conflict), Expected::Refusal);
                let repeat = script.at_another_time(&mark).canonical;
                assert_ne!(repeat, mark);
                assert_eq!(
                    expected(Some(&mark), &repeat),
                    Expected::SignatureOver(Box::new(mark.clone()))
                );
            }
        }
    }

    #[test]
    fn mixed_requests_are_of_every_kind() {
        let mut script = script();
        let mark = script.at(next_height(following(None))).canonical;
        let (mut later, mut repeated, mut refused) = (0, 0, 0);
        for _ in 0..300 {
            let asked = script.mixed(Some(&mark)).canonical;
            match expected(Some(&mark), &asked) {
                Expected::SignatureOver(what) if *what == asked && asked != mark => later += 1,
                Expected::SignatureOver(_) => repeated += 1,
                Expected::Refusal => refused += 1,
            }
        }
        assert!(later > 150 && repeated > 20 && refused > 10);
    }
}
