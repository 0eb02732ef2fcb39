//! CometBFT's `priv_validator_key.json` (`privval/file.go`, `FilePVKey`).
//!
//! Invariants
//! - All three parts are read and must agree: the address and the public key
//!   are derived from the private key and compared with what is written. A
//!   node recomputes them silently, so a mixed-up file would go unnoticed there.
//! - Serde's messages are never shown: they quote values, and here a value may be
//!   the private key.

use crate::{
    Algorithm, Content, KeyMaterial, KeyOptions, MaterialError, Problem, base64_text, show,
};
use privval::PublicKey;
use serde::{Deserialize, Deserializer, de::IgnoredAny};
use zeroize::Zeroizing;

/// The key file, and enough of other files to recognise them.
#[derive(Deserialize)]
struct Document {
    address: Option<String>,
    pub_key: Option<Typed>,
    priv_key: Option<Typed>,
    /// Only in `priv_validator_state.json` (`FilePVLastSignState`).
    height: Option<IgnoredAny>,
    /// Only in the Cosmos SDK's JSON of a public key.
    #[serde(rename = "@type")]
    type_url: Option<IgnoredAny>,
    /// Only in `{"type": "tendermint/PubKey…", "value": "…"}`, a key without its file.
    #[serde(rename = "type")]
    bare_type: Option<String>,
}

/// `cmtjson`'s envelope: a registered name and a value.
#[derive(Deserialize)]
struct Typed {
    #[serde(rename = "type")]
    name: String,
    #[serde(deserialize_with = "secret_text")]
    value: Zeroizing<String>,
}

fn secret_text<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Zeroizing<String>, D::Error> {
    String::deserialize(deserializer).map(Zeroizing::new)
}

/// Reads the key out of a JSON text that starts with `{`.
pub(crate) fn parse(text: &str, options: &KeyOptions) -> Result<KeyMaterial, Problem> {
    let document = document(text)?;
    if let Some(found) = document.other_content() {
        return Err(Problem::OtherContent {
            found,
            expected: options.format,
        });
    }
    let private = document
        .priv_key
        .as_ref()
        .ok_or_else(|| lacks("priv_key"))?;
    let public = document.pub_key.as_ref().ok_or_else(|| lacks("pub_key"))?;
    let address = document
        .address
        .as_deref()
        .ok_or_else(|| lacks("address"))?;

    let algorithm = private_algorithm(&private.name)?;
    if let Some(expected) = options.algorithm.filter(|expected| *expected != algorithm) {
        return Err(Problem::WrongAlgorithm {
            found: algorithm,
            expected,
        });
    }
    let material = private_key(algorithm, &private.value)?;
    check_public_key(public, &material)?;
    check_address(address, &material)?;
    check_expected(options.public_key, material)
}

/// Says what a JSON text is, for the error of a caller who asked for something else.
pub(crate) fn recognise(text: &str) -> Content {
    match document(text) {
        Ok(document) => match document.other_content() {
            Some(content) => content,
            None if document.priv_key.is_some() => Content::CometKey,
            None => Content::OtherJson,
        },
        Err(_) => Content::OtherJson,
    }
}

impl Document {
    fn other_content(&self) -> Option<Content> {
        if self.priv_key.is_some() {
            // Without address and public key it is a node_key.json (`p2p/key.go`).
            let bare = self.address.is_none() && self.pub_key.is_none();
            return bare.then_some(Content::NodeKey);
        }
        let bare_public = matches!(&self.bare_type, Some(name) if name.contains("/PubKey"));
        if self.type_url.is_some() || self.pub_key.is_some() || bare_public {
            Some(Content::PublicKey)
        } else if self.height.is_some() {
            Some(Content::StateFile)
        } else {
            None
        }
    }
}

fn document(text: &str) -> Result<Document, Problem> {
    serde_json::from_str(text).map_err(|error| {
        let what = match error.classify() {
            serde_json::error::Category::Eof => "it ends too early",
            serde_json::error::Category::Data => "it has other fields",
            _ => "it is not well-formed JSON",
        };
        Problem::BadJson(format!(
            "{what} (line {}, column {})",
            error.line(),
            error.column()
        ))
    })
}

fn lacks(field: &str) -> Problem {
    Problem::BadJson(format!("the field `{field}` is missing"))
}

fn private_algorithm(name: &str) -> Result<Algorithm, Problem> {
    [Algorithm::Ed25519, Algorithm::Secp256k1]
        .into_iter()
        .find(|algorithm| algorithm.private_type() == name)
        .ok_or_else(|| Problem::UnsupportedType(printable(name)))
}

/// Go writes an Ed25519 key as seed and public key, and nothing else.
fn private_key(algorithm: Algorithm, value: &str) -> Result<KeyMaterial, Problem> {
    let bytes = base64_text::decode(value).map_err(|problem| match problem {
        Problem::BadBase64(text) => Problem::BadJson(format!("in priv_key.value, {text}")),
        other => other,
    })?;
    match algorithm {
        Algorithm::Ed25519 => KeyMaterial::from_go_ed25519(&bytes),
        Algorithm::Secp256k1 => KeyMaterial::from_bytes(algorithm, &bytes, None),
    }
    .map_err(|error| Problem::BadJson(format!("priv_key.value {error}")))
}

fn check_public_key(written: &Typed, material: &KeyMaterial) -> Result<(), Problem> {
    let expected = material.algorithm().public_type();
    if written.name != expected {
        return Err(Problem::BadJson(format!(
            "pub_key has the type `{}`, but priv_key needs `{expected}`",
            printable(&written.name)
        )));
    }
    let written = public_key(material.algorithm(), &written.value)
        .ok_or_else(|| Problem::BadJson("pub_key.value is no public key".to_owned()))?;
    let derived = material.public_key();
    if written == derived {
        Ok(())
    } else {
        Err(Problem::PublicKeyMismatch { written, derived })
    }
}

fn public_key(algorithm: Algorithm, value: &str) -> Option<PublicKey> {
    let bytes = base64_text::decode(value).ok()?;
    match algorithm {
        Algorithm::Ed25519 => bytes.as_slice().try_into().ok().map(PublicKey::Ed25519),
        Algorithm::Secp256k1 => bytes.as_slice().try_into().ok().map(PublicKey::Secp256k1),
    }
}

fn check_address(written: &str, material: &KeyMaterial) -> Result<(), Problem> {
    let derived = show::address_hex(&material.public_key());
    if written.eq_ignore_ascii_case(&derived) {
        return Ok(());
    }
    let is_address = written.len() == 40 && written.chars().all(|c| c.is_ascii_hexdigit());
    Err(Problem::AddressMismatch {
        // Anything else could be a value that slipped into the wrong field.
        written: if is_address {
            written.to_owned()
        } else {
            "no 40 hexadecimal digits".to_owned()
        },
        derived,
    })
}

fn check_expected(
    expected: Option<PublicKey>,
    material: KeyMaterial,
) -> Result<KeyMaterial, Problem> {
    match expected {
        Some(expected) if expected != material.public_key() => {
            Err(Problem::Material(MaterialError::OtherKey {
                expected,
                found: material.public_key(),
            }))
        }
        _ => Ok(material),
    }
}

/// A type name for people. A name that is no name is not repeated.
fn printable(name: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "/._-".contains(c);
    if !name.is_empty() && name.len() <= 40 && name.chars().all(plain) {
        name.to_owned()
    } else {
        "(unreadable)".to_owned()
    }
}
