//! The record layer: 1,044-byte frames of ChaCha20-Poly1305 (RFC 8439), each
//! with a 4-byte little-endian length, up to 1,024 bytes of data and a 16-byte
//! tag (CometBFT `SecretConnection.Write` and `Read`).
//!
//! Invariants:
//! - A nonce is four zero bytes and a little-endian counter from 0 that only
//!   grows. The last value is never used: the key is then spent.
//! - After the first refused frame an [`Opener`] has no key any more, so it can
//!   never accept another.

use chacha20poly1305::aead::AeadInPlace;
use chacha20poly1305::{ChaCha20Poly1305, KeyInit, Nonce, Tag};
use thiserror::Error;

/// The most data one frame carries, in bytes.
pub const MAX_DATA_LEN: usize = 1024;

/// Every frame on the wire has this length in bytes, however little it carries.
pub const SEALED_FRAME_LEN: usize = FRAME_LEN + TAG_LEN;

/// One frame as it is on the wire.
pub type SealedFrame = [u8; SEALED_FRAME_LEN];

/// Where the data begins in an opened frame.
pub(crate) const DATA_START: usize = LENGTH_LEN;

const LENGTH_LEN: usize = 4;
const FRAME_LEN: usize = LENGTH_LEN + MAX_DATA_LEN;
const TAG_LEN: usize = 16;

/// Seals what this end sends. Made only by a finished handshake.
pub struct Sealer {
    // Boxed, so that a move leaves no copy of the key. Wiped on drop.
    cipher: Box<ChaCha20Poly1305>,
    counter: Counter,
}

/// Opens what the peer sends. Made only by a finished handshake.
pub struct Opener {
    /// `None` once a frame was refused.
    cipher: Option<Box<ChaCha20Poly1305>>,
    counter: Counter,
}

/// The key of the sending side is spent.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
#[error("the sending key of this connection is used up; reconnect")]
pub struct SealError;

/// Why a frame was refused. All of these end the connection.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
pub enum OpenError {
    /// The tag does not match.
    #[error(
        "frame {frame} from the peer failed authentication: it was altered, repeated or reordered on the way, or sealed with another key"
    )]
    Forged {
        /// Frames of this connection counted from 0; the peer's handshake
        /// signature is frame 0.
        frame: u64,
    },
    /// Authentic, but the length in it is impossible.
    #[error(
        "frame {frame} from the peer claims {length} bytes of data, only 1 to 1024 are allowed"
    )]
    Length {
        /// Frames of this connection counted from 0.
        frame: u64,
        /// What the frame claims to carry, in bytes.
        length: u32,
    },
    /// All nonces of the key are used.
    #[error("the receiving key of this connection is used up; reconnect")]
    Exhausted,
    /// An earlier frame was refused.
    #[error("an earlier frame from the peer was refused, so nothing more is read; reconnect")]
    AlreadyFailed,
}

impl Sealer {
    pub(crate) fn new(key: &[u8; 32]) -> Self {
        Self {
            cipher: Box::new(ChaCha20Poly1305::new(key.into())),
            counter: Counter(0),
        }
    }

    /// Appends `data` to `out`, sealed in as many frames as it needs; none for
    /// no data. One buffer, so that a message goes out in one write.
    ///
    /// # Errors
    /// [`SealError`] when the counter would overflow; `out` is then as before.
    pub fn seal(&mut self, data: &[u8], out: &mut Vec<u8>) -> Result<(), SealError> {
        let before = out.len();
        out.reserve(data.len().div_ceil(MAX_DATA_LEN) * SEALED_FRAME_LEN);
        for chunk in data.chunks(MAX_DATA_LEN) {
            self.seal_frame(chunk, out)
                .inspect_err(|_| out.truncate(before))?;
        }
        Ok(())
    }

    fn seal_frame(&mut self, chunk: &[u8], out: &mut Vec<u8>) -> Result<(), SealError> {
        let nonce = self.counter.next_nonce().ok_or(SealError)?;
        let length = u32::try_from(chunk.len()).map_err(|_| SealError)?;
        let start = out.len();
        out.extend_from_slice(&length.to_le_bytes());
        out.extend_from_slice(chunk);
        out.resize(start + FRAME_LEN, 0);
        let frame = out.get_mut(start..).unwrap_or_default();
        let tag = self
            .cipher
            .encrypt_in_place_detached(&nonce, &[], frame)
            .map_err(|_| SealError)?;
        out.extend_from_slice(&tag);
        Ok(())
    }
}

impl Opener {
    pub(crate) fn new(key: &[u8; 32]) -> Self {
        Self {
            cipher: Some(Box::new(ChaCha20Poly1305::new(key.into()))),
            counter: Counter(0),
        }
    }

