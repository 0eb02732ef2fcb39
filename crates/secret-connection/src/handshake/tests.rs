use proptest::prelude::*;
use proptest::test_runner::RngSeed;

use super::*;
use crate::session_keys::{RecordKeys, challenge, record_keys};

const OURS: [u8; 32] = [1; 32];
const THEIRS: [u8; 32] = [2; 32];
const OUR_EPHEMERAL: [u8; 32] = [3; 32];
const THEIR_EPHEMERAL: [u8; 32] = [4; 32];

/// A peer that follows the key agreement and then sends whatever it likes.
struct Attacker {
    keys: RecordKeys,
    challenge: Zeroizing<[u8; 32]>,
}

impl Attacker {
    fn signature_of(&self, identity: &Identity) -> AuthMessage {
        AuthMessage {
            public_key: identity.public_key(),
            signature: identity.sign(&self.challenge),
        }
    }

    fn seal(&self, message: &[u8]) -> Vec<u8> {
        let mut frame = Vec::new();
        Sealer::new(&self.keys.send)
            .seal(message, &mut frame)
            .unwrap();
        frame
    }
}

fn public(secret: [u8; 32]) -> [u8; 32] {
    PublicKey::from(&StaticSecret::from(secret)).to_bytes()
}

fn message(key: [u8; 32]) -> Vec<u8> {
    [&EPHEMERAL_PREFIX[..], &key].concat()
}

/// Our end waits for the proof of the attacker.
fn under_attack(ours: &Identity) -> (AwaitAuth, Attacker) {
    let (state, first) = Handshake::start(ours, OUR_EPHEMERAL);
    let theirs = public(THEIR_EPHEMERAL);
    let (state, _) = state.handle(&message(theirs)).unwrap();

    let our_key: [u8; 32] = first[3..].try_into().unwrap();
    let shared = StaticSecret::from(THEIR_EPHEMERAL).diffie_hellman(&PublicKey::from(our_key));
    let (lower, upper) = (our_key.min(theirs), our_key.max(theirs));
    let attacker = Attacker {
        keys: record_keys(shared.as_bytes(), theirs == lower),
        challenge: challenge(&lower, &upper, shared.as_bytes()),
    };
    (state, attacker)
}

fn verdict(result: Result<Established, HandshakeError>) -> Result<[u8; 32], HandshakeError> {
    result.map(|established| established.remote_public_key)
}

fn first_verdict(key: &[u8]) -> Option<HandshakeError> {
    let ours = Identity::from_seed(&OURS);
    let (state, _) = Handshake::start(&ours, OUR_EPHEMERAL);
    state.handle(key).err()
}

#[test]
fn two_ends_meet_and_talk_whichever_key_is_lower() {
    let (ours, theirs) = (Identity::from_seed(&OURS), Identity::from_seed(&THEIRS));
    let mut lower_was_ours = [false, false];
    for (a, b) in [
        (OUR_EPHEMERAL, THEIR_EPHEMERAL),
        (THEIR_EPHEMERAL, OUR_EPHEMERAL),
    ] {
        lower_was_ours[usize::from(public(a) < public(b))] = true;
        let (here, from_here) = Handshake::start(&ours, a);
        let (there, from_there) = Handshake::start(&theirs, b);
        let (here, proof_here) = here.handle(&from_there).unwrap();
        let (there, proof_there) = there.handle(&from_here).unwrap();
        let here = here.handle(&proof_there).unwrap();
        let there = there.handle(&proof_here).unwrap();

        assert_eq!(here.remote_public_key(), &theirs.public_key());
        assert_eq!(here.remote_peer_id(), theirs.peer_id());
        assert_eq!(there.remote_public_key(), &ours.public_key());
        let (here, there) = (here.into_records(), there.into_records());
        for (mut sealer, mut opener) in [(here.0, there.1), (there.0, here.1)] {
            let mut frame = Vec::new();
            sealer.seal(b"hello", &mut frame).unwrap();
            let mut frame: SealedFrame = frame.try_into().unwrap();
            assert_eq!(opener.open(&mut frame).unwrap(), b"hello");
        }
    }
    assert_eq!(lower_was_ours, [true, true], "both orders were tried");
}

#[test]
fn an_honest_proof_from_the_model_attacker_is_accepted() {
    let (ours, theirs) = (Identity::from_seed(&OURS), Identity::from_seed(&THEIRS));
    let (state, attacker) = under_attack(&ours);
    let frame = attacker.seal(&attacker.signature_of(&theirs).encode());
    assert_eq!(verdict(state.handle(&frame)), Ok(theirs.public_key()));
}

