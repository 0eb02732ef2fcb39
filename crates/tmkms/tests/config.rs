//! Whole messages of the configuration, one small file per mistake.
//!
//! Each `tests/config/NAME.toml` is parsed as `tmkms.toml`; what an operator then reads must be
//! `tests/config/NAME.stderr`, to the letter. `BLESS=1 cargo test -p tmkms --test config` writes
//! the latter anew: read the difference before you commit it.

// Clippy's leave for tests covers `#[test]` functions, not the helpers beside them.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use proptest::prelude::*;
use tmkms::config::{Config, Endpoint, Error, KeyFormat, Severity};

fn cases() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/config")
}

fn names(extension: &str) -> BTreeSet<String> {
    let entries = fs::read_dir(cases()).expect("tests/config");
    let paths = entries.map(|entry| entry.expect("entry").path());
    let wanted = paths.filter(|path| path.extension().is_some_and(|e| e == extension));
    wanted
        .map(|path| path.file_stem().unwrap().to_string_lossy().into_owned())
        .collect()
}

fn text(name: &str) -> String {
    fs::read_to_string(cases().join(name)).unwrap_or_else(|e| panic!("{name}: {e}"))
}

/// What an operator reads on standard error.
fn rendered(toml: &str) -> String {
    match Config::parse(toml, "tmkms.toml") {
        Ok(loaded) => loaded.warnings.render(false),
        Err(error) => error.render(false),
    }
}

