//! Files in age's format, encrypted with a passphrase (<https://age-encryption.org/v1>).
//!
//! The whole of it that a key needs: one scrypt recipient, one chunk, ASCII armour around it. So
//! `age` and `rage` read what is written here, and the other way round.
//!
//! Invariants
//! - What is read is bounded before anything is computed: a file cannot ask for more memory than
//!   [`MAX_LOG_N`] stands for, nor hold more than [`MAX_PLAINTEXT`].
//! - The header is authenticated before the content is decrypted, and every key and plaintext is
//!   zeroized on drop.

use crate::stack::swept;
use crate::{Passphrase, base64_text};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD};
use chacha20poly1305::aead::AeadInPlace as _;
use chacha20poly1305::{ChaCha20Poly1305, KeyInit as _, Nonce, Tag};
use hkdf::Hkdf;
use hmac::{Hmac, Mac as _};
use sha2::Sha256;
use thiserror::Error;
use zeroize::Zeroizing;

const VERSION: &str = "age-encryption.org/v1";
const BEGIN: &str = "-----BEGIN AGE ENCRYPTED FILE-----";
const END: &str = "-----END AGE ENCRYPTED FILE-----";
/// Characters on a line of armour (RFC 7468 section 2).
const COLUMNS: usize = 64;
const TAG_BYTES: usize = 16;
const NONCE_BYTES: usize = 16;
/// Counter 0, last chunk: the only chunk there is.
const CHUNK_NONCE: [u8; 12] = [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1];

/// log₂ of scrypt's N for new files: 256 MiB and about a second, as `age` itself takes.
pub(crate) const LOG_N: u8 = 18;
/// The most that is accepted: 512 MiB, and twice the time.
pub(crate) const MAX_LOG_N: u8 = 19;
/// The most plaintext bytes, as for a key file in the clear.
pub(crate) const MAX_PLAINTEXT: usize = crate::secret_file::MAX_BYTES;

/// Why a file in age's format could not be written or read. Holds nothing secret.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum AgeError {
    /// The file does not open with this passphrase.
    #[error("does not open with this passphrase")]
    WrongPassphrase,
    /// It was encrypted to a public key, or to more than a passphrase.
    #[error("is encrypted with age, but not with a passphrase")]
    OtherRecipient,
    /// It asks for more work than is accepted.
    #[error(
        "asks for 2^{found} rounds of scrypt, but at most 2^{} are accepted",
        MAX_LOG_N
    )]
    TooMuchWork {
        /// log₂ of the rounds that it asks for.
        found: u32,
    },
    /// Not the form that age writes, or changed since.
    #[error("is a damaged file of age: {0}")]
    Damaged(&'static str),
    /// It holds more than any key.
    #[error(
        "is encrypted with age, but holds more than {} bytes, which no key does",
        MAX_PLAINTEXT
    )]
    TooLarge,
    /// The system has too little memory.
    #[error("needs {mib} MiB of memory to be opened, which the system does not give")]
    NoMemory {
        /// How much, in MiB.
        mib: usize,
    },
    /// The operating system gave no random bytes.
    #[error("cannot be encrypted: the operating system gives no random numbers")]
    NoRandomness,
}

/// Whether content is in age's format, armoured or not. Told by the content, never by a name.
#[must_use]
pub fn is_encrypted(content: &[u8]) -> bool {
    let text = content.strip_prefix(b"\xef\xbb\xbf").unwrap_or(content);
    let text = text.trim_ascii_start();
    text.starts_with(b"-----BEGIN AGE") || text.starts_with(b"age-encryption.org/")
}

/// Encrypts up to 16 KiB with a passphrase, as armoured text that ends in a line end.
///
/// # Errors
/// [`AgeError::TooLarge`], [`AgeError::NoMemory`], [`AgeError::NoRandomness`].
pub(crate) fn seal(plaintext: &[u8], passphrase: &Passphrase) -> Result<String, AgeError> {
    let mut random = Zeroizing::new([0; 48]);
    getrandom::fill(&mut *random).map_err(|_| AgeError::NoRandomness)?;
    swept(|| seal_with(plaintext, passphrase, LOG_N, &random))
}

