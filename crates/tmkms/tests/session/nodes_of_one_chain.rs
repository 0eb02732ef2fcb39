//! Several nodes of one validator: what they ask at once is judged one after the other.

use std::sync::Barrier;
use std::thread;
use std::time::Duration;

use privval::Canonical;
use privval::node_side::Signed;
use testnode::{Listener, NodeError};

use crate::support::{
    Asker, CHAIN, Home, PATIENCE, Random, Tmkms, address, later, nil_precommit, precommit, prevote,
    proposal, spin,
};

const ROUNDS: i64 = 200;

/// A signer of one chain with two nodes.
struct Sentries {
    askers: [Asker; 2],
    _tmkms: Tmkms,
    _home: Home,
}

impl Sentries {
    fn new() -> Self {
        let nodes = [Listener::tcp().unwrap(), Listener::tcp().unwrap()];
        let mut home = Home::new();
        home.add_chain(CHAIN, "");
        for node in &nodes {
            home.add_node(CHAIN, &address(node), "");
        }
        let tmkms = home.start();
        Self {
            askers: nodes.map(|node| Asker::new(node.accept(PATIENCE).unwrap())),
            _tmkms: tmkms,
            _home: home,
        }
    }

    /// Both nodes ask at once, each after its delay.
    fn ask(&mut self, asked: [&Canonical; 2], delays: [Duration; 2]) -> [Answered; 2] {
        let start = Barrier::new(2);
        thread::scope(|scope| {
            let mut parts = self.askers.iter_mut().zip(asked).zip(delays);
            let mut next = || {
                let ((asker, message), delay) = parts.next().unwrap();
                let start = &start;
                scope.spawn(move || {
                    start.wait();
                    spin(delay);
                    asker.try_sign(message)
                })
            };
            let (first, second) = (next(), next());
            [first.join().unwrap(), second.join().unwrap()]
        })
    }
}

type Answered = Result<Signed, NodeError>;

/// 0 to 2 ms: the race that cost horcrux' users 75,306 OSMO was 1.5 ms wide.
fn delays(random: &mut Random) -> [Duration; 2] {
    [(); 2].map(|()| Duration::from_micros(random.below(2_000)))
}

#[test]
fn of_two_conflicting_requests_at_once_exactly_one_is_signed() {
    let mut random = Random::new();
    let mut sentries = Sentries::new();
    let mut first_won = 0;
    for height in 1..=ROUNDS {
        let (one, other) = match random.below(3) {
            0 => (proposal(height, "a"), proposal(height, "b")),
            1 => (prevote(height, "a"), prevote(height, "b")),
            _ => (precommit(height, "a"), nil_precommit(height)),
        };
        // 0 to 2 ms apart, the one or the other first.
        let answers = sentries.ask([&one, &other], delays(&mut random));
        let refusal = match answers {
            [Ok(_), Err(refusal)] => {
                first_won += 1;
                refusal
            }
            [Err(refusal), Ok(_)] => refusal,
            both => panic!("height {height}: {both:?}"),
        };
        let expected = format!("the signer refused: double sign refused at {}", one.hrs());
        assert!(refusal.to_string().starts_with(&expected), "{refusal}");
    }
    // Else the rounds were no race.
    assert!((1..ROUNDS).contains(&first_won), "{first_won} of {ROUNDS}");
}

#[test]
fn same_request_from_two_nodes_at_once_gets_the_same_bytes() {
    let mut random = Random::new();
    let mut sentries = Sentries::new();
    for height in 1..=ROUNDS {
        let asked = match random.below(3) {
            0 => proposal(height, "a"),
            1 => prevote(height, "a"),
            _ => precommit(height, "a"),
        };
        let [one, other] = sentries.ask([&asked, &asked], delays(&mut random));
        assert_eq!(one.unwrap(), other.unwrap(), "height {height}");
    }
}

#[test]
fn same_vote_with_two_timestamps_at_once_gets_one_timestamp_and_one_signature() {
    let mut random = Random::new();
    let mut sentries = Sentries::new();
    for height in 1..=ROUNDS {
        let one = precommit(height, "a");
        let other = later(&one, 1);
        let [first, second] = sentries.ask([&one, &other], delays(&mut random));
        let (first, second) = (first.unwrap(), second.unwrap());
        assert_eq!(first, second, "height {height}");
        assert!([one.timestamp(), other.timestamp()].contains(&first.timestamp));
    }
}

#[test]
fn same_vote_with_another_timestamp_gets_the_first_timestamp_and_signature() {
    let mut sentries = Sentries::new();
    let [one, other] = &mut sentries.askers;
    for message in [proposal(1, "a"), prevote(1, "a"), precommit(1, "a")] {
        let first = one.sign(&message);
        for seconds in [1, -1, 3_600] {
            assert_eq!(other.sign(&later(&message, seconds)), first);
            assert_eq!(one.sign(&later(&message, seconds)), first);
        }
        assert_eq!(first.timestamp, message.timestamp());
    }
}

#[test]
fn node_that_lags_behind_the_other_is_refused_until_it_has_caught_up() {
    let mut sentries = Sentries::new();
    let [ahead, behind] = &mut sentries.askers;
    for height in 1..=3 {
        ahead.sign(&precommit(height, "a"));
    }
    for height in 1..=2 {
        assert!(
            behind
                .refused(&precommit(height, "a"))
                .contains("is before 3/0/2")
        );
    }
    behind.sign(&precommit(3, "a"));
    behind.sign(&proposal(4, "a"));
}