#[test]
fn every_mistake_is_told_as_written_down() {
    let bless = std::env::var_os("BLESS").is_some();
    let mut wrong = Vec::new();
    for name in names("toml") {
        let found = rendered(&text(&format!("{name}.toml")));
        let expected_file = cases().join(format!("{name}.stderr"));
        if bless {
            fs::write(&expected_file, &found).expect("write");
        }
        let expected = fs::read_to_string(&expected_file).unwrap_or_default();
        if found != expected {
            wrong.push(format!(
                "--- {name}: expected\n{expected}\n--- found\n{found}"
            ));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn no_case_is_without_its_text_or_the_other_way_round() {
    assert_eq!(names("toml"), names("stderr"));
    assert!(names("toml").len() > 40, "the cases are gone");
}

#[test]
fn every_message_has_a_place_and_a_remedy() {
    for name in names("stderr") {
        for block in text(&format!("{name}.stderr")).split("\n\n") {
            if block.trim().is_empty() || block.starts_with("error: tmkms.toml has ") {
                continue;
            }
            assert!(block.contains("help: "), "{name}: no remedy in\n{block}");
            let whole_file = block.starts_with("error: there is no [[");
            assert!(
                block.contains("--> tmkms.toml:") || whole_file || name.starts_with("file_"),
                "{name}: no place in\n{block}"
            );
        }
    }
}

/// Cases whose names begin with `good_` load, and `warn_` load with warnings; all others are
/// refused.
#[test]
fn only_the_cases_that_should_load_do() {
    for name in names("toml") {
        let outcome = Config::parse(&text(&format!("{name}.toml")), "tmkms.toml");
        match (name.split('_').next(), outcome) {
            (Some("good"), Ok(loaded)) => assert!(loaded.warnings.is_empty(), "{name}"),
            (Some("warn"), Ok(loaded)) => assert!(!loaded.warnings.is_empty(), "{name}"),
            (Some("good" | "warn"), Err(error)) => panic!("{name} is refused:\n{error}"),
            (_, Ok(_)) => panic!("{name} loads"),
            (_, Err(_)) => {}
        }
    }
}

#[test]
fn several_mistakes_are_told_together_in_the_order_of_the_file() {
    let error = Config::parse(&text("several_mistakes.toml"), "tmkms.toml").unwrap_err();
    let Error::Invalid(report) = error else {
        panic!("{error}")
    };
    assert_eq!(report.count(Severity::Error), 7);
    let rendered = report.render(false);
    let places: Vec<usize> = rendered
        .match_indices("--> tmkms.toml:")
        .map(|(at, arrow)| {
            let line = &rendered[at + arrow.len()..];
            line.split(':').next().unwrap().parse().unwrap()
        })
        .collect();
    assert!(places.is_sorted(), "{places:?}");
}

#[test]
fn status_socket_is_beside_the_first_state_unless_the_file_says_otherwise() {
    let socket = |status: &str| {
        let toml = text("good_minimal.toml") + status;
        let config = Config::parse(&toml, "/etc/tmkms/tmkms.toml")
            .unwrap()
            .config;
        config.status_socket()
    };
    let state = text("good_minimal.toml").contains("state_file");
    assert!(!state, "the default is expected here");
    let beside = "/etc/tmkms/testnet-1_priv_validator_state.json.run/status.sock";
    assert_eq!(socket("").as_deref(), Some(Path::new(beside)));
    assert_eq!(socket("\n[status]\n").as_deref(), Some(Path::new(beside)));
    let there = socket("\n[status]\nsocket = \"run/s\"\n");
    assert_eq!(there.as_deref(), Some(Path::new("/etc/tmkms/run/s")));
    assert_eq!(socket("\n[status]\nsocket = \"off\"\n"), None);
}

#[test]
fn a_full_file_means_what_it_says() {
    let toml = text("good_every_field.toml");
    let config = Config::parse(&toml, "/etc/tmkms/tmkms.toml")
        .unwrap()
        .config;
    let chain = &config.chains[0];
    assert_eq!(chain.id.as_str(), "testnet-1");
    assert_eq!(chain.at.to_string(), "/etc/tmkms/tmkms.toml:2:6");
    assert_eq!(
        chain.state_file.value,
        Path::new("/etc/tmkms/state/testnet-1-consensus.json")
    );
    let hook = chain.state_hook.as_ref().unwrap();
    let socket = config.status_socket();
    assert_eq!(socket.as_deref(), Some(Path::new("/run/tmkms/status.sock")));
    let listen = config.metrics.as_ref().unwrap();
    assert_eq!(listen.value, "127.0.0.1:26661".parse().unwrap());
    assert_eq!(listen.at.to_string(), "/etc/tmkms/tmkms.toml:47:10");
    assert_eq!(hook.program, Path::new("/etc/tmkms/bin/height"));
    assert_eq!(hook.args, ["--chain", "testnet-1"]);
    assert_eq!((hook.timeout.as_secs(), hook.fail_closed), (7, true));
    let other = &config.chains[1];
    assert_eq!(other.key_format, KeyFormat::Hex);
    assert_eq!(
        other.state_file.value,
        Path::new("/etc/tmkms/other-1_priv_validator_state.json")
    );
    let hook = other.state_hook.as_ref().unwrap();
    assert_eq!((hook.timeout.as_secs(), hook.fail_closed), (5, false));
    assert_eq!(hook.program, Path::new("height"));
    let key = config.key(&chain.id).unwrap();
    assert_eq!(key.path.value, Path::new("/run/secrets/consensus.key"));
    assert_eq!(config.softsign.len(), 2);
    let node = &config.validators[0];
    assert_eq!(node.endpoint.to_string(), "tcp://10.200.0.1:26659");
    assert_eq!(node.protocol_version.map(|v| v.name()), Some("v0.37"));
    assert_eq!(node.max_height.map(|h| h.value()), Some(500_000));
    assert_eq!(node.timeout.map(|t| t.as_secs()), Some(65_535));
    assert!(!node.reconnect);
    let Endpoint::Tcp { secret_key, .. } = &node.endpoint else {
        panic!("not tcp");
    };
    assert_eq!(
        secret_key.value,
        Path::new("/etc/tmkms/secrets/kms-identity.key")
    );
    let node = &config.validators[1];
    assert_eq!(node.endpoint.to_string(), "unix:///etc/tmkms/run/node.sock");
    assert!(node.reconnect && node.timeout.is_none() && node.max_height.is_none());
}

#[test]
fn a_missing_file_and_a_directory_say_what_to_do() {
    let dir = tempfile::tempdir().expect("temporary directory");
    let path = dir.path().join("tmkms.toml");
    let missing = Config::load(&path).unwrap_err().to_string();
    assert!(missing.contains("there is no configuration file") && missing.contains("tmkms init"));
    assert!(missing.contains("-c FILE"), "{missing}");
    fs::create_dir(&path).expect("directory");
    let directory = Config::load(&path).unwrap_err().to_string();
    assert!(
        directory.contains("is a directory, not a configuration file"),
        "{directory}"
    );
    assert!(
        directory.contains("Docker makes a directory"),
        "{directory}"
    );
    assert!(directory.contains("rmdir tmkms.toml"), "{directory}");
}

#[test]
fn a_file_loads_from_disk_with_a_byte_order_mark_and_crlf() {
    let dir = tempfile::tempdir().expect("temporary directory");
    let path = dir.path().join("tmkms.toml");
    let toml = text("good_minimal.toml").replace('\n', "\r\n");
    fs::write(&path, format!("\u{feff}{toml}")).expect("write");
    let loaded = Config::load(&path).unwrap();
    assert!(loaded.warnings.is_empty(), "{}", loaded.warnings);
    assert_eq!(loaded.config.chains[0].at.line, 2);
    let state = &loaded.config.chains[0].state_file.value;
    assert!(state.starts_with(dir.path()), "{}", state.display());
}

#[test]
fn a_mistake_in_a_file_with_crlf_is_pointed_at_as_usual() {
    let unix = text("chain_id_empty.toml");
    assert_eq!(rendered(&unix.replace('\n', "\r\n")), rendered(&unix));
}

#[test]
fn a_password_near_a_mistake_is_not_shown() {
    let toml = "[[providers.yubihsm]]\nauth = { key = 1, password = \"hunter2\" \nkeys = [\n";
    let shown = rendered(toml);
    assert!(
        shown.contains("error") && !shown.contains("hunter2"),
        "{shown}"
    );
}

/// Good files to damage.
fn seeds() -> Vec<String> {
    let good = names("toml")
        .into_iter()
        .filter(|name| name.starts_with("good_"));
    good.map(|name| text(&format!("{name}.toml"))).collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_bytes_are_answered_without_a_panic(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
        let _ = rendered(&String::from_utf8_lossy(&bytes));
    }

    #[test]
    fn any_text_of_toml_letters_is_answered_without_a_panic(
        toml in "([\\[\\]{}=,.\"'#\\\\ \n\r\ta-d0-9_é-]|\\[\\[chain\\]\\]\n|id = |key_format = |providers|softsign|validator|addr = ){0,60}"
    ) {
        let _ = rendered(&toml);
    }

    #[test]
    fn a_damaged_good_file_is_answered_without_a_panic(
        seed in 0_usize..16,
        edits in proptest::collection::vec((any::<prop::sample::Index>(), 0_u8..4, any::<char>(), 0_usize..40), 1..6),
    ) {
        let seeds = seeds();
        let mut chars: Vec<char> = seeds[seed % seeds.len()].chars().collect();
        for (at, kind, c, len) in edits {
            if chars.is_empty() { break; }
            let at = at.index(chars.len());
            let end = (at + len).min(chars.len());
            match kind {
                0 => chars.insert(at, c),
                1 => chars[at] = c,
                2 => { chars.drain(at..end); }
                _ => { let copy = chars[at..end].to_vec(); chars.splice(at..at, copy); }
            }
        }
        let toml: String = chars.into_iter().collect();
        let shown = rendered(&toml);
        prop_assert!(!shown.contains('\u{1b}'), "a control character reaches the terminal");
    }
}
