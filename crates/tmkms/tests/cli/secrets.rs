//! No command prints private key bytes, whatever it is given and however much it is to say.

use crate::home::Home;
use crate::signer::{CHAIN, PATIENCE, Signer, node, sign};

/// The throw-away key of `files/` in base64 and hexadecimal: its seed, its expanded form, and
/// the scalar of the secp256k1 key. Any eight characters of one are too many.
const SECRETS: [&str; 6] = [
    PASSPHRASE,
    "P7JUzpNg/MZOWtCjX7G2hLlo5076qzNqL8ecO9o92kw=",
    "P7JUzpNg/MZOWtCjX7G2hLlo5076qzNqL8ecO9o92k0=",
    "3fb254ce9360fcc64e5ad0a35fb1b684b968e74efaab336a2fc79c3bda3dda4c",
    "iGXan78EH9mBmkQkylpcrKUMp5BE/SKHxHfymriBWmWqS8YqV36wEc+tnebQ/nxCwWZFDe4YPz5MY90JLRQz7w==",
    "8865da9fbf041fd9819a4424ca5a5caca50ca79044fd2287c477f29ab8815a65",
];

/// Of the encrypted key.
const PASSPHRASE: &str = "Xq7-vT2p-Lm9w-Zk4r";

/// How much of a secret may be seen by chance.
const WINDOW: usize = 8;

fn leak(text: &str) -> Option<&'static str> {
    let lower = text.to_ascii_lowercase();
    SECRETS.into_iter().find(|secret| {
        let is_hex = secret.chars().all(|c| c.is_ascii_hexdigit());
        let text = if is_hex { lower.as_str() } else { text };
        (0..=secret.len() - WINDOW).any(|at| text.contains(&secret[at..at + WINDOW]))
    })
}

#[test]
fn the_search_finds_what_it_searches() {
    assert!(leak("x P7JUzpNg x").is_some());
    assert!(leak("3FB254CE").is_some());
    assert!(leak("WSuk/0Ms6ZZnbHRv/6fewCaw71HEGKM7trAC4ACIjbM=").is_none());
}

/// Files that hold the key, whole or damaged, under every command that reads a file.
#[test]
fn no_command_shows_a_key_that_it_was_given_by_right_or_by_mistake() {
    let home = Home::new();
    home.must(
        r#"cp node/config/priv_validator_key.json key.json
        head -c 330 key.json > cut.json
        head -c 40 seed.key > cut.key
        printf '[[chain]]\nid = "%s"\n' "$(cat seed.key)" > id.toml
        base64 -d seed.key | od -An -v -tx1 | tr -d ' \n' > hex.key
        base64 -d seed.key > raw.key
        sed 's/"value": "P7/"value": "!P7/' key.json > damaged.json
        sed 's/PrivKeyEd25519/PrivKeySecp256k1/' key.json > type.json
        chmod 600 *.json *.key *.toml
        tmkms init kms -n kira > /dev/null"#,
    );
    let files = home.must("ls -d *.json *.key *.toml");
    let mut asked = 0;
    let mut leaks = Vec::new();
    for file in files.lines() {
        let commands = [
            format!("key show {file}"),
            format!("key show --secp256k1 {file}"),
            format!("key show -f json {file}"),
            format!("softsign import {file} x.key"),
            format!("softsign import -f base64 {file} x.key"),
            format!("softsign import key.json x.key --state {file}"),
            format!("softsign keygen {file}"),
            format!("state import -c kms/tmkms.toml {file}"),
            format!("config check -c {file}"),
            format!("start -v -c {file}"),
        ];
        // A part of a key is not told from any other text by who reads a configuration.
        let asked_of = if file == "cut.key" { 8 } else { 10 };
        for command in &commands[..asked_of] {
            let done = home.sh(&format!("rm -f x.key*; tmkms {command}"));
            let text = format!("{}{}", done.stdout, done.stderr);
            assert!(!text.is_empty(), "{command} says nothing");
            if leak(&text).is_some() {
                leaks.push(format!("$ tmkms {command}\n{text}"));
            }
            asked += 1;
        }
    }
    assert!(leaks.is_empty(), "{}", leaks.join("\n"));
    assert!(asked > 100, "the files are gone: {asked}");
}

#[test]
fn the_log_of_a_signer_that_says_everything_shows_no_key() {
    let home = Home::new();
    let node = node(&home);
    home.must(
        "tmkms softsign import -f base64 --force seed.key kms/secrets/priv_validator_key.json",
    );
    home.must("cp kms/secrets/priv_validator_key.json kms/secrets/kms-identity.key");
    for (height, format) in [(1, "text"), (2, "json")] {
        let mut signer = Signer::start(&home, &["-v", "--log-format", format]);
        let mut connection = node.accept(PATIENCE).unwrap();
        let key = connection.public_key(CHAIN).unwrap();
        sign(&mut connection, &key, height);
        signer.wait_for(&format!("h/r/s {height}/0/2"));
        let done = signer.stop();
        assert_eq!(done.code, 0);
        assert_eq!(leak(&done.stdout), None, "{}", done.stdout);
        assert_eq!(leak(&done.stderr), None, "{}", done.stderr);
    }
}

/// Started, refused with a wrong passphrase and with a damaged file, and signing.
#[test]
fn a_signer_with_an_encrypted_key_shows_neither_key_nor_passphrase() {
    let home = Home::new();
    let node = node(&home);
    let key = "kms/secrets/priv_validator_key.json";
    home.must(&format!(
        r#"tmkms softsign import -f base64 --force seed.key {key}
        printf '{PASSPHRASE}\n' > kms/pass; printf 'wrong %s\n' '{PASSPHRASE}' > kms/wrong
        chmod 600 kms/pass kms/wrong
        tmkms key encrypt {key} --passphrase-file kms/pass
        sed -i 's/^path = .*/&\npassphrase_file = "pass"/' kms/tmkms.toml
        sed 's/"pass"/"wrong"/' kms/tmkms.toml > kms/wrong.toml
        sed 's/^path = .*/path = "cut.key"/' kms/tmkms.toml > kms/cut.toml
        head -c 300 {key} > kms/cut.key; chmod 600 kms/cut.key"#
    ));
    for refused in ["wrong", "cut"] {
        let done = home.sh(&format!(
            "RUST_LOG=trace tmkms start -v -c kms/{refused}.toml"
        ));
        assert_eq!(done.code, 1, "{}", done.stderr);
        assert_eq!(leak(&(done.stdout + &done.stderr)), None, "{refused}");
    }
    let mut signer = Signer::start(&home, &["-v"]);
    let mut connection = node.accept(PATIENCE).unwrap();
    let public = connection.public_key(CHAIN).unwrap();
    sign(&mut connection, &public, 1);
    signer.wait_for("h/r/s 1/0/2");
    let done = signer.stop();
    assert_eq!(done.code, 0);
    assert_eq!(leak(&(done.stdout + &done.stderr)), None);
}
