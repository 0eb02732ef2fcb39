//! Signatures over TCP and Unix sockets: what is signed, what comes back, how long it is.

use privval::node_side::{Answer, pub_key_request, sign_vote_request};
use privval::{Canonical, NODE_READ_LIMIT, Vote};
use testnode::{Listener, verifies};

use crate::support::{
    Asker, CHAIN, Fields, Home, PATIENCE, Rig, delimited, nil_precommit, nil_prevote, precommit,
    prevote, proposal, timestamp,
};

/// A whole height, with every kind of message.
fn signs_everything(asker: &mut Asker) {
    asker.sign(&proposal(1, "a"));
    asker.sign(&prevote(1, "a"));
    asker.sign(&precommit(1, "a"));
    asker.sign(&nil_prevote(2));
    asker.sign(&nil_precommit(2));
    asker.sign(&prevote(3, "b"));
    // Legal after a prevote for a block: the lock was not reached.
    asker.sign(&nil_precommit(3));
}

fn vote(message: Canonical) -> Vote {
    match message {
        Canonical::Vote(vote) => vote,
        Canonical::Proposal(_) => unreachable!(),
    }
}

#[test]
fn everything_is_signed_over_tcp() {
    let rig = Rig::new();
    signs_everything(&mut rig.accept());
}

#[test]
fn everything_is_signed_over_a_unix_socket() {
    let mut home = Home::new();
    let node = Listener::unix(&home.path("node.sock")).unwrap();
    home.add_chain(CHAIN, "");
    // Relative paths are relative to tmkms.toml.
    home.add_node(CHAIN, "unix://node.sock", "");
    let _tmkms = home.start();
    signs_everything(&mut Asker::new(node.accept(PATIENCE).unwrap()));
}

#[test]
fn everything_is_signed_over_an_abstract_unix_socket() {
    let mut home = Home::new();
    let name = format!("tmkms-test-{}", std::process::id());
    let node = Listener::unix_abstract(&name).unwrap();
    home.add_chain(CHAIN, "");
    home.add_node(CHAIN, &format!("unix://@{name}"), "");
    let tmkms = home.start();
    signs_everything(&mut Asker::new(node.accept(PATIENCE).unwrap()));
    tmkms.wait_for(&format!("[{CHAIN}@unix://@{name}] signed Proposal:"));
}

#[test]
fn prevote_for_one_block_and_precommit_for_another_are_both_signed() {
    let rig = Rig::new();
    let mut asker = rig.accept();
    asker.sign(&prevote(1, "a"));
    asker.sign(&precommit(1, "b"));
}

#[test]
fn extension_of_a_precommit_is_signed_whatever_its_length() {
    let rig = Rig::new();
    let mut asker = rig.accept();
    for (height, len) in [(1, 0), (2, 1), (3, 64 * 1024), (4, 1024 * 1024)] {
        let extension = vec![0xee; len];
        let signed = asker
            .signer
            .sign(&asker.key, &precommit(height, "a"), &extension);
        // `sign` verified it over the extension's own sign bytes.
        assert_eq!(signed.unwrap().extension_signature.len(), 64);
    }
}

#[test]
fn extension_is_signed_again_with_a_repeated_vote_and_may_differ() {
    let rig = Rig::new();
    let mut asker = rig.accept();
    let mut ask = |extension: &[u8]| {
        let signed = asker.signer.sign(&asker.key, &precommit(1, "a"), extension);
        signed.unwrap()
    };
    let (first, again, other) = (ask(b"one"), ask(b"one"), ask(b"two"));
    assert_eq!(first, again);
    assert_eq!(first.signature, other.signature);
    assert_ne!(first.extension_signature, other.extension_signature);
}