/// Decrypts what [`seal`], `age -p` or `rage -p` wrote.
///
/// # Errors
/// [`AgeError`].
pub(crate) fn unseal(
    content: &[u8],
    passphrase: &Passphrase,
) -> Result<Zeroizing<Vec<u8>>, AgeError> {
    swept(|| {
        let bytes = dearmoured(content)?;
        let file = Parsed::read(&bytes)?;
        let file_key = file.file_key(passphrase)?;
        file.check_header(&file_key)?;
        file.plaintext(&file_key)
    })
}

/// `random`: the file key, the salt of scrypt, the nonce of the content, 16 bytes each.
fn seal_with(
    plaintext: &[u8],
    passphrase: &Passphrase,
    log_n: u8,
    random: &[u8; 48],
) -> Result<String, AgeError> {
    let ([file_key, salt, nonce], []) = random.as_chunks::<16>() else {
        return Err(AgeError::NoRandomness);
    };
    if plaintext.len() > MAX_PLAINTEXT {
        return Err(AgeError::TooLarge);
    }
    let mut body = Zeroizing::new(file_key.to_vec());
    encrypt(&*wrapping_key(passphrase, salt, log_n)?, [0; 12], &mut body)?;
    let mut header = format!(
        "{VERSION}\n-> scrypt {} {log_n}\n{}\n---",
        STANDARD_NO_PAD.encode(salt),
        STANDARD_NO_PAD.encode(&*body)
    );
    let mac = header_mac(file_key, header.as_bytes()).finalize();
    header.push(' ');
    header.push_str(&STANDARD_NO_PAD.encode(mac.into_bytes()));
    header.push('\n');
    let mut content = Zeroizing::new(Vec::with_capacity(MAX_PLAINTEXT.saturating_add(TAG_BYTES)));
    content.extend_from_slice(plaintext);
    encrypt(&content_key(file_key, nonce), CHUNK_NONCE, &mut content)?;
    Ok(armoured(&[header.as_bytes(), nonce, &content].concat()))
}

/// A file taken apart; nothing of it is believed yet.
struct Parsed<'a> {
    /// What the header's code stands for: all before the space of the last line.
    header: &'a [u8],
    salt: [u8; 16],
    log_n: u8,
    body: [u8; 32],
    mac: [u8; 32],
    nonce: &'a [u8; NONCE_BYTES],
    content: &'a [u8],
}

impl<'a> Parsed<'a> {
    fn read(bytes: &'a [u8]) -> Result<Self, AgeError> {
        const SHORT: AgeError = AgeError::Damaged("it ends too early");
        let (version, rest) = line(bytes).ok_or(SHORT)?;
        if version != VERSION {
            return Err(AgeError::Damaged("its first line is of another version"));
        }
        let (stanza, rest) = line(rest).ok_or(SHORT)?;
        let (salt, log_n) = recipient(stanza)?;
        let (body, rest) = line(rest).ok_or(SHORT)?;
        let body = decoded(body).ok_or(AgeError::Damaged("its wrapped key has another length"))?;
        let (end, content) = line(rest).ok_or(SHORT)?;
        if end.starts_with("-> ") {
            return Err(AgeError::OtherRecipient);
        }
        let mac = end.strip_prefix("--- ").and_then(decoded);
        let mac = mac.ok_or(AgeError::Damaged("its header has no code"))?;
        let header = bytes.len().saturating_sub(rest.len()).saturating_add(3);
        let (nonce, content) = content.split_first_chunk().ok_or(SHORT)?;
        Ok(Self {
            header: bytes.get(..header).ok_or(SHORT)?,
            salt,
            log_n,
            body,
            mac,
            nonce,
            content,
        })
    }

    fn file_key(&self, passphrase: &Passphrase) -> Result<Zeroizing<[u8; 16]>, AgeError> {
        let key = wrapping_key(passphrase, &self.salt, self.log_n)?;
        let opened = decrypt(&key, [0; 12], &self.body).ok_or(AgeError::WrongPassphrase)?;
        let mut file_key = Zeroizing::new([0; 16]);
        file_key.copy_from_slice(&opened);
        Ok(file_key)
    }

