//! Key files as operators have them: what is read, and the text for each mistake.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test may panic: that is how it fails"
)]

mod common;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use common::*;
use keys::{
    Algorithm, FilePermissions, KeyFileError, KeyFormat, KeyMaterial, KeyOptions, Origin,
    Overwrite, Problem, Purpose, parse_key, read_key, read_secret_stream, write_key,
};
use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Command;

const BASE64: KeyOptions = KeyOptions {
    format: KeyFormat::Base64,
    algorithm: None,
    public_key: None,
    permissions: FilePermissions::RequirePrivate,
};
const JSON: KeyOptions = KeyOptions {
    format: KeyFormat::Json,
    ..BASE64
};

fn parse(content: &[u8], options: &KeyOptions) -> Result<KeyMaterial, KeyFileError> {
    parse_key(content, &Origin::File(PathBuf::from("/k/v.key")), options)
}

/// The text for a file `/k/v.key`, after its name.
fn text(content: impl AsRef<[u8]>, options: &KeyOptions) -> String {
    let text = parse(content.as_ref(), options).unwrap_err().to_string();
    text.strip_prefix("key file /k/v.key ").unwrap().to_owned()
}

fn public(content: impl AsRef<[u8]>, options: &KeyOptions) -> String {
    keys::show::base64(&parse(content.as_ref(), options).unwrap().public_key())
}

fn with_mode(directory: &Path, content: impl AsRef<[u8]>, mode: u32) -> PathBuf {
    let path = directory.join("v.key");
    let _ = fs::remove_file(&path); // one of mode 0400 cannot be written again
    fs::write(&path, content).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
    path
}

const AGAIN: &str = "Move it aside with `mv -n /k/v.key /k/v.key.bad`, then import the node's key \
                     again with `tmkms softsign import priv_validator_key.json /k/v.key`";
const FROM_NODE: &str =
    "Take config/priv_validator_key.json from the node, or from its backup, again";
const IN_NODE: &str = "The validator's key is in config/priv_validator_key.json of the node; \
                       import it with `tmkms softsign import`";

// ---- what is read

#[test]
fn a_base64_key_is_read_with_the_line_ends_that_editors_leave() {
    for content in [
        SEED_BASE64.to_owned(),
        format!("{SEED_BASE64}\n"),
        format!("{SEED_BASE64}\r\n"),
        format!(" \t{SEED_BASE64} \n\n"),
        format!("\u{feff}{SEED_BASE64}\r\n"),
        ED25519_GO_BASE64.to_owned(),
    ] {
        assert_eq!(public(content, &BASE64), ED25519_PUBLIC_BASE64);
    }
}

#[test]
fn a_base64_secp256k1_key_is_read_when_asked_for() {
    let options = KeyOptions {
        algorithm: Some(Algorithm::Secp256k1),
        ..BASE64
    };
    assert_eq!(public(SCALAR_BASE64, &options), SECP256K1_PUBLIC_BASE64);
}

#[test]
fn comets_json_is_read_for_both_algorithms() {
    assert_eq!(public(ED25519_JSON, &JSON), ED25519_PUBLIC_BASE64);
    assert_eq!(public(SECP256K1_JSON, &JSON), SECP256K1_PUBLIC_BASE64);
    let lower = ED25519_JSON.replace("E4EE026FA123A130E0", "e4ee026fa123a130e0");
    assert_eq!(public(lower, &JSON), ED25519_PUBLIC_BASE64);
}

#[test]
fn an_imported_key_is_written_as_tmkms_writes_it_and_read_again() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("v.key");
    for (json, written, algorithm) in [
        (ED25519_JSON, SEED_BASE64, Algorithm::Ed25519),
        (SECP256K1_JSON, SCALAR_BASE64, Algorithm::Secp256k1),
    ] {
        let material = parse(json.as_bytes(), &JSON).unwrap();
        write_key(&path, &material, Overwrite::Force).unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), written);
        let options = KeyOptions {
            algorithm: Some(algorithm),
            public_key: Some(material.public_key()),
            ..BASE64
        };
        read_key(&path, &options).unwrap();
    }
}

