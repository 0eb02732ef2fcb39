//! The second message of the handshake: `AuthSigMessage { PublicKey pub_key = 1;
//! bytes sig = 2 }` with its length in front (CometBFT
//! `proto/tendermint/p2p/conn.proto`, `crypto/keys.proto`).
//!
//! Every node sends the same 103-byte shape. Unknown fields are skipped, as Go
//! does, so that a later node may add some.

use crate::handshake::HandshakeError;

const LENGTH_DELIMITED: u64 = 2;
const PUBLIC_KEY_FIELD: u64 = 1;
const SIGNATURE_FIELD: u64 = 2;
/// `PublicKey` is a oneof whose member 1 is Ed25519.
const ED25519_FIELD: u64 = 1;

pub(crate) const ENCODED_LEN: usize = 103;

/// A claim, not yet verified: "this key made this signature".
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct AuthMessage {
    pub(crate) public_key: [u8; 32],
    pub(crate) signature: [u8; 64],
}

impl AuthMessage {
    pub(crate) fn encode(&self) -> [u8; ENCODED_LEN] {
        let mut message = [0; ENCODED_LEN];
        let parts: [&[u8]; 4] = [
            &[0x66, 0x0a, 0x22, 0x0a, 0x20],
            &self.public_key,
            &[0x12, 0x40],
            &self.signature,
        ];
        for (to, from) in message.iter_mut().zip(parts.into_iter().flatten()) {
            *to = *from;
        }
        message
    }

    /// Decodes exactly one delimited message.
    pub(crate) fn decode(bytes: &[u8]) -> Result<Self, HandshakeError> {
        let malformed = HandshakeError::MalformedAuthMessage;
        let mut input = Reader(bytes);
        let length = input.varint().ok_or(malformed)?;
        if u64::try_from(input.0.len()) != Ok(length) {
            return Err(malformed);
        }
        let (mut public_key, mut signature) = (None, None);
        while !input.0.is_empty() {
            match input.field().ok_or(malformed)? {
                (PUBLIC_KEY_FIELD, Some(value)) => public_key = Some(ed25519_key(value)?),
                (SIGNATURE_FIELD, Some(value)) => signature = value.try_into().ok(),
                _ => {}
            }
        }
        Ok(Self {
            public_key: public_key.ok_or(malformed)?,
            signature: signature.ok_or(malformed)?,
        })
    }
}

fn ed25519_key(bytes: &[u8]) -> Result<[u8; 32], HandshakeError> {
    let mut input = Reader(bytes);
    let mut key = None;
    while !input.0.is_empty() {
        match input.field().ok_or(HandshakeError::MalformedAuthMessage)? {
            (ED25519_FIELD, Some(value)) => {
                key = value.try_into().ok();
            }
            _ => return Err(HandshakeError::KeyNotEd25519),
        }
    }
    key.ok_or(HandshakeError::MalformedAuthMessage)
}

/// The little of protobuf's wire format that is needed here.
struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    /// A field's number, and its bytes if it is length-delimited.
    fn field(&mut self) -> Option<(u64, Option<&'a [u8]>)> {
        let tag = self.varint()?;
        let value = match tag & 7 {
            0 => self.varint().map(|_| None)?,
            1 => self.take(8).map(|_| None)?,
            LENGTH_DELIMITED => {
                let length = usize::try_from(self.varint()?).ok()?;
                Some(self.take(length)?)
            }
            5 => self.take(4).map(|_| None)?,
            _ => return None,
        };
        Some((tag >> 3, value)).filter(|(number, _)| *number != 0)
    }

    fn varint(&mut self) -> Option<u64> {
        let mut value = 0_u64;
        for shift in (0..64).step_by(7) {
            let byte = *self.take(1)?.first()?;
            let bits = u64::from(byte & 0x7f);
            if shift == 63 && bits > 1 {
                return None;
            }
            value |= bits << shift;
            if byte & 0x80 == 0 {
                return Some(value);
            }
        }
        None
    }

    fn take(&mut self, length: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        Some(taken)
    }
}