    /// In constant time, which `verify_slice` is.
    fn check_header(&self, file_key: &[u8; 16]) -> Result<(), AgeError> {
        header_mac(file_key, self.header)
            .verify_slice(&self.mac)
            .map_err(|_| AgeError::Damaged("its header was changed"))
    }

    fn plaintext(&self, file_key: &[u8; 16]) -> Result<Zeroizing<Vec<u8>>, AgeError> {
        if self.content.len() > MAX_PLAINTEXT.saturating_add(TAG_BYTES) {
            return Err(AgeError::TooLarge);
        }
        decrypt(
            &content_key(file_key, self.nonce),
            CHUNK_NONCE,
            self.content,
        )
        .ok_or(AgeError::Damaged("its content was changed or cut off"))
    }
}

/// A line of the header, and what follows it.
fn line(bytes: &[u8]) -> Option<(&str, &[u8])> {
    let end = bytes.iter().take(256).position(|byte| *byte == b'\n')?;
    let (line, rest) = bytes.split_at_checked(end)?;
    Some((std::str::from_utf8(line).ok()?, rest.get(1..)?))
}

/// `-> scrypt SALT LOG_N`.
fn recipient(stanza: &str) -> Result<([u8; 16], u8), AgeError> {
    let words: Vec<&str> = stanza.split(' ').collect();
    let (salt, log_n) = match words.as_slice() {
        ["->", "scrypt", salt, log_n] => (salt, log_n),
        ["->", ..] => return Err(AgeError::OtherRecipient),
        _ => return Err(AgeError::Damaged("it has no recipient")),
    };
    let salt = decoded(salt).ok_or(AgeError::Damaged("its salt has another length"))?;
    let plain = !log_n.starts_with(['0', '+']) && log_n.len() <= 9;
    match log_n.parse::<u32>().ok().filter(|_| plain) {
        None => Err(AgeError::Damaged("its work factor is no number")),
        Some(found) => u8::try_from(found)
            .ok()
            .filter(|log_n| *log_n <= MAX_LOG_N)
            .map(|log_n| (salt, log_n))
            .ok_or(AgeError::TooMuchWork { found }),
    }
}

fn decoded<const N: usize>(text: &str) -> Option<[u8; N]> {
    STANDARD_NO_PAD.decode(text).ok()?.try_into().ok()
}

/// scrypt (RFC 7914) with r = 8, p = 1, as age has it.
fn wrapping_key(
    passphrase: &Passphrase,
    salt: &[u8; 16],
    log_n: u8,
) -> Result<Zeroizing<[u8; 32]>, AgeError> {
    let mib = (1_usize << log_n.min(MAX_LOG_N)) / 1024;
    let no_memory = AgeError::NoMemory { mib: mib.max(1) };
    // The library ends the process where it gets no memory: ask for as much first.
    Vec::<u8>::new()
        .try_reserve_exact(mib.saturating_mul(1024 * 1024))
        .map_err(|_| no_memory.clone())?;
    let params = scrypt::Params::new(log_n, 8, 1, 32).map_err(|_| no_memory)?;
    let salt = [b"age-encryption.org/v1/scrypt".as_slice(), salt].concat();
    let mut key = Zeroizing::new([0; 32]);
    scrypt::scrypt(passphrase.as_bytes(), &salt, &params, &mut *key)
        .map_err(|_| AgeError::Damaged("its work factor cannot be used"))?;
    Ok(key)
}

fn header_mac(file_key: &[u8; 16], header: &[u8]) -> Hmac<Sha256> {
    let key = derived(file_key, None, b"header");
    // HMAC fills a short key up to its block with zeros (RFC 2104 section 2).
    let mut block = Zeroizing::new([0; 64]);
    for (to, from) in block.iter_mut().zip(key.iter()) {
        *to = *from;
    }
    let mac = <Hmac<Sha256> as hmac::digest::KeyInit>::new((&*block).into());
    mac.chain_update(header)
}

fn content_key(file_key: &[u8; 16], nonce: &[u8; NONCE_BYTES]) -> Zeroizing<[u8; 32]> {
    derived(file_key, Some(nonce), b"payload")
}

