//! Base64 text of a key: decoding, and saying what is wrong with it.
//!
//! Invariant: messages name positions and lengths, and of the text itself only
//! a character that base64 does not have.

use crate::{Content, KeyFormat, Problem};
use base64::{DecodeError, DecodeSliceError, Engine as _, engine::general_purpose::STANDARD};
use zeroize::Zeroizing;

/// Standard base64 with padding on one line.
pub(crate) fn encode(bytes: &[u8]) -> Zeroizing<String> {
    Zeroizing::new(STANDARD.encode(bytes))
}

/// Decodes standard base64 with padding; white space around it was cut off before.
pub(crate) fn decode(text: &str) -> Result<Zeroizing<Vec<u8>>, Problem> {
    let mut bytes = Zeroizing::new(vec![0; base64::decoded_len_estimate(text.len())]);
    match STANDARD.decode_slice(text, &mut bytes) {
        Ok(length) => {
            bytes.truncate(length);
            Ok(bytes)
        }
        Err(DecodeSliceError::DecodeError(error)) => {
            Err(Problem::BadBase64(explain(&error, text.len())))
        }
        Err(DecodeSliceError::OutputSliceTooSmall) => {
            Err(Problem::BadBase64("it is too long".to_owned()))
        }
    }
}

/// Recognises text that is no base64 key, or that is one only by accident.
pub(crate) fn recognise(text: &str) -> Option<Content> {
    let hex_digits = |length| text.len() == length && text.chars().all(|c| c.is_ascii_hexdigit());
    if text.starts_with('{') || text.starts_with('[') {
        Some(crate::json::recognise(text))
    } else if text.starts_with("-----BEGIN AGE") || text.starts_with("age-encryption.org/") {
        Some(Content::Encrypted)
    } else if text.starts_with("-----BEGIN ") {
        Some(Content::Pem)
    } else if is_bech32_public_key(text) {
        Some(Content::PublicKey)
    } else if hex_digits(64) || hex_digits(128) {
        // 64 digits are also valid base64, of 48 bytes: name what it is instead.
        Some(Content::Hex)
    } else {
        None
    }
}

/// As `kiravalconspub1…`; checked in full, since a base64 key could start so by chance.
fn is_bech32_public_key(text: &str) -> bool {
    bech32::decode(text).is_ok_and(|(hrp, data)| hrp.as_str().ends_with("pub") && data.len() >= 33)
}

/// The problem of text where JSON was asked for.
pub(crate) fn instead_of_json(text: &str) -> Problem {
    let found = recognise(text).unwrap_or_else(|| match decode(text) {
        Ok(bytes) if matches!(bytes.len(), 32 | 64 | 96) => Content::Base64Key,
        _ => Content::OtherText,
    });
    Problem::OtherContent {
        found,
        expected: KeyFormat::Json,
    }
}

fn explain(error: &DecodeError, length: usize) -> String {
    match error {
        DecodeError::InvalidByte(at, byte) => {
            format!(
                "{} at position {} of {length} is no base64",
                name(*byte),
                at.saturating_add(1)
            )
        }
        DecodeError::InvalidLastSymbol(at, _) => format!(
            "base64 of {length} characters, but the last of them (position {}) cannot end it: it \
             may be cut off or changed",
            at.saturating_add(1)
        ),
        DecodeError::InvalidLength(_) | DecodeError::InvalidPadding => format!(
            "{length} characters of base64 with a wrong end (`=`): a 32-byte key has 44 \
             characters and ends in one `=`"
        ),
    }
}

fn name(byte: u8) -> String {
    match byte {
        b'-' | b'_' => format!("`{}` (URL-safe base64?)", char::from(byte)),
        b'=' => "`=` (more than one key?)".to_owned(),
        b'\n' | b'\r' => "a line break".to_owned(),
        b' ' | b'\t' => "a space".to_owned(),
        0x21..=0x7e => format!("`{}`", char::from(byte)),
        _ => format!("the byte 0x{byte:02x}"),
    }
}