#[test]
fn a_symbolic_link_is_followed() {
    let dir = tempfile::tempdir().unwrap();
    let link = dir.path().join("link");
    symlink(with_mode(dir.path(), SEED_BASE64, 0o600), &link).unwrap();
    assert!(read_key(&link, &BASE64).is_ok());
}

#[test]
fn standard_input_gets_the_same_checks_and_its_own_words() {
    let content = read_secret_stream(&mut SEED_BASE64.as_bytes(), Purpose::Consensus).unwrap();
    assert!(parse_key(&content, &Origin::StandardInput, &BASE64).is_ok());
    let error = parse_key(b"", &Origin::StandardInput, &BASE64).unwrap_err();
    assert_eq!(
        error.to_string(),
        "standard input is empty. Check the command that writes to standard input"
    );
}

// ---- the file itself

#[test]
fn a_missing_file_says_how_to_make_one() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("v.key");
    let p = path.display();
    assert_eq!(
        read_key(&path, &BASE64).unwrap_err().to_string(),
        format!(
            "key file {p} does not exist. Import the node's key with `tmkms softsign import \
             priv_validator_key.json {p}`, or make one for a new validator with `tmkms softsign \
             keygen {p}`"
        )
    );
}

#[test]
fn a_missing_directory_is_named() {
    let dir = tempfile::tempdir().unwrap();
    let d = dir.path().join("secrets");
    let text = read_key(&d.join("v.key"), &BASE64).unwrap_err().to_string();
    let d = d.display();
    assert!(
        text.starts_with(&format!(
            "key file {d}/v.key does not exist (nor does the directory {d}). Run `mkdir -p {d}`. \
             Import"
        )),
        "{text}"
    );
}

#[test]
fn a_directory_that_docker_made_says_how_to_mend_it() {
    let dir = tempfile::tempdir().unwrap();
    let p = dir.path().display();
    assert_eq!(
        read_key(dir.path(), &BASE64).unwrap_err().to_string(),
        format!(
            "key file {p} is a directory, but a file is expected. Docker makes a directory where \
             the source of a mount is missing: stop the container, run `rmdir {p}`, put the file \
             there and start the container again"
        )
    );
}

#[test]
fn devices_pipes_and_sockets_are_refused_without_waiting() {
    let dir = tempfile::tempdir().unwrap();
    let pipe = dir.path().join("pipe");
    rustix::fs::mknodat(
        rustix::fs::CWD,
        &pipe,
        rustix::fs::FileType::Fifo,
        rustix::fs::Mode::RUSR,
        0,
    )
    .unwrap();
    let socket = dir.path().join("socket");
    let _listener = std::os::unix::net::UnixListener::bind(&socket).unwrap();
    for (path, kind) in [
        (pipe.as_path(), "a pipe"),
        (socket.as_path(), "a socket"),
        (Path::new("/dev/zero"), "a device"),
    ] {
        assert_eq!(
            read_key(path, &BASE64).unwrap_err().to_string(),
            format!(
                "key file {} is {kind}, but a regular file is expected. Check that the path names \
                 the right file",
                path.display()
            )
        );
    }
}

#[test]
fn every_mode_that_lets_others_in_is_refused_with_the_chmod_to_run() {
    let dir = tempfile::tempdir().unwrap();
    for (mode, access) in [
        (0o604, "read"),
        (0o640, "read"),
        (0o602, "written"),
        (0o620, "written"),
        (0o644, "read"),
        (0o666, "read and written"),
        (0o777, "read and written"),
    ] {
        let path = with_mode(dir.path(), SEED_BASE64, mode);
        let p = path.display();
        assert_eq!(
            read_key(&path, &BASE64).unwrap_err().to_string(),
            format!(
                "key file {p} can be {access} by other users (mode {mode:04o}). Run `chmod 600 \
                 {p}`. Where a mount cannot carry modes (Docker Desktop), use \
                 --allow-insecure-permissions"
            )
        );
    }
}