fn derived(file_key: &[u8; 16], salt: Option<&[u8]>, info: &[u8]) -> Zeroizing<[u8; 32]> {
    let mut key = Zeroizing::new([0; 32]);
    // 32 bytes are never too many for HKDF.
    let _ = Hkdf::<Sha256>::new(salt, file_key).expand(info, &mut *key);
    key
}

/// In place, with the tag at the end.
fn encrypt(key: &[u8; 32], nonce: [u8; 12], text: &mut Vec<u8>) -> Result<(), AgeError> {
    ChaCha20Poly1305::new(key.into())
        .encrypt_in_place(&Nonce::from(nonce), b"", text)
        .map_err(|_| AgeError::TooLarge)
}

fn decrypt(key: &[u8; 32], nonce: [u8; 12], sealed: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
    let (text, tag) = sealed.split_last_chunk::<TAG_BYTES>()?;
    let mut text = Zeroizing::new(text.to_vec());
    ChaCha20Poly1305::new(key.into())
        .decrypt_in_place_detached(&Nonce::from(nonce), b"", &mut text, &Tag::from(*tag))
        .ok()?;
    Some(text)
}

fn armoured(bytes: &[u8]) -> String {
    let text = STANDARD.encode(bytes);
    let mut out = format!("{BEGIN}\n");
    let mut rest = text.as_str();
    while !rest.is_empty() {
        let (line, after) = rest.split_at_checked(COLUMNS).unwrap_or((rest, ""));
        out.push_str(line);
        out.push('\n');
        rest = after;
    }
    out + END + "\n"
}

