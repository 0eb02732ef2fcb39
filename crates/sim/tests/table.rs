//! The whole rule, for small bounds: every state that can be reached, against every request.
//!
//! The expectation is written from the specification in words (later: commit and sign; the same
//! but for the timestamp: the same signature; the same place with anything else: refused; earlier:
//! refused; and so on), over plain numbers. It shares no comparison with the guard.
#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a test may panic, and its figures are worth reading"
)]

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use guard::{Guard, Knowledge, Mark, Permit, RawBytesPolicy, Store, StoreError};
use privval::{
    BlockId, Canonical, ChainId, Height, Hrs, Proposal, Round, Step, Timestamp, Vote, VoteType,
};

const HEIGHTS: std::ops::RangeInclusive<i64> = 0..=3;
const ROUNDS: std::ops::RangeInclusive<i32> = 0..=1;
const TIMES: [i64; 2] = [1, 2];

/// A place as plain numbers.
type Place = (i64, i32, u8);

/// What is said at a place: a block by number (0 is nil) and a proof-of-lock round.
type Content = (u8, i32);

/// A request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Asked {
    place: Place,
    content: Content,
    time: i64,
    is_for_us: bool,
    max_height: Option<i64>,
}

/// What is known, as plain numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Nothing,
    /// Seconds since the first request, and the highest height asked for.
    Waiting(u64, i64),
    /// With or without a block for people to read.
    Floor(Place, Option<u8>),
    Signed(Place, Content, i64),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Verdict {
    Sign,
    /// The signature with this time.
    Again(i64),
    Refuse(&'static str),
}

/// The specification.
fn specified(state: State, asked: Asked) -> Verdict {
    if !asked.is_for_us {
        return Verdict::Refuse("wrong_chain");
    }
    if asked.max_height.is_some_and(|max| asked.place.0 > max) {
        return Verdict::Refuse("past_max_height");
    }
    match state {
        State::Nothing if asked.place.0 == 1 => Verdict::Sign,
        State::Waiting(seconds, highest) if seconds >= 30 && asked.place.0 > highest => {
            Verdict::Sign
        }
        State::Nothing | State::Waiting(..) => Verdict::Refuse("no_past"),
        State::Floor(place, _) | State::Signed(place, ..) if is_after(asked.place, place) => {
            Verdict::Sign
        }
        State::Floor(place, _) | State::Signed(place, ..) if is_after(place, asked.place) => {
            Verdict::Refuse("regression")
        }
        State::Floor(..) => Verdict::Refuse("unknown_content"),
        State::Signed(_, content, time) if content == asked.content => Verdict::Again(time),
        State::Signed(..) => Verdict::Refuse("conflict"),
    }
}

fn is_after(a: Place, b: Place) -> bool {
    if a.0 != b.0 {
        return a.0 > b.0;
    }
    if a.1 != b.1 {
        return a.1 > b.1;
    }
    a.2 > b.2
}

/// What is known afterwards.
fn next(state: State, asked: Asked, verdict: Verdict) -> State {
    let height = asked.place.0;
    match (verdict, state) {
        (Verdict::Sign, _) => State::Signed(asked.place, asked.content, asked.time),
        (Verdict::Refuse("no_past"), State::Nothing) => State::Waiting(0, height),
        (Verdict::Refuse("no_past"), State::Waiting(seconds, highest)) if seconds < 30 => {
            State::Waiting(seconds, highest.max(height))
        }
        _ => state,
    }
}

/// A state, and what it becomes when nobody asks.
fn in_time(state: State) -> Vec<State> {
    match state {
        State::Waiting(_, highest) => [0, 29, 30].map(|s| State::Waiting(s, highest)).into(),
        _ => vec![state],
    }
}

fn places() -> Vec<Place> {
    let mut places = Vec::new();
    for height in HEIGHTS {
        for round in ROUNDS {
            places.extend((0..3).map(|step| (height, round, step)));
        }
    }
    places
}

fn contents(place: Place) -> Vec<Content> {
    match place.2 {
        0 => vec![(1, -1), (1, 0), (2, -1), (2, 0)],
        _ => vec![(0, -1), (1, -1), (2, -1)],
    }
}

fn requests() -> Vec<Asked> {
    let mut requests = Vec::new();
    for place in places() {
        for content in contents(place) {
            for time in TIMES {
                for is_for_us in [true, false] {
                    for max_height in [None, Some(0), Some(1), Some(2), Some(3)] {
                        requests.push(Asked {
                            place,
                            content,
                            time,
                            is_for_us,
                            max_height,
                        });
                    }
                }
            }
        }
    }
    requests
}

/// Nothing known, and every mark that may have been imported.
fn first_states() -> Vec<State> {
    let mut states = vec![State::Nothing];
    for place in places() {
        states.extend([None, Some(1)].map(|block| State::Floor(place, block)));
    }
    states
}

#[test]
fn every_request_in_every_state_is_answered_as_specified() {
    let requests = requests();
    let mut states = first_states();
    let imported = states.len();
    let (mut signed, mut again, mut refused) = (0_u64, 0_u64, 0_u64);
    let mut index = 0;
    while let Some(state) = states.get(index).copied() {
        for asked in &requests {
            let verdict = specified(state, *asked);
            check(state, *asked, verdict);
            check_failing_store(state, *asked, verdict);
            for after in in_time(next(state, *asked, verdict)) {
                if !states.contains(&after) {
                    states.push(after);
                }
            }
            match verdict {
                Verdict::Sign => signed += 1,
                Verdict::Again(_) => again += 1,
                Verdict::Refuse(_) => refused += 1,
            }
        }
        index += 1;
    }
    let transitions = signed + again + refused;
    println!(
        "{} states, {} requests, {transitions} transitions: {signed} signed, {again} signed \
         again, {refused} refused; each once more with a store that fails",
        states.len(),
        requests.len(),
    );
    // Every message can be signed but the proposals of the very first place, which is not after
    // any mark; every height can be the highest that is let pass, at three moments.
    let messages: usize = places()
        .iter()
        .map(|p| contents(*p).len() * TIMES.len())
        .sum();
    let first_proposals = contents((0, 0, 0)).len() * TIMES.len();
    assert_eq!(states.len(), imported + messages - first_proposals + 4 * 3);
    assert_eq!(transitions, (states.len() * requests.len()) as u64);
    assert!(signed > 10_000 && again > 500 && refused > 10_000);
}

/// The real guard does as specified, and commits exactly what it signs anew.
fn check(state: State, asked: Asked, verdict: Verdict) {
    let store = Shelf::default();
    let (mut guard, now) = guard(state, store.clone());
    let request = asked.canonical();
    let answer = guard.permit(&request, max_height(asked), now);
    let committed = store.kept.lock().unwrap().clone();
    let context = || format!("{state:?}, {asked:?}: {answer:?}");
    match (&answer, verdict) {
        (Ok(permit), Verdict::Sign) => {
            assert!(!permit.is_replay(), "{}", context());
            assert_eq!(committed, std::slice::from_ref(&request), "{}", context());
        }
        (Ok(permit), Verdict::Again(time)) => {
            assert!(permit.is_replay(), "{}", context());
            assert_eq!(permit.timestamp().seconds, time, "{}", context());
            assert!(committed.is_empty(), "{}", context());
        }
        (Err(refusal), Verdict::Refuse(cause)) => {
            assert_eq!(refusal.cause(), cause, "{}", context());
            assert!(committed.is_empty(), "{}", context());
        }
        _ => unreachable!("expected {verdict:?}: {}", context()),
    }
    if let Ok(permit) = answer {
        let time = match verdict {
            Verdict::Again(time) => time,
            _ => asked.time,
        };
        let expected = Asked { time, ..asked }.canonical().sign_bytes();
        assert_eq!(Permit::from(permit).sign_bytes(), expected);
    }
    let after = next(state, asked, verdict);
    assert_eq!(*guard.knowledge(), after.knowledge());
    let waiting = guard.waiting().map(|w| (now - w.since, w.highest.value()));
    assert_eq!(waiting, after.waiting());
}

/// With a store that fails nothing new is signed, and then nothing at all.
fn check_failing_store(state: State, asked: Asked, verdict: Verdict) {
    let store = Shelf {
        fails: true,
        ..Shelf::default()
    };
    let (mut guard, now) = guard(state, store);
    let request = asked.canonical();
    let answer = guard.permit(&request, max_height(asked), now);
    if verdict != Verdict::Sign {
        assert_eq!(answer.is_ok(), matches!(verdict, Verdict::Again(_)));
        return;
    }
    assert_eq!(answer.unwrap_err().cause(), "store", "{state:?}, {asked:?}");
    assert_eq!(*guard.knowledge(), state.knowledge());
    let mut after = vec![request];
    if let Knowledge::Mark(Mark::Signed(signed)) = state.knowledge() {
        after.push(signed);
    }
    for request in after {
        let refusal = guard.permit(&request, None, now).unwrap_err();
        assert_eq!(refusal.cause(), "halted", "{state:?}, {asked:?}");
    }
}

/// A store in memory. Clones share what they keep.
#[derive(Clone, Default)]
struct Shelf {
    kept: Arc<Mutex<Vec<Canonical>>>,
    fails: bool,
}

impl Store for Shelf {
    fn commit(&mut self, signed: &Canonical) -> Result<(), StoreError> {
        if self.fails {
            return Err(StoreError("no space left on device".to_owned()));
        }
        self.kept.lock().unwrap().push(signed.clone());
        Ok(())
    }
}

/// A guard in a state, and what time it is then.
fn guard(state: State, store: Shelf) -> (Guard<Shelf>, Instant) {
    let mut guard = Guard::new(chain(true), state.knowledge(), RawBytesPolicy::Off, store);
    let start = Instant::now();
    let State::Waiting(seconds, highest) = state else {
        return (guard, start);
    };
    // Height 1 is signed when it comes first.
    for height in [0, highest] {
        let asked = Asked {
            place: (height, 0, 1),
            content: (0, -1),
            time: 1,
            is_for_us: true,
            max_height: None,
        };
        guard.permit(&asked.canonical(), None, start).unwrap_err();
    }
    (guard, start + Duration::from_secs(seconds))
}

fn chain(is_ours: bool) -> ChainId {
    ChainId::new(if is_ours { "testnet-1" } else { "testnet-2" }).unwrap()
}

fn max_height(asked: Asked) -> Option<Height> {
    asked.max_height.map(|max| Height::try_from(max).unwrap())
}

fn block(number: u8) -> Option<BlockId> {
    (number > 0).then_some(BlockId {
        hash: [number; 32],
        parts_total: 1,
        parts_hash: [number; 32],
    })
}

fn hrs((height, round, step): Place) -> Hrs {
    Hrs {
        height: Height::try_from(height).unwrap(),
        round: Round::try_from(round).unwrap(),
        step: match step {
            0 => Step::Propose,
            1 => Step::Prevote,
            _ => Step::Precommit,
        },
    }
}

impl State {
    fn waiting(self) -> Option<(Duration, i64)> {
        match self {
            Self::Waiting(seconds, highest) => Some((Duration::from_secs(seconds), highest)),
            _ => None,
        }
    }

    fn knowledge(self) -> Knowledge {
        match self {
            Self::Nothing | Self::Waiting(..) => Knowledge::Nothing,
            Self::Floor(place, number) => Knowledge::Mark(Mark::Floor {
                hrs: hrs(place),
                block_id: number.and_then(block),
            }),
            Self::Signed(place, content, time) => {
                let signed = Asked {
                    place,
                    content,
                    time,
                    is_for_us: true,
                    max_height: None,
                };
                Knowledge::Mark(Mark::Signed(signed.canonical()))
            }
        }
    }
}

impl Asked {
    fn canonical(self) -> Canonical {
        let Hrs {
            height,
            round,
            step,
        } = hrs(self.place);
        let block_id = block(self.content.0);
        let timestamp = Timestamp {
            seconds: self.time,
            nanos: 0,
        };
        let chain_id = chain(self.is_for_us);
        let vote_type = match step {
            Step::Propose => {
                return Canonical::Proposal(Proposal {
                    height,
                    round,
                    pol_round: self.content.1,
                    block_id: block_id.unwrap(),
                    timestamp,
                    chain_id,
                });
            }
            Step::Prevote => VoteType::Prevote,
            Step::Precommit => VoteType::Precommit,
        };
        Canonical::Vote(Vote {
            vote_type,
            height,
            round,
            block_id,
            timestamp,
            chain_id,
        })
    }
}
