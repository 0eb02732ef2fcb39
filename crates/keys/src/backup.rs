//! A backup of a consensus key, together with what it had signed: an encrypted text that can be
//! printed, or 24 words.
//!
//! Invariants
//! - A backup opens only to the key that its public key belongs to.
//! - The words are BIP 39's for the 32 bytes of an Ed25519 seed, and nothing else: no passphrase,
//!   no derivation.

use crate::age::{AgeError, MAX_PLAINTEXT, seal, unseal};
use crate::stack::swept;
use crate::{Algorithm, KeyMaterial, MaterialError, Passphrase, base64_text, show};
use bip39::{Language, Mnemonic};
use privval::PublicKey;
use serde::{Deserialize, Deserializer, Serialize};
use thiserror::Error;
use zeroize::Zeroizing;

/// Words of a seed.
const WORDS: usize = 24;
/// The form of a backup that this program writes.
const VERSION: u32 = 1;

/// A key and its past.
pub struct Backup {
    /// The key.
    pub key: KeyMaterial,
    /// The day it was made, `YYYY-MM-DD` in UTC, for people.
    pub date: String,
    /// The chains that it signs for.
    pub chains: Vec<BackupChain>,
}

/// A chain in a backup.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BackupChain {
    /// The chain id.
    pub chain_id: String,
    /// The state file of that chain (the document of the crate `store`), if anything was signed.
    pub state: Option<String>,
}

/// Why a backup could not be made or read. Holds nothing secret.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum BackupError {
    /// The file cannot be encrypted or opened.
    #[error("the backup {0}")]
    Age(#[from] AgeError),
    /// It opens, but to something else.
    #[error("this opens, but is no backup that `tmkms key backup` made: {0}")]
    Form(String),
    /// It says that it is of another key.
    #[error("the backup says that it is of {written}, but its private key is that of {derived}")]
    OtherKey {
        /// What it says.
        written: String,
        /// What its private key says.
        derived: String,
    },
    /// Not an Ed25519 key with a seed.
    #[error("{0}: make the backup without --words")]
    NoSeed(&'static str),
    /// Too few or too many words.
    #[error("there are {WORDS} words in a backup, here are {0}")]
    Count(usize),
    /// A word that is not in the list.
    #[error("word {0} is none of BIP 39's English words")]
    Unknown(usize),
    /// The words do not belong together.
    #[error(
        "all words are in the list, but their checksum is wrong: one is another word, or two have changed places"
    )]
    Checksum,
    /// The words stand for no key.
    #[error("the key {0}")]
    Material(#[from] MaterialError),
}

#[derive(Serialize, Deserialize)]
struct Form {
    tmkms_backup: u32,
    date: String,
    public_key_type: String,
    public_key: String,
    #[serde(deserialize_with = "secret_text", serialize_with = "write_secret")]
    private_key: Zeroizing<String>,
    chains: Vec<BackupChain>,
}

fn secret_text<'de, D: Deserializer<'de>>(d: D) -> Result<Zeroizing<String>, D::Error> {
    String::deserialize(d).map(Zeroizing::new)
}

fn write_secret<S: serde::Serializer>(text: &Zeroizing<String>, s: S) -> Result<S::Ok, S::Error> {
    s.serialize_str(text)
}

impl Backup {
    /// Encrypts it, as armoured text.
    ///
    /// # Errors
    /// [`BackupError::Age`].
    pub fn seal(&self, passphrase: &Passphrase) -> Result<String, BackupError> {
        let form = Form {
            tmkms_backup: VERSION,
            date: self.date.clone(),
            public_key_type: show::algorithm(&self.key.public_key()).to_string(),
            public_key: show::base64(&self.key.public_key()),
            private_key: base64_text::encode(&self.key.secret_bytes()),
            chains: self.chains.clone(),
        };
        // A buffer that grew would leave copies of the key behind.
        let mut text = Zeroizing::new(Vec::with_capacity(MAX_PLAINTEXT));
        swept(|| serde_json::to_writer_pretty(&mut *text, &form))
            .map_err(|error| BackupError::Form(error.to_string()))?;
        Ok(seal(&text, passphrase)?)
    }