#[test]
fn modes_that_keep_others_out_are_accepted_and_all_when_allowed() {
    let dir = tempfile::tempdir().unwrap();
    for mode in [0o600, 0o400, 0o700] {
        let path = with_mode(dir.path(), SEED_BASE64, mode);
        assert!(read_key(&path, &BASE64).is_ok(), "{mode:o}");
    }
    let path = with_mode(dir.path(), SEED_BASE64, 0o666);
    let allowed = KeyOptions {
        permissions: FilePermissions::AllowInsecure,
        ..BASE64
    };
    assert!(read_key(&path, &allowed).is_ok());
}

#[test]
fn reading_stops_at_16_kib() {
    let dir = tempfile::tempdir().unwrap();
    let padded = |length: usize| format!("{SEED_BASE64}{}", " ".repeat(length - 44));
    let path = with_mode(dir.path(), padded(16 * 1024), 0o600);
    assert!(read_key(&path, &BASE64).is_ok());
    let path = with_mode(dir.path(), padded(16 * 1024 + 1), 0o600);
    assert_eq!(
        read_key(&path, &BASE64).unwrap_err().to_string(),
        format!(
            "key file {} is larger than 16384 bytes, too many to be one. Check that the path \
             names the right file",
            path.display()
        )
    );
}

/// Root may read everything, so as root the test runs itself again as nobody.
#[test]
fn a_file_or_directory_closed_to_this_user_says_what_to_open() {
    if rustix::process::geteuid().is_root() {
        return run_as_nobody("a_file_or_directory_closed_to_this_user_says_what_to_open");
    }
    let uid = rustix::process::geteuid().as_raw();
    let dir = tempfile::tempdir().unwrap();
    let path = with_mode(dir.path(), SEED_BASE64, 0o000);
    let p = path.display();
    assert_eq!(
        read_key(&path, &BASE64).unwrap_err().to_string(),
        format!(
            "key file {p} cannot be read: permission denied for uid {uid} (the file belongs to \
             uid {uid}, mode 0000). Run `chmod 600 {p}`"
        )
    );

    fs::set_permissions(dir.path(), fs::Permissions::from_mode(0o000)).unwrap();
    let text = read_key(&path, &BASE64).unwrap_err().to_string();
    fs::set_permissions(dir.path(), fs::Permissions::from_mode(0o700)).unwrap();
    assert_eq!(
        text,
        format!(
            "key file {p} cannot be read: permission denied for uid {uid} (a directory above it \
             is closed to this user). Run `namei -l {p}` to see which directory, and open it"
        )
    );
}

fn run_as_nobody(test: &str) {
    let dir = tempfile::tempdir().unwrap();
    fs::set_permissions(dir.path(), fs::Permissions::from_mode(0o755)).unwrap();
    let copy = dir.path().join("test");
    fs::copy(std::env::current_exe().unwrap(), &copy).unwrap();
    fs::set_permissions(&copy, fs::Permissions::from_mode(0o755)).unwrap();
    let output = Command::new(&copy)
        .args(["--exact", test])
        .current_dir("/")
        .env("TMPDIR", "/tmp")
        .uid(65534)
        .gid(65534)
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{text}");
    assert!(text.contains("1 passed"), "{text}");
}

#[test]
fn a_file_of_another_user_says_whose_it_is() {
    let error = KeyFileError {
        origin: Origin::File(PathBuf::from("/k/v.key")),
        purpose: Purpose::Consensus,
        format: None,
        problem: Problem::PermissionDenied {
            uid: 1000,
            owner: Some((0, 0o600)),
        },
    };
    assert_eq!(
        error.to_string(),
        "key file /k/v.key cannot be read: permission denied for uid 1000 (the file belongs to uid \
         0, mode 0600). Run `chown 1000 /k/v.key`"
    );
}

// ---- base64

