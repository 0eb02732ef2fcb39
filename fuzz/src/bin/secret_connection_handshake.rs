//! The handshake, our end as the one with the lower key and with the higher one, against a peer
//! that says anything at any stage. Our end never establishes a connection unless the peer sent
//! the first message and the proof that belong together.
//!
//! First byte: the order of the keys, which messages the rest of the input changes, and whether a
//! stream is between the two ends. What follows is laid over the honest message, bit by bit, so
//! that one bit of it can be wrong.
//!
//! Longest input: 1200 bytes.
#![no_main]

use fuzz::input::Input;
use fuzz::peer::{FIRST_LEN, FRAME_LEN, MEETINGS, Meeting, laid_over};
use fuzz::wire::Wire;
use libfuzzer_sys::fuzz_target;
use secret_connection::{Established, Handshake, HandshakeError, SecretStream};

const OTHER_ORDER: u8 = 1;
const OWN_FIRST: u8 = 1 << 1;
const RAW_FRAME: u8 = 1 << 2;
const OWN_PROOF: u8 = 1 << 3;
const OWN_LENGTH: u8 = 1 << 4;
const STREAM: u8 = 1 << 5;
const CUT_FIRST: u8 = 1 << 6;

fuzz_target!(|bytes: &[u8]| {
    let mut input = Input::new(bytes);
    let flags = input.byte();
    let meeting = &MEETINGS[usize::from(flags & OTHER_ORDER)];
    let cuts = if flags & STREAM == 0 {
        &[]
    } else {
        input.take(4)
    };
    let said = Said::choose(meeting, flags, &mut input);
    let public_key = if flags & STREAM == 0 {
        step_by_step(meeting, &said)
    } else {
        over_a_stream(meeting, &said, cuts)
    };
    match public_key {
        Some(key) => {
            // In a stream whatever follows the proof is not part of the handshake.
            let said = if flags & STREAM == 0 {
                said
            } else {
                said.cut()
            };
            assert!(said.is_proof(meeting) && key == meeting.their_key);
        }
        None => assert!(!said.is_honest(meeting), "an honest peer is refused"),
    }
});

/// What the peer says.
struct Said {
    first: Vec<u8>,
    /// The proof in the clear, where the peer sealed it itself.
    proof: Option<Vec<u8>>,
    frame: Vec<u8>,
}

impl Said {
    fn choose(meeting: &Meeting, flags: u8, input: &mut Input<'_>) -> Self {
        let mut first = match flags & OWN_FIRST {
            0 => meeting.first.clone(),
            _ => laid_over(&meeting.first, input.take(FIRST_LEN)),
        };
        if flags & CUT_FIRST != 0 {
            first.truncate(input.byte().into());
        }
        if flags & RAW_FRAME != 0 {
            let frame = input.rest().to_vec();
            return Self {
                first,
                proof: None,
                frame,
            };
        }
        let own_length = (flags & OWN_LENGTH != 0).then(|| u32::from(input.number()));
        let proof = match flags & OWN_PROOF {
            0 => meeting.auth.clone(),
            _ => laid_over(&meeting.auth, input.take(1024)),
        };
        let length = own_length.unwrap_or(u32::try_from(proof.len()).unwrap_or(u32::MAX));
        let frame = meeting.seal(0, length, &proof);
        let proof = Some(proof);
        Self {
            first,
            proof,
            frame,
        }
    }

    /// Without what follows the frame of the proof.
    fn cut(mut self) -> Self {
        self.frame.truncate(FRAME_LEN);
        self
    }

    fn is_honest(&self, meeting: &Meeting) -> bool {
        self.first == meeting.first && self.frame == meeting.auth_frame()
    }

    /// Nobody but the peer's key makes its signature, so it must be in there to the letter.
    fn is_proof(&self, meeting: &Meeting) -> bool {
        let has = |part: &[u8]| {
            let proof = self.proof.as_deref().unwrap_or_default();
            proof.windows(part.len()).any(|window| window == part)
        };
        let sealed = has(&meeting.their_key) && has(&meeting.signature);
        self.first == meeting.first && (sealed || self.is_honest(meeting))
    }
}

fn step_by_step(meeting: &Meeting, said: &Said) -> Option<[u8; 32]> {
    let (state, sent) = Handshake::start(&meeting.identity, meeting.ephemeral);
    assert_eq!(sent.len(), FIRST_LEN);
    let result = state.handle(&said.first).and_then(|(state, sealed)| {
        assert_eq!(sealed.len(), FRAME_LEN);
        state.handle(&said.frame)
    });
    match result {
        Ok(established) => Some(talk(meeting, established)),
        Err(error) => {
            assert!(!error.to_string().is_empty());
            let known_first = said.first == meeting.first;
            assert!(known_first || !matches!(error, HandshakeError::ReflectedIdentity));
            None
        }
    }
}

/// Both directions work after the handshake, each with its second nonce.
fn talk(meeting: &Meeting, established: Established) -> [u8; 32] {
    let key = *established.remote_public_key();
    let (mut sealer, mut opener) = established.into_records();
    let mut sealed = Vec::new();
    sealer.seal(b"from here", &mut sealed).expect("a new key");
    assert_eq!(meeting.open(1, &sealed), b"from here");
    let frame = meeting.seal(1, 10, b"from there");
    let mut frame = frame.try_into().expect("one frame");
    assert_eq!(opener.open(&mut frame), Ok(&b"from there"[..]));
    key
}

fn over_a_stream(meeting: &Meeting, said: &Said, cuts: &[u8]) -> Option<[u8; 32]> {
    let wire = Wire::new([&said.first[..], &said.frame].concat(), cuts);
    let all = said.first.len() + said.frame.len();
    let result = SecretStream::connect_while(wire, &meeting.identity, meeting.ephemeral, |_, n| {
        assert!(n <= all);
        true
    });
    match result {
        Ok(stream) => Some(*stream.remote_public_key()),
        Err(failure) => {
            assert!(!failure.to_string().is_empty());
            None
        }
    }
}