    /// Opens the next frame in place and returns its data, 1 to 1,024 bytes.
    ///
    /// CometBFT never sends an empty frame. Refusing it keeps a peer from
    /// occupying a reader for ever without saying anything.
    ///
    /// # Errors
    /// [`OpenError`]; every later call fails too.
    pub fn open<'a>(&mut self, frame: &'a mut SealedFrame) -> Result<&'a [u8], OpenError> {
        // Taken, and put back only on success: a failed opener has no key.
        let cipher = self.cipher.take().ok_or(OpenError::AlreadyFailed)?;
        let number = self.counter.0;
        let nonce = self.counter.next_nonce().ok_or(OpenError::Exhausted)?;
        let (body, tag) = frame.split_at_mut(FRAME_LEN);
        cipher
            .decrypt_in_place_detached(&nonce, &[], body, Tag::from_slice(tag))
            .map_err(|_| OpenError::Forged { frame: number })?;
        let data = data_of(body, number)?;
        self.cipher = Some(cipher);
        Ok(data)
    }
}

/// The padding after the data is not looked at: Go leaves old bytes there.
fn data_of(body: &[u8], frame: u64) -> Result<&[u8], OpenError> {
    let (length, data) = body
        .split_first_chunk::<LENGTH_LEN>()
        .ok_or(OpenError::Forged { frame })?;
    let length = u32::from_le_bytes(*length);
    usize::try_from(length)
        .ok()
        .filter(|length| *length > 0)
        .and_then(|length| data.get(..length))
        .ok_or(OpenError::Length { frame, length })
}

struct Counter(u64);

