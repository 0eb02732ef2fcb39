//! A key that was dropped is nowhere in the memory of its process: not its seed, not the expanded
//! key, not the text of the file, not the passphrase. Everything that a core dump would hold is
//! searched, in another process, so that the test's own copies are not found.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout
)] // a test may panic

mod common;

use base64::Engine as _;
use sha2::{Digest as _, Sha512};
use std::fs::{self, File};
use std::io::{BufRead as _, BufReader, Write as _};
use std::os::unix::fs::{FileExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

/// Made by the `age` crate; see `data/README.md`.
const ENCRYPTED: &str = include_str!("data/made_by_age.key");
const PASSPHRASE: &str = "correct horse";

/// Half of a secret is found too, where the other half was overwritten by chance.
fn secrets() -> Vec<(&'static str, Vec<u8>)> {
    let seed = base64::engine::general_purpose::STANDARD
        .decode(common::SEED_BASE64)
        .unwrap();
    let hash = Sha512::digest(&seed);
    let mut clamped = hash[..32].to_vec();
    clamped[0] &= 0b1111_1000;
    clamped[31] = clamped[31] & 0b0011_1111 | 0b0100_0000;
    [
        ("seed", seed.as_slice()),
        ("scalar", &clamped),
        ("prefix", &hash[32..]),
        ("base64", common::SEED_BASE64.as_bytes()),
        ("base64 of Go", common::ED25519_GO_BASE64.as_bytes()),
    ]
    .into_iter()
    .flat_map(|(name, bytes)| {
        let (a, b) = bytes.split_at(bytes.len() / 2);
        [(name, a.to_vec()), (name, b.to_vec())]
    })
    // The public half of Go's form is no secret.
    .filter(|(name, half)| *name != "base64 of Go" || half.starts_with(b"P7JU"))
    .chain([("passphrase", PASSPHRASE.as_bytes().to_vec())])
    .collect()
}

/// In one pass, because a process has some megabytes and this is not optimised.
fn names_in<'a>(
    bytes: &[u8],
    secrets: &'a [(&'static str, Vec<u8>)],
) -> impl Iterator<Item = &'static str> + use<'a> {
    let mut begins = [false; 256];
    for (_, secret) in secrets {
        begins[usize::from(secret[0])] = true;
    }
    let mut found = vec![false; secrets.len()];
    for (at, byte) in bytes.iter().enumerate() {
        if begins[usize::from(*byte)] {
            for (found, (_, secret)) in found.iter_mut().zip(secrets) {
                *found |= bytes[at..].starts_with(secret);
            }
        }
    }
    secrets
        .iter()
        .zip(found)
        .filter_map(|((name, _), found)| found.then_some(*name))
}

struct Holder {
    child: Child,
    says: BufReader<std::process::ChildStdout>,
}

impl Holder {
    fn start(format: &str, key: &Path, passphrase: &Path) -> Self {
        let mut child = Command::new(example())
            .arg(format)
            .args([key, passphrase])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let says = BufReader::new(child.stdout.take().unwrap());
        Self { child, says }
    }

    fn wait_for(&mut self, word: &str) {
        let mut line = String::new();
        self.says.read_line(&mut line).unwrap();
        assert_eq!(line.trim(), word);
    }

    fn go_on(&mut self) {
        self.child.stdin.as_mut().unwrap().write_all(b"\n").unwrap();
    }

    /// What is found, with the mapping that it is in.
    fn search(&self) -> Vec<String> {
        let pid = self.child.id();
        let memory = File::open(format!("/proc/{pid}/mem")).unwrap();
        let maps = fs::read_to_string(format!("/proc/{pid}/maps")).unwrap();
        let mut found = Vec::new();
        let mut searched = 0;
        let secrets = secrets();
        for map in maps.lines().filter(|map| map.contains(" r")) {
            let (from, to) = map.split(' ').next().unwrap().split_once('-').unwrap();
            let [from, to] = [from, to].map(|hex| u64::from_str_radix(hex, 16).unwrap());
            let mut bytes = vec![0; usize::try_from(to - from).unwrap()];
            // [vvar] and the like cannot be read.
            if memory.read_exact_at(&mut bytes, from).is_err() {
                continue;
            }
            searched += bytes.len();
            let names = names_in(&bytes, &secrets);
            found.extend(names.map(|name| format!("{name} in {map}")));
        }
        assert!(searched > 1_000_000, "{searched}");
        found
    }
}

impl Drop for Holder {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Built together with the tests, in the folder beside theirs.
fn example() -> PathBuf {
    let own = std::env::current_exe().unwrap();
    let profile = own.parent().and_then(Path::parent).unwrap();
    profile.join("examples/hold_key")
}

fn private(file: PathBuf, content: &str) -> PathBuf {
    fs::write(&file, content).unwrap();
    fs::set_permissions(&file, fs::Permissions::from_mode(0o600)).unwrap();
    file
}

fn nothing_is_left(format: &str, content: &str) {
    let directory = tempfile::tempdir().unwrap();
    let key = private(directory.path().join("a.key"), content);
    let passphrase = private(directory.path().join("b"), PASSPHRASE);
    let mut holder = Holder::start(format, &key, &passphrase);
    holder.wait_for("held");
    let held = holder.search();
    // The search finds what is there, and what is there while it signs is the expanded key only.
    assert!(
        held.iter().any(|found| found.starts_with("prefix")),
        "{held:?}"
    );
    let more = held
        .iter()
        .find(|found| !found.starts_with("prefix") && !found.starts_with("scalar"));
    assert_eq!(more, None, "while the key is held");
    holder.go_on();
    holder.wait_for("dropped");
    assert_eq!(
        holder.search(),
        Vec::<String>::new(),
        "after the key was dropped"
    );
}

#[test]
fn nothing_is_left_of_a_base64_key() {
    nothing_is_left("base64", common::SEED_BASE64);
}

#[test]
fn nothing_is_left_of_a_json_key() {
    nothing_is_left("json", common::ED25519_JSON);
}

#[test]
fn nothing_is_left_of_an_encrypted_key_and_its_passphrase() {
    nothing_is_left("base64", ENCRYPTED);
}
