//! A peer that can do all that a real one can, and that says what it likes: the far side of a
//! SecretConnection, written from the specification (`docs/protocol.md`, CometBFT
//! `p2p/conn/secret_connection.go`) and not from our code.

use std::sync::LazyLock;

use chacha20poly1305::aead::AeadInPlace as _;
use chacha20poly1305::{ChaCha20Poly1305, KeyInit as _, Nonce, Tag};
use ed25519_dalek::{Signer as _, SigningKey};
use hkdf::Hkdf;
use merlin::Transcript;
use secret_connection::Identity;
use sha2::Sha256;
use x25519_dalek::{PublicKey, StaticSecret};

/// The length of a frame on the wire, in bytes.
pub const FRAME_LEN: usize = 1044;
/// The length of a first message, in bytes.
pub const FIRST_LEN: usize = 35;

const OUR_SEED: [u8; 32] = [1; 32];
const THEIR_SEED: [u8; 32] = [2; 32];
const EPHEMERALS: [[u8; 32]; 2] = [[3; 32], [4; 32]];

/// Our end, fixed, and a peer that has agreed on keys with it.
pub struct Meeting {
    /// Our identity.
    pub identity: Identity,
    /// Our ephemeral secret.
    pub ephemeral: [u8; 32],
    /// The public key of the peer's identity.
    pub their_key: [u8; 32],
    /// What an honest peer says first.
    pub first: Vec<u8>,
    /// What an honest peer proves its identity with, in the clear.
    pub auth: Vec<u8>,
    /// The peer's signature in it.
    pub signature: [u8; 64],
    send: ChaCha20Poly1305,
    receive: ChaCha20Poly1305,
}

/// Both orders of the two ephemeral keys: ours the lower one, and the higher one.
pub static MEETINGS: LazyLock<[Meeting; 2]> = LazyLock::new(|| {
    let [a, b] = EPHEMERALS;
    [Meeting::new(a, b), Meeting::new(b, a)]
});

impl Meeting {
    fn new(ours: [u8; 32], theirs: [u8; 32]) -> Self {
        let our_public = PublicKey::from(&StaticSecret::from(ours)).to_bytes();
        let secret = StaticSecret::from(theirs);
        let their_public = PublicKey::from(&secret).to_bytes();
        let shared = secret.diffie_hellman(&PublicKey::from(our_public));

        let (mut low, mut high) = (our_public, their_public);
        let they_are_lower = their_public < our_public;
        if they_are_lower {
            std::mem::swap(&mut low, &mut high);
        }
        let signer = SigningKey::from_bytes(&THEIR_SEED);
        let their_key = signer.verifying_key().to_bytes();
        let signature = signer
            .sign(&challenge(&low, &high, shared.as_bytes()))
            .to_bytes();

        let keys = session_keys(shared.as_bytes());
        let (receive, send) = keys.split_at(32);
        let (receive, send) = if they_are_lower {
            (receive, send)
        } else {
            (send, receive)
        };
        Self {
            identity: Identity::from_seed(&OUR_SEED),
            ephemeral: ours,
            their_key,
            first: [&[0x22, 0x0a, 0x20], &their_public[..]].concat(),
            auth: auth(&their_key, &signature),
            signature,
            send: ChaCha20Poly1305::new(send.into()),
            receive: ChaCha20Poly1305::new(receive.into()),
        }
    }

    /// An authentic frame with any length in it. `data` is cut at 1,024 bytes.
    #[must_use]
    pub fn seal(&self, counter: u64, length: u32, data: &[u8]) -> Vec<u8> {
        let mut frame = length.to_le_bytes().to_vec();
        frame.extend(data.iter().take(1024));
        frame.resize(1028, 0);
        let tag = self
            .send
            .encrypt_in_place_detached(&nonce(counter), &[], &mut frame)
            .expect("a short frame");
        frame.extend(tag);
        frame
    }