impl Counter {
    /// `None` for ever once only the last value is left (as Go, which stops
    /// before it would send or accept that frame).
    fn next_nonce(&mut self) -> Option<Nonce> {
        let next = self.0.checked_add(1)?;
        let mut nonce = Nonce::default();
        for (to, from) in nonce.iter_mut().skip(4).zip(self.0.to_le_bytes()) {
            *to = from;
        }
        self.0 = next;
        Some(nonce)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use proptest::test_runner::RngSeed;

    use super::*;

    const KEY: [u8; 32] = [7; 32];

    fn sealed(sealer: &mut Sealer, data: &[u8]) -> Vec<SealedFrame> {
        let mut out = Vec::new();
        sealer.seal(data, &mut out).unwrap();
        out.chunks_exact(SEALED_FRAME_LEN)
            .map(|frame| frame.try_into().unwrap())
            .collect()
    }

    fn raw_frame(length: u32) -> SealedFrame {
        let mut frame = [0x5a; SEALED_FRAME_LEN];
        frame[..4].copy_from_slice(&length.to_le_bytes());
        let tag = ChaCha20Poly1305::new(&KEY.into())
            .encrypt_in_place_detached(&Nonce::default(), &[], &mut frame[..FRAME_LEN])
            .unwrap();
        frame[FRAME_LEN..].copy_from_slice(&tag);
        frame
    }

    fn at(counter: u64) -> (Sealer, Opener) {
        let (mut sealer, mut opener) = (Sealer::new(&KEY), Opener::new(&KEY));
        sealer.counter = Counter(counter);
        opener.counter = Counter(counter);
        (sealer, opener)
    }

    #[test]
    fn the_second_frame_uses_nonce_one() {
        let frame = sealed(&mut at(1).0, b"second")[0];
        let mut nonce = Nonce::default();
        nonce[4] = 1;
        let mut body = frame[..FRAME_LEN].to_vec();
        ChaCha20Poly1305::new(&KEY.into())
            .decrypt_in_place_detached(&nonce, &[], &mut body, Tag::from_slice(&frame[FRAME_LEN..]))
            .unwrap();
        assert_eq!(&body[..10], b"\x06\0\0\0second");
        assert!(body[10..].iter().all(|byte| *byte == 0));
    }

    #[test]
    fn data_is_cut_into_frames_of_1024_bytes() {
        for (length, frames) in [(0, 0), (1, 1), (1024, 1), (1025, 2), (2048, 2), (5000, 5)] {
            let data: Vec<u8> = (0..length).map(|n| (n % 251) as u8).collect();
            let (mut sealer, mut opener) = at(0);
            let sealed = sealed(&mut sealer, &data);
            assert_eq!(sealed.len(), frames, "{length} bytes");
            let mut opened = Vec::new();
            for mut frame in sealed {
                opened.extend_from_slice(opener.open(&mut frame).unwrap());
            }
            assert_eq!(opened, data);
        }
    }

    #[test]
    fn every_flipped_bit_is_refused() {
        let frame = sealed(&mut at(0).0, b"a vote")[0];
        for bit in 0..8 * SEALED_FRAME_LEN {
            let mut flipped = frame;
            flipped[bit / 8] ^= 1 << (bit % 8);
            let result = at(0).1.open(&mut flipped).map(<[u8]>::to_vec);
            assert_eq!(result, Err(OpenError::Forged { frame: 0 }), "bit {bit}");
        }
    }

    #[test]
    fn a_replayed_a_reordered_and_a_skipped_frame_are_refused() {
        let (mut sealer, _) = at(0);
        let frames = sealed(&mut sealer, &[9; 3000]);
        for (order, refused_at) in [([0, 0], 1), ([1, 0], 0), ([0, 2], 1)] {
            let mut opener = Opener::new(&KEY);
            for (step, index) in order.into_iter().enumerate() {
                let result = opener.open(&mut frames[index].clone()).map(<[u8]>::len);
                match step.cmp(&refused_at) {
                    std::cmp::Ordering::Less => assert_eq!(result, Ok(1024)),
                    std::cmp::Ordering::Equal => {
                        let frame = refused_at as u64;
                        assert_eq!(result, Err(OpenError::Forged { frame }));
                    }
                    std::cmp::Ordering::Greater => {
                        assert_eq!(result, Err(OpenError::AlreadyFailed));
                    }
                }
            }
        }
    }

    #[test]
    fn a_failed_opener_refuses_even_the_right_frame() {
        let frame = sealed(&mut at(0).0, b"right")[0];
        let mut opener = Opener::new(&KEY);
        assert!(opener.open(&mut [0; SEALED_FRAME_LEN]).is_err());
        assert_eq!(
            opener.open(&mut frame.clone()),
            Err(OpenError::AlreadyFailed)
        );
        opener.counter = Counter(0);
        assert_eq!(
            opener.open(&mut frame.clone()),
            Err(OpenError::AlreadyFailed)
        );
    }

    #[test]
    fn the_length_is_1_to_1024() {
        for length in [1, 1024] {
            let mut frame = raw_frame(length);
            let data = Opener::new(&KEY).open(&mut frame).unwrap().to_vec();
            assert_eq!(data, vec![0x5a; length as usize]);
        }
        for length in [0, 1025, 1028, u32::MAX] {
            let mut opener = Opener::new(&KEY);
            assert_eq!(
                opener.open(&mut raw_frame(length)),
                Err(OpenError::Length { frame: 0, length })
            );
            assert_eq!(
                opener.open(&mut raw_frame(1)),
                Err(OpenError::AlreadyFailed)
            );
        }
    }

    #[test]
    fn the_last_nonce_is_never_used() {
        let (mut sealer, mut opener) = at(u64::MAX - 1);
        let mut last = sealed(&mut sealer, b"last")[0];
        assert_eq!(opener.open(&mut last).unwrap(), b"last");

        let mut out = b"kept".to_vec();
        assert_eq!(sealer.seal(b"over", &mut out), Err(SealError));
        assert_eq!(sealer.seal(b"over", &mut out), Err(SealError));
        assert_eq!(out, b"kept");
        assert_eq!(opener.open(&mut last), Err(OpenError::Exhausted));
        assert_eq!(opener.open(&mut last), Err(OpenError::AlreadyFailed));
    }

    #[test]
    fn a_message_that_overflows_half_way_leaves_nothing_behind() {
        let (mut sealer, _) = at(u64::MAX - 1);
        let mut out = b"kept".to_vec();
        assert_eq!(sealer.seal(&[1; 1025], &mut out), Err(SealError));
        assert_eq!(out, b"kept");
    }

    #[test]
    fn errors_say_what_happened() {
        let texts = [
            (
                OpenError::Forged { frame: 3 }.to_string(),
                "frame 3 from the peer failed authentication: it was altered, repeated or reordered on the way, or sealed with another key",
            ),
            (
                OpenError::Length {
                    frame: 3,
                    length: 1025,
                }
                .to_string(),
                "frame 3 from the peer claims 1025 bytes of data, only 1 to 1024 are allowed",
            ),
            (
                OpenError::Exhausted.to_string(),
                "the receiving key of this connection is used up; reconnect",
            ),
            (
                SealError.to_string(),
                "the sending key of this connection is used up; reconnect",
            ),
        ];
        for (found, expected) in texts {
            assert_eq!(found, expected);
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig {
            cases: 256, rng_seed: RngSeed::Fixed(1), failure_persistence: None,
            ..ProptestConfig::default()
        })]

        #[test]
        fn random_frames_never_open(bytes in prop::collection::vec(any::<u8>(), SEALED_FRAME_LEN)) {
            let mut frame: SealedFrame = bytes.try_into().unwrap();
            prop_assert_eq!(
                Opener::new(&KEY).open(&mut frame),
                Err(OpenError::Forged { frame: 0 })
            );
        }

        #[test]
        fn any_message_at_any_counter_comes_back(
            data in prop::collection::vec(any::<u8>(), 0..5000),
            counter in 0..u64::MAX - 6,
        ) {
            let (mut sealer, mut opener) = at(counter);
            let mut opened = Vec::new();
            for mut frame in sealed(&mut sealer, &data) {
                opened.extend_from_slice(opener.open(&mut frame).unwrap());
            }
            prop_assert_eq!(opened, data);
        }
    }
}