#[test]
fn an_empty_file_is_called_empty() {
    for content in ["", "\n", " \r\n\t", "\u{feff}"] {
        assert_eq!(text(content, &BASE64), format!("is empty. {AGAIN}"));
        assert_eq!(text(content, &JSON), format!("is empty. {FROM_NODE}"));
    }
}

#[test]
fn binary_content_is_a_bad_encoding() {
    let seed = STANDARD.decode(SEED_BASE64).unwrap();
    assert_eq!(
        text(&seed, &BASE64),
        format!("has a bad encoding: 32 bytes of binary data, but text is expected. {AGAIN}")
    );
    let utf16: Vec<u8> = [0xff, 0xfe]
        .into_iter()
        .chain(SEED_BASE64.bytes().flat_map(|byte| [byte, 0]))
        .collect();
    assert_eq!(
        text(utf16, &BASE64),
        format!(
            "has a bad encoding: 90 bytes of UTF-16 text (PowerShell writes it), but text is \
             expected. {AGAIN}"
        )
    );
}

#[test]
fn bad_base64_says_where() {
    for (content, found) in [
        (
            SEED_BASE64.replacen('/', "-", 1),
            "`-` (URL-safe base64?) at position 9 of 44 is no base64",
        ),
        (
            SEED_BASE64.replacen('U', "\n", 1),
            "a line break at position 4 of 44 is no base64",
        ),
        (
            SEED_BASE64.replacen('U', " ", 1),
            "a space at position 4 of 44 is no base64",
        ),
        (
            SEED_BASE64.replacen('U', "\"", 1),
            "`\"` at position 4 of 44 is no base64",
        ),
        (
            SEED_BASE64.replacen('U', "é", 1),
            "the byte 0xc3 at position 4 of 45 is no base64",
        ),
        (
            format!("{SEED_BASE64}{SEED_BASE64}"),
            "`=` (more than one key?) at position 44 of 88 is no base64",
        ),
        (
            SEED_BASE64.trim_end_matches('=').to_owned(),
            "43 characters of base64 with a wrong end (`=`): a 32-byte key has 44 characters and \
             ends in one `=`",
        ),
        (
            SEED_BASE64.replace("kw=", "kx="),
            "base64 of 44 characters, but the last of them (position 43) cannot end it: it may be \
             cut off or changed",
        ),
    ] {
        assert_eq!(
            text(content, &BASE64),
            format!("has a bad encoding: {found}. {AGAIN}")
        );
    }
}

#[test]
fn a_wrong_length_says_both_lengths() {
    assert_eq!(
        text(STANDARD.encode([7; 31]), &BASE64),
        format!(
            "holds 31 bytes, but 32 (seed), 64 (Go's form or tmkms' expanded form) are expected. \
             {AGAIN}"
        )
    );
}

#[test]
fn comets_json_where_base64_is_asked_for_names_both_ways_out() {
    for json in [ED25519_JSON, SECP256K1_JSON] {
        assert_eq!(
            text(json, &BASE64),
            "has a bad encoding: this looks like CometBFT's JSON key, but base64 is expected. Run \
             `tmkms softsign import /k/v.key DST` and set `path` to DST, or set key_format = \
             \"json\""
        );
    }
}

#[test]
fn base64_where_json_is_asked_for_names_the_setting() {
    for key in [SEED_BASE64, ED25519_GO_BASE64] {
        assert_eq!(
            text(key, &JSON),
            "has a bad encoding: this looks like a base64 key, but json is expected. Set \
             key_format = \"base64\" (for `softsign import`: --format base64)"
        );
    }
}