    /// Opens what [`Self::seal`] made.
    ///
    /// # Errors
    /// [`BackupError`].
    pub fn unseal(content: &[u8], passphrase: &Passphrase) -> Result<Self, BackupError> {
        let text = unseal(content, passphrase)?;
        swept(|| Self::parse(&text))
    }

    fn parse(text: &[u8]) -> Result<Self, BackupError> {
        // Serde's own text may quote a value.
        let form: Form = serde_json::from_slice(text).map_err(|error| {
            BackupError::Form(format!("line {}, column {}", error.line(), error.column()))
        })?;
        if form.tmkms_backup != VERSION {
            let text = format!("version {} is not known here", form.tmkms_backup);
            return Err(BackupError::Form(text));
        }
        let bytes = base64_text::decode(&form.private_key)
            .map_err(|_| BackupError::Form("its private key is no base64".to_owned()))?;
        let key = Self::key(&form, &bytes)?;
        let derived = show::base64(&key.public_key());
        if derived != form.public_key {
            return Err(BackupError::OtherKey {
                written: form.public_key,
                derived,
            });
        }
        Ok(Self {
            key,
            date: form.date,
            chains: form.chains,
        })
    }

    fn key(form: &Form, bytes: &[u8]) -> Result<KeyMaterial, BackupError> {
        let public = base64_text::decode(&form.public_key).ok();
        let expected = public.and_then(|p| p.as_slice().try_into().ok().map(PublicKey::Ed25519));
        let algorithm = match expected {
            Some(_) => Algorithm::Ed25519,
            None => Algorithm::Secp256k1,
        };
        Ok(KeyMaterial::from_bytes(algorithm, bytes, expected)?)
    }
}

/// The 24 words of an Ed25519 seed, with a space between two.
///
/// # Errors
/// [`BackupError::NoSeed`] for any other key.
pub fn words(key: &KeyMaterial) -> Result<Zeroizing<String>, BackupError> {
    if key.algorithm() != Algorithm::Ed25519 {
        return Err(BackupError::NoSeed(
            "only an Ed25519 key can be written as words",
        ));
    }
    if !key.has_seed() {
        return Err(BackupError::NoSeed(
            "this key is known in its expanded form only, which has no words",
        ));
    }
    swept(|| {
        let words = Mnemonic::from_entropy_in(Language::English, &key.secret_bytes())
            .map_err(|_| BackupError::Checksum)?;
        let mut text = Zeroizing::new(String::with_capacity(WORDS * 9));
        for word in words.words() {
            if !text.is_empty() {
                text.push(' ');
            }
            text.push_str(word);
        }
        Ok(text)
    })
}

/// The key of 24 words. Case does not count.
///
/// # Errors
/// [`BackupError`], which names a wrong word by its number only.
pub fn from_words<'a>(typed: impl Iterator<Item = &'a str>) -> Result<KeyMaterial, BackupError> {
    swept(|| {
        let typed: Vec<&str> = typed.collect();
        if typed.len() != WORDS {
            return Err(BackupError::Count(typed.len()));
        }
        let letters = typed.iter().map(|word| word.len().saturating_add(1)).sum();
        let mut plain = Zeroizing::new(String::with_capacity(letters));
        for word in typed {
            if !plain.is_empty() {
                plain.push(' ');
            }
            plain.extend(word.chars().map(|c| c.to_ascii_lowercase()));
        }
        let words = Mnemonic::parse_in_normalized(Language::English, &plain).map_err(problem)?;
        let (entropy, length) = words.to_entropy_array();
        let entropy = Zeroizing::new(entropy);
        let seed = entropy.get(..length).unwrap_or_default();
        Ok(KeyMaterial::from_bytes(Algorithm::Ed25519, seed, None)?)
    })
}

