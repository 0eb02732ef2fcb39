//! Frames: a uvarint length, then that many bytes of one protobuf message
//! (CometBFT `libs/protoio`).
//!
//! Invariants: a frame is bounded before memory is taken for it, and bytes may arrive in pieces
//! of any size.

/// The longest message that is accepted, in bytes.
///
/// A vote extension may have 1 MiB and the node does not bound what it writes, so this is
/// twice that and some room for the vote around it.
pub const MAX_FRAME_LEN: usize = 2 * 1024 * 1024 + 64 * 1024;

/// The longest uvarint that a length within [`MAX_FRAME_LEN`] needs is 4 bytes; Go's writer
/// never pads, so more than 10 can only be garbage.
const MAX_PREFIX_LEN: usize = 10;

/// Why the bytes of a connection can no longer be cut into messages. The connection is lost:
/// where the next message begins is unknown.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FrameError {
    /// The announced length is over the bound.
    #[error("a message of {len} bytes was announced, at most {MAX_FRAME_LEN} are accepted")]
    TooLong {
        /// The announced length.
        len: u64,
    },
    /// The length is not a uvarint.
    #[error("the length of the message is not a number that protobuf can write")]
    BadLength,
}

/// Puts the length before a message.
#[must_use]
pub fn frame(message: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(message.len().saturating_add(MAX_PREFIX_LEN));
    prost::encoding::encode_varint(message.len() as u64, &mut out);
    out.extend_from_slice(message);
    out
}

/// Cuts a stream of bytes into messages.
#[derive(Debug, Default)]
pub struct Deframer {
    buffer: Vec<u8>,
}

impl Deframer {
    /// Starts with nothing read.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes bytes as they arrive.
    pub fn push(&mut self, bytes: &[u8]) {
        self.buffer.extend_from_slice(bytes);
    }

    /// True when a message has begun to arrive and is not complete.
    #[must_use]
    pub fn is_mid_message(&self) -> bool {
        !self.buffer.is_empty()
    }

    /// The next complete message, or `None` when more bytes are needed.
    ///
    /// # Errors
    /// [`FrameError`] when no message can be cut any more; every later call fails too.
    pub fn next_message(&mut self) -> Result<Option<Vec<u8>>, FrameError> {
        let Some((len, prefix)) = read_length(&self.buffer)? else {
            return Ok(None);
        };
        if len > MAX_FRAME_LEN as u64 {
            return Err(FrameError::TooLong { len });
        }
        let end = prefix.saturating_add(usize::try_from(len).unwrap_or(usize::MAX));
        if self.buffer.len() < end {
            return Ok(None);
        }
        let message = self.buffer.get(prefix..end).unwrap_or_default().to_vec();
        self.buffer.drain(..end);
        Ok(Some(message))
    }
}

/// Reads the uvarint at the start: its value and how many bytes it took.
fn read_length(buffer: &[u8]) -> Result<Option<(u64, usize)>, FrameError> {
    let mut value = 0_u64;
    for (i, byte) in buffer.iter().take(MAX_PREFIX_LEN).enumerate() {
        let bits = u64::from(byte & 0x7f);
        let shift = 7 * i as u32;
        if shift == 63 && bits > 1 {
            return Err(FrameError::BadLength);
        }
        value |= bits << shift;
        if byte & 0x80 == 0 {
            return Ok(Some((value, i + 1)));
        }
    }
    if buffer.len() >= MAX_PREFIX_LEN {
        return Err(FrameError::BadLength);
    }
    Ok(None)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_message_arriving_byte_by_byte_is_whole_at_its_last_byte() {
        let framed = frame(&[7; 300]);
        let mut deframer = Deframer::new();
        for (i, byte) in framed.iter().enumerate() {
            deframer.push(&[*byte]);
            let got = deframer.next_message().unwrap();
            if i + 1 < framed.len() {
                assert_eq!(got, None);
                assert!(deframer.is_mid_message());
            } else {
                assert_eq!(got, Some(vec![7; 300]));
                assert!(!deframer.is_mid_message());
            }
        }
    }

    #[test]
    fn the_longest_message_is_accepted_and_one_byte_more_is_not() {
        let mut deframer = Deframer::new();
        deframer.push(&frame(&vec![0; MAX_FRAME_LEN]));
        assert_eq!(
            deframer.next_message().unwrap().map(|m| m.len()),
            Some(MAX_FRAME_LEN)
        );
        let mut prefix = Vec::new();
        prost::encoding::encode_varint(MAX_FRAME_LEN as u64 + 1, &mut prefix);
        deframer.push(&prefix);
        let error = deframer.next_message().unwrap_err();
        assert_eq!(
            error.to_string(),
            "a message of 2162689 bytes was announced, at most 2162688 are accepted"
        );
    }

    #[test]
    fn a_length_that_never_ends_is_refused() {
        let mut deframer = Deframer::new();
        deframer.push(&[0x80; 9]);
        assert_eq!(deframer.next_message(), Ok(None));
        deframer.push(&[0x80]);
        assert_eq!(deframer.next_message(), Err(FrameError::BadLength));
    }

    proptest! {
        #[test]
        fn any_messages_come_out_as_they_went_in(
            messages in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..300), 0..8),
            cut in 1_usize..64,
        ) {
            let stream: Vec<u8> = messages.iter().flat_map(|m| frame(m)).collect();
            let mut deframer = Deframer::new();
            let mut got = Vec::new();
            for piece in stream.chunks(cut) {
                deframer.push(piece);
                while let Some(message) = deframer.next_message().unwrap() {
                    got.push(message);
                }
            }
            prop_assert_eq!(got, messages);
        }

        #[test]
        fn random_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..64)) {
            let mut deframer = Deframer::new();
            deframer.push(&bytes);
            while let Ok(Some(_)) = deframer.next_message() {}
        }
    }
}