#[test]
fn other_things_are_called_by_their_names() {
    let seed = hex::encode(STANDARD.decode(SEED_BASE64).unwrap());
    let hex_remedy = "Convert it with `(umask 077; xxd -r -p /k/v.key | base64 -w0 > DST)` and set \
                      `path` to DST";
    let bech32 =
        "kiravalconspub1zcjduepqty46fl6r9n5evemvw3hllf77cqntpm63csv2xwakkqpwqqyg3kesdn3p7m";
    let node_key = r#"{"priv_key":{"type":"tendermint/PrivKeyEd25519","value":"AAAA"}}"#;
    let state = r#"{"height":"5","round":0,"step":3}"#;
    let sdk = r#"{"@type":"/cosmos.crypto.ed25519.PubKey","key":"AAAA"}"#;
    let amino = r#"{"type":"tendermint/PubKeyEd25519","value":"AAAA"}"#;
    for (content, found, remedy) in [
        (seed.as_str(), "this looks like hexadecimal", hex_remedy),
        (
            "-----BEGIN PRIVATE KEY-----\nAAAA",
            "this looks like a PEM block",
            IN_NODE,
        ),
        (
            "age-encryption.org/v1\n-> scrypt",
            "this is encrypted with age",
            "Encrypted keys are not read here: run `tmkms key decrypt /k/v.key` first",
        ),
        (
            "-----BEGIN AGE ENCRYPTED FILE-----",
            "this is encrypted with age",
            "Encrypted keys are not read here: run `tmkms key decrypt /k/v.key` first",
        ),
        (bech32, "this is a public key, not a private one", IN_NODE),
        (sdk, "this is a public key, not a private one", IN_NODE),
        (amino, "this is a public key, not a private one", IN_NODE),
        (
            node_key,
            "this looks like a node's node_key.json, which is not the validator's key",
            IN_NODE,
        ),
        (
            state,
            "this looks like the node's priv_validator_state.json, which holds no key",
            IN_NODE,
        ),
    ] {
        for options in [BASE64, JSON] {
            assert_eq!(
                text(content, &options),
                format!(
                    "has a bad encoding: {found}, but {} is expected. {remedy}",
                    options.format
                )
            );
        }
    }
    assert_eq!(
        text("[1, 2]", &BASE64),
        format!(
            "has a bad encoding: this is JSON, but not of a key, but base64 is expected. {IN_NODE}"
        )
    );
    assert_eq!(
        text("hello", &JSON),
        format!(
            "has a bad encoding: this is text of another kind, but json is expected. {IN_NODE}"
        )
    );
}

// ---- json

#[test]
fn damaged_json_says_where() {
    let cut = &ED25519_JSON[..ED25519_JSON.len() - 3];
    assert_eq!(
        text(cut, &JSON),
        format!("is not a CometBFT key: it ends too early (line 9, column 103). {FROM_NODE}")
    );
    let broken = ED25519_JSON.replacen(':', "=", 1);
    assert_eq!(
        text(broken, &JSON),
        format!(
            "is not a CometBFT key: it is not well-formed JSON (line 2, column 12). {FROM_NODE}"
        )
    );
    let other = ED25519_JSON.replace("\"pub_key\": {", "\"pub_key\": 5, \"x\": {");
    assert_eq!(
        text(other, &JSON),
        format!("is not a CometBFT key: it has other fields (line 3, column 14). {FROM_NODE}")
    );
}

#[test]
fn each_missing_field_is_named() {
    for field in ["address", "pub_key"] {
        let content = ED25519_JSON.replace(field, "x");
        assert_eq!(
            text(content, &JSON),
            format!("is not a CometBFT key: the field `{field}` is missing. {FROM_NODE}")
        );
    }
    assert_eq!(
        text("{}", &JSON),
        format!("is not a CometBFT key: the field `priv_key` is missing. {FROM_NODE}")
    );
    assert_eq!(
        text(ED25519_JSON.replace("priv_key", "x"), &JSON),
        format!(
            "has a bad encoding: this is a public key, not a private one, but json is expected. \
             {IN_NODE}"
        )
    );
}

#[test]
fn unsupported_key_types_are_refused_by_name() {
    for name in [
        "cometbft/PrivKeyBls12_381",
        "cometbft/PrivKeyMldsa65",
        "tendermint/PrivKeySr25519",
        "tendermint/PubKeyEd25519",
    ] {
        let content = ED25519_JSON.replace("tendermint/PrivKeyEd25519", name);
        assert_eq!(
            text(content, &JSON),
            format!(
                "holds a key of type `{name}`, which is not supported. Supported are \
                 tendermint/PrivKeyEd25519 and tendermint/PrivKeySecp256k1"
            )
        );
    }
}