#[test]
fn every_point_of_low_order_is_refused_in_every_encoding() {
    // 0, 1, the two of order 8, p-1, and the non-canonical p and p+1, on the
    // curve and on its twist. X25519 ignores the top bit, so each has a second
    // encoding with it set.
    let points = [
        "0000000000000000000000000000000000000000000000000000000000000000",
        "0100000000000000000000000000000000000000000000000000000000000000",
        "e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800",
        "5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157",
        "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    ];
    for point in points {
        let mut key: [u8; 32] = hex::decode(point).unwrap().try_into().unwrap();
        for top_bit in [0, 0x80] {
            key[31] |= top_bit;
            assert_eq!(
                first_verdict(&message(key)),
                Some(HandshakeError::LowOrderPoint),
                "{point} with top bit {top_bit:#x}"
            );
        }
    }
}

#[test]
fn our_own_ephemeral_key_is_refused() {
    assert_eq!(
        first_verdict(&message(public(OUR_EPHEMERAL))),
        Some(HandshakeError::ReflectedEphemeral)
    );
}

#[test]
fn our_own_proof_resealed_by_someone_in_between_is_refused() {
    let ours = Identity::from_seed(&OURS);
    let (state, attacker) = under_attack(&ours);
    let frame = attacker.seal(&attacker.signature_of(&ours).encode());
    assert_eq!(
        verdict(state.handle(&frame)),
        Err(HandshakeError::ReflectedIdentity)
    );
}

#[test]
fn our_own_sealed_frame_sent_back_is_refused() {
    let ours = Identity::from_seed(&OURS);
    let (state, _) = Handshake::start(&ours, OUR_EPHEMERAL);
    let (state, sealed) = state.handle(&message(public(THEIR_EPHEMERAL))).unwrap();
    assert_eq!(
        verdict(state.handle(&sealed)),
        Err(HandshakeError::Record(OpenError::Forged { frame: 0 }))
    );
}

#[test]
fn a_first_message_of_any_other_shape_is_refused() {
    let good = message(public(THEIR_EPHEMERAL));
    assert_eq!(first_verdict(&good), None);
    for length in 0..good.len() {
        let expected = HandshakeError::MessageLength {
            expected: 35,
            found: length,
        };
        assert_eq!(first_verdict(&good[..length]), Some(expected));
    }
    let longer = [&good[..], &[0]].concat();
    assert!(first_verdict(&longer).is_some_and(|error| error.is_garbage()));
    for bit in 0..8 * EPHEMERAL_PREFIX.len() {
        let mut wrong = good.clone();
        wrong[bit / 8] ^= 1 << (bit % 8);
        assert_eq!(
            first_verdict(&wrong),
            Some(HandshakeError::NotSecretConnection),
            "bit {bit}"
        );
    }
}

#[test]
fn another_protocol_is_known_by_its_first_byte() {
    for text in [&b"H"[..], b"HTTP/1.1 400 Bad Request\r\n", b"\x15\x03"] {
        assert_eq!(
            AwaitEphemeral::check_prefix(text),
            Err(HandshakeError::NotSecretConnection)
        );
    }
    for good in [&b""[..], b"\x22", b"\x22\x0a\x20", b"\x22\x0a\x20any"] {
        assert_eq!(AwaitEphemeral::check_prefix(good), Ok(()));
    }
}

#[test]
fn any_bit_flipped_in_an_ephemeral_key_on_the_way_is_noticed() {
    let (ours, theirs) = (Identity::from_seed(&OURS), Identity::from_seed(&THEIRS));
    for bit in 24..8 * EPHEMERAL_MESSAGE_LEN {
        let (here, from_here) = Handshake::start(&ours, OUR_EPHEMERAL);
        let (there, mut from_there) = Handshake::start(&theirs, THEIR_EPHEMERAL);
        from_there[bit / 8] ^= 1 << (bit % 8);
        let (here, _) = here.handle(&from_there).unwrap();
        let (_, proof) = there.handle(&from_here).unwrap();
        let result = verdict(here.handle(&proof));
        assert!(
            matches!(
                result,
                Err(HandshakeError::Record(_) | HandshakeError::BadSignature)
            ),
            "bit {bit}: {result:?}"
        );
    }
}

#[test]
fn any_bit_flipped_in_the_sealed_proof_is_noticed() {
    let (ours, theirs) = (Identity::from_seed(&OURS), Identity::from_seed(&THEIRS));
    let (_, attacker) = under_attack(&ours);
    let frame = attacker.seal(&attacker.signature_of(&theirs).encode());
    for bit in 0..8 * SEALED_FRAME_LEN {
        let state = AwaitAuth {
            sealer: Sealer::new(&attacker.keys.receive),
            opener: Opener::new(&attacker.keys.send),
            challenge: attacker.challenge.clone(),
            local_public_key: ours.public_key(),
        };
        let mut flipped = frame.clone();
        flipped[bit / 8] ^= 1 << (bit % 8);
        assert_eq!(
            verdict(state.handle(&flipped)),
            Err(HandshakeError::Record(OpenError::Forged { frame: 0 })),
            "bit {bit}"
        );
    }
}

#[test]
fn a_proof_of_any_other_length_is_refused() {
    let (ours, theirs) = (Identity::from_seed(&OURS), Identity::from_seed(&THEIRS));
    for change in [-1044_isize, -1, 1, 1044] {
        let (state, attacker) = under_attack(&ours);
        let mut frame = attacker.seal(&attacker.signature_of(&theirs).encode());
        let found = frame.len().checked_add_signed(change).unwrap();
        frame.resize(found, 0);
        let expected = 1044;
        assert_eq!(
            verdict(state.handle(&frame)),
            Err(HandshakeError::MessageLength { expected, found })
        );
    }
}

#[test]
fn a_signature_by_another_key_or_over_another_exchange_is_refused() {
    let (ours, theirs) = (Identity::from_seed(&OURS), Identity::from_seed(&THEIRS));
    let other_key = |attacker: &Attacker| AuthMessage {
        public_key: theirs.public_key(),
        signature: Identity::from_seed(&[9; 32]).sign(&attacker.challenge),
    };
    let other_exchange = |_: &Attacker| AuthMessage {
        public_key: theirs.public_key(),
        signature: theirs.sign(&[9; 32]),
    };
    // With the identity point as key and as R, and S = 0, a lax check accepts
    // this signature for every message.
    let weak_key = |_: &Attacker| {
        let mut message = AuthMessage {
            public_key: [0; 32],
            signature: [0; 64],
        };
        message.public_key[0] = 1;
        message.signature[0] = 1;
        message
    };
    let forgeries: [&dyn Fn(&Attacker) -> AuthMessage; 3] =
        [&other_key, &other_exchange, &weak_key];
    for forge in forgeries {
        let (state, attacker) = under_attack(&ours);
        let frame = attacker.seal(&forge(&attacker).encode());
        assert_eq!(
            verdict(state.handle(&frame)),
            Err(HandshakeError::BadSignature)
        );
    }
}

#[test]
fn an_authentic_frame_with_nonsense_or_another_key_type_is_refused() {
    let ours = Identity::from_seed(&OURS);
    let mut secp256k1 = vec![0x67, 0x0a, 0x23, 0x12, 0x21];
    secp256k1.extend_from_slice(&[2; 33]);
    secp256k1.extend_from_slice(&[0x12, 0x40]);
    secp256k1.extend_from_slice(&[0; 64]);
    let cases = [
        (vec![0], HandshakeError::MalformedAuthMessage),
        (vec![0xff; 1024], HandshakeError::MalformedAuthMessage),
        (secp256k1, HandshakeError::KeyNotEd25519),
    ];
    for (content, expected) in cases {
        let (state, attacker) = under_attack(&ours);
        assert_eq!(
            verdict(state.handle(&attacker.seal(&content))),
            Err(expected)
        );
    }
}

#[test]
fn errors_say_what_the_peer_did() {
    let texts = [
        (
            HandshakeError::LowOrderPoint,
            "its ephemeral key is a point of low order, as only an attacker sends it",
        ),
        (
            HandshakeError::ReflectedEphemeral,
            "it sent our own ephemeral key back",
        ),
        (
            HandshakeError::KeyNotEd25519,
            "its identity key is not an Ed25519 key",
        ),
        (
            HandshakeError::BadSignature,
            "its signature does not match its identity key and this connection",
        ),
    ];
    for (error, text) in texts {
        assert_eq!(error.to_string(), text);
        assert!(!error.is_garbage());
    }
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 256, rng_seed: RngSeed::Fixed(1), failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn random_bytes_never_pass_the_first_stage(bytes in prop::collection::vec(any::<u8>(), 0..80)) {
        prop_assert!(first_verdict(&bytes).is_some_and(|error| error.is_garbage()));
    }

    #[test]
    fn random_keys_and_frames_never_establish(
        key: [u8; 32],
        frame in prop::collection::vec(any::<u8>(), SEALED_FRAME_LEN),
    ) {
        let ours = Identity::from_seed(&OURS);
        let (state, _) = Handshake::start(&ours, OUR_EPHEMERAL);
        let (state, _) = state.handle(&message(key)).unwrap();
        prop_assert!(state.handle(&frame).is_err());
    }

    #[test]
    fn random_content_in_an_authentic_frame_never_establishes(
        content in prop::collection::vec(any::<u8>(), 1..1024),
    ) {
        let ours = Identity::from_seed(&OURS);
        let (state, attacker) = under_attack(&ours);
        prop_assert!(state.handle(&attacker.seal(&content)).is_err());
    }

    #[test]
    fn a_mutated_proof_establishes_only_for_the_true_key(at in 0..103_usize, byte: u8) {
        let (ours, theirs) = (Identity::from_seed(&OURS), Identity::from_seed(&THEIRS));
        let (state, attacker) = under_attack(&ours);
        let mut content = attacker.signature_of(&theirs).encode();
        let same = content[at] == byte;
        content[at] = byte;
        match verdict(state.handle(&attacker.seal(&content))) {
            Ok(key) => prop_assert!(same && key == theirs.public_key()),
            Err(_) => prop_assert!(!same),
        }
    }
}
