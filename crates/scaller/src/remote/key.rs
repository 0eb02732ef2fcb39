//! `priv_validator_key.json`: enough of it to know which key it is, and that it is whole.

use std::fs;
use std::io;
use std::path::Path;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use zeroize::{Zeroize as _, Zeroizing};

use crate::failure::Failure;

const ED25519: &str = "tendermint/PubKeyEd25519";

/// Which key it is. The private part is not kept.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct NodeKey {
    /// The address, upper-case hexadecimal.
    pub(crate) address: String,
    /// The public key, as CometBFT writes it.
    pub(crate) pub_key: Typed,
}

/// A key with its type.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Typed {
    /// `tendermint/PubKeyEd25519`, for instance.
    #[serde(rename = "type")]
    pub(crate) kind: String,
    /// Base64.
    pub(crate) value: String,
}

#[derive(Deserialize)]
struct File {
    address: String,
    pub_key: Typed,
    priv_key: Typed,
}

impl NodeKey {
    /// Reads a key file, which has to be whole.
    pub(crate) fn read(path: &Path) -> Result<Self, Failure> {
        Self::read_if_there(path)?
            .ok_or_else(|| Failure::new(format!("there is no consensus key at {}", path.display())))
    }

    /// The same; `None` if there is no file.
    pub(crate) fn read_if_there(path: &Path) -> Result<Option<Self>, Failure> {
        let text = match fs::read(path) {
            Ok(text) => Zeroizing::new(text),
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(Failure::file("read", path, &error)),
        };
        parse(&text).map(Some).map_err(|problem| {
            Failure::new(format!(
                "{} is no whole key file: {problem}. Nothing was changed",
                path.display()
            ))
        })
    }

    /// The key in the form of the SDK, for `gentx-claim --pubkey`; `None` for a type that KIRA's
    /// validators do not have.
    pub(crate) fn sdk_json(&self) -> Option<String> {
        (self.pub_key.kind == ED25519).then(|| {
            serde_json::json!({
                "@type": "/cosmos.crypto.ed25519.PubKey",
                "key": self.pub_key.value,
            })
            .to_string()
        })
    }
}

fn parse(text: &[u8]) -> Result<NodeKey, String> {
    // The position only: the message of a parser may quote the key.
    let mut file: File = serde_json::from_slice(text)
        .map_err(|error| format!("line {}, column {}", error.line(), error.column()))?;
    let secret = BASE64_STANDARD
        .decode(&file.priv_key.value)
        .map(Zeroizing::new);
    file.priv_key.value.zeroize();
    let secret = secret.map_err(|_| "its private key is no base64".to_owned())?;
    if secret.is_empty() {
        return Err("its private key is empty".to_owned());
    }
    if file.pub_key.kind == ED25519 {
        check_ed25519(&file, &secret)?;
    }
    Ok(NodeKey {
        address: file.address,
        pub_key: file.pub_key,
    })
}

/// The private key carries the public one in its second half, and the address is made of that.
fn check_ed25519(file: &File, secret: &[u8]) -> Result<(), String> {
    let public = BASE64_STANDARD
        .decode(&file.pub_key.value)
        .map_err(|_| "its public key is no base64".to_owned())?;
    if secret.len() != 64 || secret.get(32..) != Some(public.as_slice()) {
        return Err("its private key is not that of its public key".to_owned());
    }
    let digest = Sha256::digest(&public);
    let address = hex::encode_upper(digest.get(..20).unwrap_or_default());
    if address != file.address {
        return Err(format!("its address is {address}, not {}", file.address));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    const WHOLE: &str = r#"{
      "address": "89F5C6FA623C4CBBFE795458F8A46E28E90B5B36",
      "pub_key": {"type": "tendermint/PubKeyEd25519",
        "value": "qbU0rU112/tCM2ZVWtTQr5xT7dLNvfmW0P3IsODZ+r0="},
      "priv_key": {"type": "tendermint/PrivKeyEd25519",
        "value": "FoE4lALSuep1xOoVPVGRDfSWVtJvoLqpYeTkx65OTjuptTStTXXb+0IzZlVa1NCvnFPt0s29+ZbQ/ciw4Nn6vQ=="}
    }"#;

    #[test]
    fn a_whole_key_is_known_by_its_address() {
        let key = parse(WHOLE.as_bytes()).unwrap();
        assert_eq!(key.address, "89F5C6FA623C4CBBFE795458F8A46E28E90B5B36");
        let json = key.sdk_json().unwrap();
        assert!(json.contains("/cosmos.crypto.ed25519.PubKey"), "{json}");
        assert!(json.contains(&key.pub_key.value), "{json}");
    }

    #[test]
    fn a_key_that_is_not_whole_is_no_key_and_is_not_quoted() {
        for (from, to, told) in [
            ("89F5", "99F5", "its address is 89F5"),
            (
                "FoE4lALSuep1xOoVPVGRDfSW",
                "",
                "is not that of its public key",
            ),
            ("qbU0rU112", "qbU0rU113", "is not that of its public key"),
            ("FoE4", "!!!!", "its private key is no base64"),
            ("\"address\"", "\"adress\"", "line "),
            ("6vQ==\"}", "6vQ==\"", "line "),
        ] {
            let text = WHOLE.replacen(from, to, 1);
            let problem = parse(text.as_bytes()).unwrap_err();
            assert!(problem.contains(told), "{to}: {problem}");
            assert!(!problem.contains("lALSuep1xOoVPVG"), "{problem}");
        }
    }
}
