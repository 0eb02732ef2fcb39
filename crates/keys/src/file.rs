//! Consensus key files: from a path, or from bytes, to [`KeyMaterial`].
//!
//! Invariants
//! - The format is the one the caller names. Another one is recognised only to
//!   say so.
//! - Reading bytes and understanding them are apart, so that bytes from elsewhere
//!   (standard input, a decrypted file) get the same checks.

use crate::stack::swept;
use crate::{
    Algorithm, Content, KeyFileError, KeyFormat, KeyMaterial, KeyOptions, Origin, Problem, Purpose,
    base64_text, json, read_secret_file,
};
use std::path::Path;

/// Reads a consensus key file.
///
/// # Errors
/// [`KeyFileError`]: its text says what was found in which file and what to do.
pub fn read_key(path: &Path, options: &KeyOptions) -> Result<KeyMaterial, KeyFileError> {
    let content = read_secret_file(path, Purpose::Consensus, options.permissions)?;
    parse_key(&content, &Origin::from(path), options)
}

/// Understands the content of a consensus key file; `origin` shapes the error text.
///
/// # Errors
/// [`KeyFileError`], as [`read_key`].
pub fn parse_key(
    content: &[u8],
    origin: &Origin,
    options: &KeyOptions,
) -> Result<KeyMaterial, KeyFileError> {
    swept(|| parse(content, options)).map_err(|problem| KeyFileError {
        origin: origin.clone(),
        purpose: Purpose::Consensus,
        format: Some(options.format),
        problem,
    })
}

fn parse(content: &[u8], options: &KeyOptions) -> Result<KeyMaterial, Problem> {
    if crate::is_encrypted(content) {
        return Err(Problem::OtherContent {
            found: Content::Encrypted,
            expected: options.format,
        });
    }
    let text = text(content)?;
    match options.format {
        KeyFormat::Json if text.starts_with('{') => json::parse(text, options),
        KeyFormat::Json => Err(base64_text::instead_of_json(text)),
        KeyFormat::Base64 => parse_base64(text, options),
    }
}

fn parse_base64(text: &str, options: &KeyOptions) -> Result<KeyMaterial, Problem> {
    let algorithm = options.algorithm.unwrap_or(Algorithm::Ed25519);
    let bytes = decode_base64(text)?;
    KeyMaterial::from_bytes(algorithm, &bytes, options.public_key).map_err(Problem::Material)
}

/// Decodes base64, unless the text is recognised as something else.
pub(crate) fn decode_base64(text: &str) -> Result<zeroize::Zeroizing<Vec<u8>>, Problem> {
    match base64_text::recognise(text) {
        Some(found) => Err(Problem::OtherContent {
            found,
            expected: KeyFormat::Base64,
        }),
        None => base64_text::decode(text),
    }
}

/// The text without the white space and the byte order mark that editors leave.
pub(crate) fn text(content: &[u8]) -> Result<&str, Problem> {
    let content = content.strip_prefix(b"\xef\xbb\xbf").unwrap_or(content);
    let content = content.trim_ascii();
    if content.is_empty() {
        return Err(Problem::Empty);
    }
    let control = |c: char| c.is_control() && !c.is_ascii_whitespace();
    match std::str::from_utf8(content) {
        Ok(text) if !text.contains(control) => Ok(text),
        _ => Err(Problem::Binary {
            bytes: content.len(),
            what: describe_binary(content),
        }),
    }
}

fn describe_binary(content: &[u8]) -> &'static str {
    if matches!(content, [0xff, 0xfe, ..] | [0xfe, 0xff, ..]) {
        "UTF-16 text (PowerShell writes it)"
    } else {
        "binary data"
    }
}