/// Eight hexadecimal digits that tell whether a line about this key was typed as it was printed.
#[must_use]
pub fn check_code(key: &PublicKey, line: &str) -> String {
    use sha2::{Digest as _, Sha256};
    let digest = Sha256::digest(format!("{} {line}", show::base64(key)));
    hex::encode(digest).chars().take(8).collect()
}

fn problem(error: bip39::Error) -> BackupError {
    match error {
        bip39::Error::UnknownWord(index) => BackupError::Unknown(index.saturating_add(1)),
        bip39::Error::BadWordCount(count) => BackupError::Count(count),
        _ => BackupError::Checksum,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// BIP 39's own first vector for 32 bytes would be all zeros, which is no key; this is its
    /// last one.
    const SEED: &str = "f585c11aec520db57dd353c69554b21a89b20fb0650966fa0a9d6f74fd989d8f";
    const WORDS_OF_SEED: &str = "void come effort suffer camp survey warrior heavy shoot primary \
                                 clutch crush open amazing screen patrol group space point ten \
                                 exist slush involve unfold";

    fn key() -> KeyMaterial {
        let seed = hex::decode(SEED).unwrap();
        KeyMaterial::from_bytes(Algorithm::Ed25519, &seed, None).unwrap()
    }

    #[test]
    fn words_are_those_of_bip_39_and_lead_back_to_the_key() {
        assert_eq!(*words(&key()).unwrap(), WORDS_OF_SEED);
        let typed = WORDS_OF_SEED.to_uppercase().replace(' ', "\n  ");
        let again = from_words(typed.split_whitespace()).unwrap();
        assert_eq!(again.public_key(), key().public_key());
    }

    #[test]
    fn a_wrong_word_is_named_by_its_place_only() {
        let text = |words: String| {
            from_words(words.split_whitespace())
                .unwrap_err()
                .to_string()
        };
        let unknown = WORDS_OF_SEED.replace("suffer", "sufer");
        assert_eq!(text(unknown), "word 4 is none of BIP 39's English words");
        let short = WORDS_OF_SEED.replace("suffer ", "");
        assert_eq!(text(short), "there are 24 words in a backup, here are 23");
        let swapped = WORDS_OF_SEED.replace("void come", "come void");
        assert_eq!(
            text(swapped),
            "all words are in the list, but their checksum is wrong: one is another word, or two \
             have changed places"
        );
    }

    #[test]
    fn keys_without_a_seed_have_no_words() {
        let scalar = KeyMaterial::from_bytes(Algorithm::Secp256k1, &[1; 32], None).unwrap();
        assert_eq!(
            words(&scalar).unwrap_err().to_string(),
            "only an Ed25519 key can be written as words: make the backup without --words"
        );
    }

    fn form(change: impl Fn(String) -> String) -> Result<Backup, BackupError> {
        let key = key();
        let text = format!(
            r#"{{"tmkms_backup":1,"date":"2026-11-22","public_key_type":"Ed25519","public_key":"{}",
            "private_key":"{}","chains":[{{"chain_id":"testnet-1","state":null}}]}}"#,
            show::base64(&key.public_key()),
            *base64_text::encode(&key.secret_bytes())
        );
        Backup::parse(change(text).as_bytes())
    }

    #[test]
    fn a_backup_opens_only_to_the_key_that_it_names() {
        assert_eq!(
            form(|text| text).unwrap().key.public_key(),
            key().public_key()
        );
        let other = show::base64(&PublicKey::Ed25519([9; 32]));
        let own = show::base64(&key().public_key());
        let error = form(|text| text.replace(&own, &other)).err().unwrap();
        assert!(error.to_string().contains(&other), "{error}");
        let error = form(|text| text.replace("backup\":1", "backup\":2"))
            .err()
            .unwrap();
        assert_eq!(
            error.to_string(),
            "this opens, but is no backup that `tmkms key backup` made: version 2 is not known here"
        );
    }
}
