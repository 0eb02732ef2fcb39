//! A signer that is killed remembers what it signed, and a second one does not start beside it.

use std::time::Duration;

use privval::node_side::Answer;
use rustix::process::Signal;
use testnode::Listener;

use crate::support::{Asker, Home, PATIENCE, Random, Rig, framed, later, precommit, prevote, spin};

#[test]
fn killed_signer_gives_the_last_signature_again_and_refuses_another() {
    let rig = Rig::new();
    let mut asker = rig.accept();
    asker.sign(&prevote(1, "a"));
    let first = asker.sign(&precommit(1, "a"));
    rig.tmkms.kill();

    let tmkms = rig.home.start();
    tmkms.wait_for("last signed at h/r/s 1/0/2");
    let mut asker = Asker::new(rig.node.accept(PATIENCE).unwrap());
    assert_eq!(asker.sign(&precommit(1, "a")), first);
    assert_eq!(asker.sign(&later(&precommit(1, "a"), 9)), first);
    let why = asker.refused(&precommit(1, "b"));
    assert!(why.starts_with("double sign refused at 1/0/2"), "{why}");
    let why = asker.refused(&prevote(1, "a"));
    assert!(why.starts_with("1/0/1 is before 1/0/2"), "{why}");
}

#[test]
fn signer_killed_at_any_moment_never_signs_twice() {
    const ROUNDS: i64 = 40;
    let mut random = Random::new();
    let node = Listener::tcp().unwrap();
    let home = Home::of_node(&node);
    let (mut answered, mut committed) = (0, 0);
    for height in 1..=ROUNDS {
        let tmkms = home.start();
        let mut asker = Asker::new(node.accept(PATIENCE).unwrap());
        let (one, other) = (precommit(height, "a"), precommit(height, "b"));
        let kill_after = Duration::from_micros(random.below(2_500));
        let reply = std::thread::scope(|scope| {
            let (asker, request) = (&mut asker, framed(&one));
            let reply = scope.spawn(move || {
                asker.signer.send(&request)?;
                asker.signer.receive()
            });
            spin(kill_after);
            tmkms.signal(Signal::KILL);
            reply.join().unwrap()
        });
        tmkms.wait();

        let _tmkms = home.start();
        let mut asker = Asker::new(node.accept(PATIENCE).unwrap());
        match reply.map(|reply| Answer::parse(&reply)) {
            // What was said is said again, and nothing else.
            Ok(Answer::Vote(signed)) => {
                asker.refused(&other);
                assert_eq!(asker.sign(&one), signed, "height {height}");
                answered += 1;
            }
            Ok(unexpected) => panic!("{unexpected:?}"),
            // Nothing was said: either of the two may be signed, not both.
            Err(_) => {
                let first = asker.try_sign(&other).is_ok();
                let second = asker.try_sign(&one).is_ok();
                assert!(first != second, "height {height}: {first} {second}");
                committed += i64::from(second);
            }
        }
    }
    println!("{answered} of {ROUNDS} answered, {committed} committed and not answered");
}

#[test]
fn second_process_on_the_same_state_says_who_holds_it_and_ends() {
    let rig = Rig::new();
    let mut asker = rig.accept();
    asker.sign(&prevote(1, "a"));
    let ended = rig.home.start().wait();
    assert_eq!(ended.status.code(), Some(1));
    let holder = format!("(process {}, ", rig.tmkms.pid());
    let line = ended.line("is in use by another signer");
    for text in [
        holder.as_str(),
        "two signers with one key are how validators double-sign; stop that one first",
        "tmkms.toml:",
    ] {
        assert!(line.contains(text), "{text:?} is not in {line}");
    }
    // The first goes on, and its node saw nothing of the second.
    asker.sign(&precommit(1, "a"));
    assert!(rig.node.accept_raw(Duration::from_millis(100)).is_err());
}