    /// The frame in which an honest peer proves its identity.
    #[must_use]
    pub fn auth_frame(&self) -> Vec<u8> {
        self.seal(
            0,
            u32::try_from(self.auth.len()).expect("short"),
            &self.auth,
        )
    }

    /// The data of the frames that our end sent, the first of them with this counter.
    #[must_use]
    pub fn open(&self, mut counter: u64, frames: &[u8]) -> Vec<u8> {
        let (frames, []) = frames.as_chunks::<FRAME_LEN>() else {
            panic!("{} bytes are no whole frames", frames.len());
        };
        let mut data = Vec::new();
        for frame in frames {
            let (body, tag) = frame.split_at(1028);
            let mut body = body.to_vec();
            self.receive
                .decrypt_in_place_detached(&nonce(counter), &[], &mut body, Tag::from_slice(tag))
                .expect("a frame of our end is authentic");
            let length = u32::from_le_bytes([body[0], body[1], body[2], body[3]]);
            data.extend(&body[4..4 + usize::try_from(length).expect("a length")]);
            counter += 1;
        }
        data
    }
}

/// A message with bits turned over; `bits` may be shorter or longer than it.
#[must_use]
pub fn laid_over(message: &[u8], bits: &[u8]) -> Vec<u8> {
    let len = message.len().max(bits.len());
    let at = |bytes: &[u8], index: usize| bytes.get(index).copied().unwrap_or_default();
    (0..len)
        .map(|index| at(message, index) ^ at(bits, index))
        .collect()
}

fn challenge(low: &[u8; 32], high: &[u8; 32], shared: &[u8; 32]) -> [u8; 32] {
    let mut transcript = Transcript::new(b"TENDERMINT_SECRET_CONNECTION_TRANSCRIPT_HASH");
    transcript.append_message(b"EPHEMERAL_LOWER_PUBLIC_KEY", low);
    transcript.append_message(b"EPHEMERAL_UPPER_PUBLIC_KEY", high);
    transcript.append_message(b"DH_SECRET", shared);
    let mut challenge = [0; 32];
    transcript.challenge_bytes(b"SECRET_CONNECTION_MAC", &mut challenge);
    challenge
}

/// For the end with the lower key: what it receives with, then what it sends with.
fn session_keys(shared: &[u8; 32]) -> [u8; 64] {
    let mut keys = [0; 64];
    Hkdf::<Sha256>::new(None, shared)
        .expand(
            b"TENDERMINT_SECRET_CONNECTION_KEY_AND_CHALLENGE_GEN",
            &mut keys,
        )
        .expect("64 bytes are within HKDF's limit");
    keys
}

fn auth(key: &[u8; 32], signature: &[u8; 64]) -> Vec<u8> {
    let parts: [&[u8]; 4] = [
        &[102, 0x0a, 0x22, 0x0a, 0x20],
        key,
        &[0x12, 0x40],
        signature,
    ];
    parts.concat()
}

fn nonce(counter: u64) -> Nonce {
    let mut nonce = [0; 12];
    nonce[4..].copy_from_slice(&counter.to_le_bytes());
    nonce.into()
}

#[cfg(test)]
mod tests {
    use secret_connection::Handshake;

    use super::*;

    #[test]
    fn our_end_meets_the_honest_peer_in_both_orders() {
        let mut lower = Vec::new();
        for meeting in &*MEETINGS {
            let (state, first) = Handshake::start(&meeting.identity, meeting.ephemeral);
            lower.push(first[..] < meeting.first[..]);
            let (state, sealed) = state.handle(&meeting.first).unwrap();
            assert_eq!(meeting.open(0, &sealed).len(), meeting.auth.len());
            let established = state.handle(&meeting.auth_frame()).unwrap();
            assert_eq!(*established.remote_public_key(), meeting.their_key);
        }
        lower.sort_unstable();
        assert_eq!(lower, [false, true]);
    }
}
