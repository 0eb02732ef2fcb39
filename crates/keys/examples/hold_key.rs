//! For the test `memory.rs`: reads a key, signs with it, drops it, and waits to be looked at.
//!
//! `hold_key FORMAT KEY_FILE PASSPHRASE_FILE`; says `held` and then `dropped`, and waits for a line
//! after each.
#![allow(clippy::unwrap_used, clippy::print_stdout, clippy::indexing_slicing)] // as in a test
#![allow(missing_docs, unreachable_pub)]

#[path = "../tests/common/mod.rs"]
mod common;

use keys::{
    ConsensusKey, FilePermissions, KeyFormat, KeyOptions, PassphraseSource, Provider as _,
    Softsign, read_key_with,
};
use std::io;
use std::path::PathBuf;

fn main() {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let signer = load(&words);
    signer.sign(common::permit(b"bytes to sign")).unwrap();
    told("held");
    drop(signer);
    told("dropped");
}

fn load(words: &[String]) -> Softsign {
    let options = KeyOptions {
        format: match words[0].as_str() {
            "json" => KeyFormat::Json,
            _ => KeyFormat::Base64,
        },
        ..KeyOptions::default()
    };
    let source = PassphraseSource::File(PathBuf::from(&words[2]));
    let mut ask = || source.read("the key", FilePermissions::RequirePrivate);
    let material = read_key_with(words[1].as_ref(), &options, &mut ask).unwrap();
    Softsign::new(ConsensusKey::from(&material))
}

fn told(state: &str) {
    println!("{state}");
    let mut line = String::new();
    io::stdin().read_line(&mut line).unwrap();
}