#[cfg(test)]
mod tests {
    use super::{AuthMessage, ENCODED_LEN};
    use crate::handshake::HandshakeError;

    const MESSAGE: AuthMessage = AuthMessage {
        public_key: [0x11; 32],
        signature: [0x22; 64],
    };

    fn delimited(body: &[u8]) -> Vec<u8> {
        let mut bytes = vec![u8::try_from(body.len()).unwrap()];
        assert!(body.len() < 128);
        bytes.extend_from_slice(body);
        bytes
    }

    #[test]
    fn a_message_survives_the_way_there_and_back() {
        let bytes = MESSAGE.encode();
        assert_eq!(bytes.len(), ENCODED_LEN);
        assert_eq!(AuthMessage::decode(&bytes).unwrap(), MESSAGE);
    }

    #[test]
    fn every_truncation_and_any_trailing_byte_is_refused() {
        let bytes = MESSAGE.encode();
        for length in 0..bytes.len() {
            assert!(AuthMessage::decode(&bytes[..length]).is_err(), "{length}");
        }
        let longer = [&bytes[..], &[0]].concat();
        assert_eq!(
            AuthMessage::decode(&longer),
            Err(HandshakeError::MalformedAuthMessage)
        );
    }

    #[test]
    fn unknown_fields_of_every_wire_type_are_skipped() {
        let extra: [&[u8]; 4] = [
            &[0x18, 0x96, 0x01],
            &[0x19, 1, 2, 3, 4, 5, 6, 7, 8],
            &[0x1a, 2, 0xff, 0xff],
            &[0x1d, 1, 2, 3, 4],
        ];
        for field in extra {
            let body = [&MESSAGE.encode()[1..], field].concat();
            assert_eq!(AuthMessage::decode(&delimited(&body)).unwrap(), MESSAGE);
        }
    }

    #[test]
    fn a_key_of_another_type_is_refused_as_such() {
        let mut body = vec![0x0a, 35, 0x12, 33];
        body.extend_from_slice(&[0x02; 33]);
        body.extend_from_slice(&MESSAGE.encode()[37..]);
        assert_eq!(
            AuthMessage::decode(&delimited(&body)),
            Err(HandshakeError::KeyNotEd25519)
        );
    }

    #[test]
    fn a_missing_empty_or_short_key_or_signature_is_refused() {
        let full = MESSAGE.encode();
        let without_key = &full[37..];
        let without_signature = &full[1..37];
        let empty_key = [&[0x0a, 0], &full[37..]].concat();
        let short_key = [&[0x0a, 33, 0x0a, 31], &full[6..]].concat();
        let short_signature = [&full[1..37], &[0x12, 63], &full[40..]].concat();
        for body in [
            without_key,
            without_signature,
            &empty_key,
            &short_key,
            &short_signature,
        ] {
            assert_eq!(
                AuthMessage::decode(&delimited(body)),
                Err(HandshakeError::MalformedAuthMessage)
            );
        }
    }

    #[test]
    fn broken_wire_format_after_a_good_message_is_refused() {
        let with = |extra: &[u8]| {
            let body = [&MESSAGE.encode()[1..], extra].concat();
            AuthMessage::decode(&delimited(&body))
        };
        let nine = [0xff; 9];
        let largest_varint = [&[0x18], &nine[..], &[1]].concat();
        assert_eq!(with(&largest_varint).unwrap(), MESSAGE);

        let too_large_varint = [&[0x18], &nine[..], &[2]].concat();
        let endless_varint = [&[0x18], &nine[..], &[0x80, 0]].concat();
        let beyond_any_memory = [&[0x1a], &nine[..], &[1]].concat();
        for extra in [
            &too_large_varint[..],
            &endless_varint,
            &beyond_any_memory,
            &[0x1b, 0x1c],
            &[0x1e],
            &[0x02, 0],
        ] {
            let refused = with(extra).unwrap_err();
            assert_eq!(refused, HandshakeError::MalformedAuthMessage, "{extra:x?}");
        }
        assert!(AuthMessage::decode(&[0xff; 20]).is_err());
    }
}
