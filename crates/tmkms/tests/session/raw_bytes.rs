//! Signatures over raw bytes: off unless a chain asks for one of the two forms, and never over
//! anything that could be taken for a vote.

use privval::node_side::{Answer, sign_bytes_request, sign_raw_bytes_request};
use privval::{Canonical, ChainId, Height, Round, extension_sign_bytes};
use testnode::verifies;

use crate::support::{Asker, CHAIN, Fields, Rig, delimited, precommit, prevote, proposal};

fn signature(asker: &mut Asker, request: &[u8]) -> Vec<u8> {
    match asker.signer.ask(request).unwrap() {
        Answer::RawBytes(signature) => signature,
        other => panic!("not signed: {other:?}"),
    }
}

fn consensus_messages() -> Vec<Canonical> {
    let mut other_chain = prevote(7, "a");
    if let Canonical::Vote(vote) = &mut other_chain {
        vote.chain_id = ChainId::new("othernet-1").unwrap();
    }
    vec![
        proposal(7, "a"),
        prevote(7, "a"),
        precommit(7, "a"),
        crate::support::nil_prevote(7),
        other_chain,
    ]
}

#[test]
fn cometbft_1_0_form_signs_the_bytes_as_they_are() {
    let rig = Rig::with("raw_bytes = \"cometbft-1.0\"", "");
    let mut asker = rig.accept();
    let bytes = b"an application's own message, long enough to be no vote";
    let signature = signature(&mut asker, &sign_bytes_request(bytes));
    assert!(verifies(&asker.key, bytes, &signature));
    rig.tmkms
        .wait_for(&format!("signed {} raw bytes", bytes.len()));
    asker.sign(&prevote(1, "a"));
}

#[test]
fn celestia_form_signs_a_prefix_and_the_whole_request() {
    let rig = Rig::with("raw_bytes = \"celestia\"", "");
    let mut asker = rig.accept();
    let request = sign_raw_bytes_request(CHAIN, b"raw", "unique");
    let signature = signature(&mut asker, &request);
    let message = Fields::new()
        .bytes(1, CHAIN)
        .bytes(2, b"raw")
        .bytes(3, "unique");
    let sign_bytes = [
        b"COMET::RAW_BYTES::SIGN".to_vec(),
        delimited(message.as_ref()),
    ]
    .concat();
    assert!(verifies(&asker.key, &sign_bytes, &signature));
    asker.sign(&prevote(1, "a"));
}

#[test]
fn celestia_request_for_another_chain_is_refused() {
    let rig = Rig::with("raw_bytes = \"celestia\"", "");
    let mut asker = rig.accept();
    for chain in ["othernet-1", ""] {
        let (_, why) = asker.refused_bytes(&sign_raw_bytes_request(chain, b"raw", "unique"));
        assert!(
            why.contains(&format!("the request is for chain {chain},")),
            "{why}"
        );
    }
}

#[test]
fn bytes_that_could_pass_for_a_consensus_message_are_never_signed() {
    let rig = Rig::with("raw_bytes = \"cometbft-1.0\"", "");
    let mut asker = rig.accept();
    for message in consensus_messages() {
        let (_, why) = asker.refused_bytes(&sign_bytes_request(&message.sign_bytes()));
        assert!(
            why.contains("could be taken for a vote"),
            "{message:?}: {why}"
        );
    }
    let height = Height::try_from(7).unwrap();
    let extension = extension_sign_bytes(
        &ChainId::new(CHAIN).unwrap(),
        height,
        Round::default(),
        b"extension",
    );
    let (_, why) = asker.refused_bytes(&sign_bytes_request(&extension));
    assert!(why.contains("could be taken for a vote"), "{why}");
}

#[test]
fn consensus_message_inside_a_celestia_request_is_refused() {
    let rig = Rig::with("raw_bytes = \"celestia\"", "");
    let mut asker = rig.accept();
    for message in consensus_messages() {
        let request = sign_raw_bytes_request(CHAIN, &message.sign_bytes(), "unique");
        let (_, why) = asker.refused_bytes(&request);
        assert!(
            why.contains("could be taken for a vote"),
            "{message:?}: {why}"
        );
    }
}

#[test]
fn empty_and_malformed_requests_are_refused_in_both_forms() {
    for form in ["cometbft-1.0", "celestia"] {
        let rig = Rig::with(&format!("raw_bytes = \"{form}\""), "");
        let mut asker = rig.accept();
        let empty = Fields::new().bytes(9, []).framed();
        assert!(
            asker
                .refused_bytes(&empty)
                .1
                .contains("nothing in it to sign")
        );
        let broken = Fields::new().bytes(9, [0xff; 20]).framed();
        assert!(
            asker
                .refused_bytes(&broken)
                .1
                .contains("not valid protobuf")
        );
        asker.sign(&prevote(1, "a"));
    }
}