/// The bytes in the armour, or as they are where there is none. Other line ends and white space
/// around the lines are let pass, because mail and editors change them.
fn dearmoured(content: &[u8]) -> Result<Vec<u8>, AgeError> {
    if content.starts_with(b"age-encryption.org/") {
        return Ok(content.to_vec());
    }
    const DAMAGED: AgeError = AgeError::Damaged("its armour is not whole");
    let content = content.strip_prefix(b"\xef\xbb\xbf").unwrap_or(content);
    let text = std::str::from_utf8(content).map_err(|_| DAMAGED)?;
    let inner = text.trim().strip_prefix(BEGIN).ok_or(DAMAGED)?;
    let inner = inner.strip_suffix(END).ok_or(DAMAGED)?;
    let lines: String = inner.lines().map(str::trim).collect();
    base64_text::decode(&lines)
        .map(|bytes| bytes.to_vec())
        .map_err(|_| DAMAGED)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Made by the `age` crate 0.12.1 with 2¹⁰ rounds; the passphrase is below.
    const MADE_BY_AGE: &str = include_str!("../tests/data/made_by_age.key");
    const SEED_LINE: &[u8] = b"P7JUzpNg/MZOWtCjX7G2hLlo5076qzNqL8ecO9o92kw=\n";

    fn passphrase(text: &str) -> Passphrase {
        Passphrase::first_line(text.as_bytes()).ok().unwrap()
    }

    fn failure(content: &[u8]) -> AgeError {
        unseal(content, &passphrase("correct horse")).unwrap_err()
    }

    /// The same random numbers must give the same file, to the last byte of the armour.
    #[test]
    fn what_age_wrote_is_read_and_would_be_written_the_same() {
        let passphrase = passphrase("correct horse");
        let opened = unseal(MADE_BY_AGE.as_bytes(), &passphrase).unwrap();
        assert_eq!(opened.as_slice(), SEED_LINE);

        let bytes = dearmoured(MADE_BY_AGE.as_bytes()).unwrap();
        let file = Parsed::read(&bytes).unwrap();
        let file_key = file.file_key(&passphrase).unwrap();
        let random = [file_key.as_slice(), &file.salt, file.nonce].concat();
        let again = seal_with(SEED_LINE, &passphrase, 10, &random.try_into().unwrap());
        assert_eq!(again.unwrap(), MADE_BY_AGE);

        assert_eq!(unseal(&bytes, &passphrase).unwrap().as_slice(), SEED_LINE);
    }

    #[test]
    fn another_passphrase_opens_nothing() {
        for wrong in ["correct hors", "correct horse ", "Correct horse"] {
            let result = unseal(MADE_BY_AGE.as_bytes(), &passphrase(wrong));
            assert_eq!(result.unwrap_err(), AgeError::WrongPassphrase);
        }
    }

    #[test]
    fn armour_that_was_mailed_or_edited_still_opens() {
        for text in [
            MADE_BY_AGE.replace('\n', "\r\n"),
            format!("\n\n{MADE_BY_AGE}\n \n"),
            format!("\u{feff}{MADE_BY_AGE}"),
            MADE_BY_AGE.trim_end().to_owned(),
        ] {
            assert!(is_encrypted(text.as_bytes()));
            assert!(
                unseal(text.as_bytes(), &passphrase("correct horse")).is_ok(),
                "{text}"
            );
        }
    }

    /// Every byte counts: no change passes, none panics.
    #[test]
    fn every_changed_or_missing_byte_is_noticed() {
        let bytes = dearmoured(MADE_BY_AGE.as_bytes()).unwrap();
        // Changing the work factor would cost a minute of scrypt; its own test is below.
        let log_n = bytes.windows(3).position(|w| w == b" 10").unwrap();
        for at in (0..bytes.len()).filter(|at| !(log_n..log_n + 4).contains(at)) {
            let mut changed = bytes.clone();
            changed[at] ^= 1;
            let opened = Parsed::read(&changed).and_then(|file| {
                let key = file.file_key(&passphrase("correct horse"))?;
                file.check_header(&key)?;
                file.plaintext(&key)
            });
            assert!(opened.is_err(), "byte {at}");
        }
        for end in 0..bytes.len() {
            assert!(
                unseal(&bytes[..end], &passphrase("correct horse")).is_err(),
                "{end}"
            );
        }
        let longer = [bytes.as_slice(), b"x"].concat();
        let changed = AgeError::Damaged("its content was changed or cut off");
        assert_eq!(failure(&longer), changed);
    }

    #[test]
    fn a_file_cannot_ask_for_more_work_than_is_accepted() {
        let with = |work: &str| {
            let bytes = dearmoured(MADE_BY_AGE.as_bytes()).unwrap();
            let at = bytes.windows(3).position(|w| w == b" 10").unwrap();
            [&bytes[..=at], work.as_bytes(), &bytes[at + 3..]].concat()
        };
        for (work, found) in [
            ("20", 20),
            ("64", 64),
            ("255", 255),
            ("999999999", 999_999_999),
        ] {
            assert_eq!(
                failure(&with(work)),
                AgeError::TooMuchWork { found },
                "{work}"
            );
        }
        for work in ["", "0", "010", "+10", "-1", "ten", "4294967296"] {
            let expected = AgeError::Damaged("its work factor is no number");
            assert_eq!(failure(&with(work)), expected, "{work}");
        }
        let (_, log_n) = recipient("-> scrypt AAAAAAAAAAAAAAAAAAAAAA 19").unwrap();
        assert_eq!(log_n, MAX_LOG_N);
    }

    #[test]
    fn a_file_for_a_public_key_is_told_from_a_damaged_one() {
        let x25519 = "age-encryption.org/v1\n-> X25519 AAAA\nAAAA\n--- AAAA\n";
        assert_eq!(failure(x25519.as_bytes()), AgeError::OtherRecipient);
        let version = "age-encryption.org/v2\n-> scrypt AAAA 10\n";
        let expected = AgeError::Damaged("its first line is of another version");
        assert_eq!(failure(version.as_bytes()), expected);
        assert_eq!(
            failure(b"-----BEGIN AGE"),
            AgeError::Damaged("its armour is not whole")
        );
    }

    #[test]
    fn sixteen_kib_are_encrypted_and_no_more() {
        let random = [7; 48];
        let seal = |bytes: usize| seal_with(&vec![1; bytes], &passphrase("x"), 1, &random);
        let sealed = seal(MAX_PLAINTEXT).unwrap();
        let opened = unseal(sealed.as_bytes(), &passphrase("x")).unwrap();
        assert_eq!(opened.len(), MAX_PLAINTEXT);
        assert_eq!(seal(MAX_PLAINTEXT + 1).unwrap_err(), AgeError::TooLarge);
        let empty = seal(0).unwrap();
        assert!(
            unseal(empty.as_bytes(), &passphrase("x"))
                .unwrap()
                .is_empty()
        );
    }
}