#[test]
fn another_algorithm_than_asked_for_is_refused() {
    let options = KeyOptions {
        algorithm: Some(Algorithm::Ed25519),
        ..JSON
    };
    assert!(parse(ED25519_JSON.as_bytes(), &options).is_ok());
    assert_eq!(
        text(SECP256K1_JSON, &options),
        "holds a key for secp256k1, but Ed25519 is expected. Use the key file of that type, or \
         change the key type in the configuration"
    );
}

#[test]
fn a_public_key_that_is_not_the_private_keys_is_refused() {
    let other = STANDARD.encode([9; 32]);
    assert_eq!(
        text(ED25519_JSON.replace(ED25519_PUBLIC_BASE64, &other), &JSON),
        format!(
            "contradicts itself: pub_key is {other}, but priv_key belongs to \
             {ED25519_PUBLIC_BASE64}. {FROM_NODE}"
        )
    );
    assert_eq!(
        text(ED25519_JSON.replace(ED25519_PUBLIC_BASE64, "AAAA"), &JSON),
        format!("is not a CometBFT key: pub_key.value is no public key. {FROM_NODE}")
    );
    let content = ED25519_JSON.replace("PubKeyEd25519", "PubKeySecp256k1");
    assert_eq!(
        text(content, &JSON),
        format!(
            "is not a CometBFT key: pub_key has the type `tendermint/PubKeySecp256k1`, but \
             priv_key needs `tendermint/PubKeyEd25519`. {FROM_NODE}"
        )
    );
}

#[test]
fn an_address_that_is_not_the_private_keys_is_refused() {
    let content = ED25519_JSON.replace("E4EE", "E4EF");
    assert_eq!(
        text(content, &JSON),
        format!(
            "contradicts itself: address is E4EF026FA123A130E07278E486B441AACC962804, but \
             priv_key has the address E4EE026FA123A130E07278E486B441AACC962804. {FROM_NODE}"
        )
    );
    let content = ED25519_JSON.replace("\"E4EE", &format!("\"{SEED_BASE64}E4EE"));
    assert!(
        text(content, &JSON)
            .starts_with("contradicts itself: address is no 40 hexadecimal digits, but priv_key")
    );
}

#[test]
fn a_json_private_key_must_be_gos_64_bytes() {
    let mut bytes = STANDARD.decode(ED25519_GO_BASE64).unwrap();
    bytes[63] ^= 1;
    let changed = STANDARD.encode(&bytes);
    let written = STANDARD.encode(&bytes[32..]);
    for (value, found) in [
        (
            SEED_BASE64,
            "priv_key.value holds 32 bytes, but 64 are expected (Go's form: seed and public key)",
        ),
        (
            changed.as_str(),
            &format!(
                "priv_key.value holds the private key of {ED25519_PUBLIC_BASE64}, but the key \
                 expected is {written}"
            ),
        ),
        (
            "P7JU*",
            "in priv_key.value, `*` at position 5 of 5 is no base64",
        ),
    ] {
        let content = ED25519_JSON.replace(ED25519_GO_BASE64, value);
        assert_eq!(
            text(content, &JSON),
            format!("is not a CometBFT key: {found}. {FROM_NODE}")
        );
    }
}

#[test]
fn a_known_public_key_must_be_the_files() {
    for (content, options) in [(SEED_BASE64, BASE64), (ED25519_JSON, JSON)] {
        let options = KeyOptions {
            public_key: Some(privval::PublicKey::Ed25519([9; 32])),
            ..options
        };
        assert_eq!(
            text(content, &options),
            format!(
                "holds the private key of {ED25519_PUBLIC_BASE64}, but the key expected is \
                 CQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQk=. Check that this is the key file of \
                 this validator"
            )
        );
    }
}