#[test]
fn extension_is_not_signed_where_the_node_would_panic_or_does_not_want_it() {
    let rig = Rig::new();
    let mut asker = rig.accept();
    let votes = [
        (prevote(1, "a"), false),
        (nil_prevote(2), false),
        (nil_precommit(3), false),
        (precommit(4, "a"), true),
    ];
    for (message, skip_extension_signing) in votes {
        let request = sign_vote_request(&vote(message.clone()), &[], skip_extension_signing);
        let Answer::Vote(signed) = asker.signer.ask(&request).unwrap() else {
            panic!("no vote at {}", message.hrs());
        };
        assert!(verifies(
            &asker.key,
            &message.sign_bytes(),
            &signed.signature
        ));
        assert_eq!(signed.extension_signature, [0; 0], "{}", message.hrs());
    }
}

#[test]
fn public_key_is_told_for_the_chain_and_for_none_and_refused_for_another() {
    let rig = Rig::new();
    let mut asker = rig.accept();
    assert_eq!(asker.signer.public_key("").unwrap(), asker.key);
    assert_eq!(asker.signer.public_key(CHAIN).unwrap(), asker.key);
    let (code, why) = asker.refused_bytes(&pub_key_request("othernet-1"));
    assert_eq!(code, 1);
    assert!(
        why.starts_with(
            "the request is for chain othernet-1, this signer signs for testnet-1 here"
        ),
        "{why}"
    );
    asker.sign(&prevote(1, "a"));
}

#[test]
fn no_reply_is_longer_than_what_a_node_reads() {
    let rig = Rig::new();
    let mut asker = rig.accept();
    let mut longest = 0;
    for (height, address_len) in [(1, 20), (2, 10_000), (3, 10_100), (4, 100_000)] {
        let request = precommit_with_address(height, &vec![0xad; address_len]);
        asker.signer.send(&request).unwrap();
        let reply = asker.signer.receive().unwrap();
        longest = longest.max(delimited(&reply).len());
        let Answer::Vote(signed) = Answer::parse(&reply) else {
            panic!("not signed at {height}");
        };
        let asked = precommit(height, "a");
        assert!(verifies(&asker.key, &asked.sign_bytes(), &signed.signature));
        assert_eq!(signed.extension_signature.len(), 64);
    }
    for request in [
        pub_key_request(&"x".repeat(100_000)),
        Fields::new()
            .bytes(3, Fields::new().bytes(2, "y".repeat(50_000)))
            .framed(),
    ] {
        asker.signer.send(&request).unwrap();
        let reply = asker.signer.receive().unwrap();
        assert!(matches!(Answer::parse(&reply), Answer::Refused { .. }));
        longest = longest.max(delimited(&reply).len());
    }
    assert!(longest <= NODE_READ_LIMIT, "{longest}");
}

/// A request with all fields of a vote, as a node writes it, and an address of any length.
fn precommit_with_address(height: i64, address: &[u8]) -> Vec<u8> {
    let block = testnode::block_id("a");
    let parts = Fields::new()
        .number(1, block.parts_total.into())
        .bytes(2, block.parts_hash);
    let time = timestamp(height);
    let time = Fields::new()
        .number(1, time.seconds)
        .number(2, time.nanos.into());
    let vote = Fields::new()
        .number(1, 2)
        .number(2, height)
        .bytes(4, Fields::new().bytes(1, block.hash).bytes(2, parts))
        .bytes(5, time)
        .bytes(6, address);
    Fields::new()
        .bytes(3, Fields::new().bytes(1, vote).bytes(2, CHAIN))
        .framed()
}

#[test]
fn requests_that_arrive_together_are_answered_in_their_order() {
    let rig = Rig::new();
    let mut asker = rig.accept();
    let messages = [proposal(1, "a"), prevote(1, "a"), precommit(1, "a")];
    let together: Vec<u8> = messages.iter().flat_map(crate::support::framed).collect();
    asker.signer.send(&together).unwrap();
    for message in &messages {
        let reply = Answer::parse(&asker.signer.receive().unwrap());
        let (Answer::Vote(signed) | Answer::Proposal(signed)) = reply else {
            panic!("{reply:?}");
        };
        assert!(verifies(
            &asker.key,
            &message.sign_bytes(),
            &signed.signature
        ));
    }
}
