//! Whole messages of wg0.conf, one small file per mistake.
//!
//! Each `tests/conf/NAME.conf` is parsed as `wg0.conf`; what its owner then reads must be
//! `tests/conf/NAME.stderr`, to the letter. `BLESS=1 cargo test -p tunnel --test conf` writes the
//! latter anew: read the difference before you commit it.

// Clippy's leave for tests covers `#[test]` functions, not the helpers beside them.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use diagnostics::Severity;
use proptest::prelude::*;
use tunnel::Conf;

fn cases() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/conf")
}

fn names() -> Vec<String> {
    let entries = fs::read_dir(cases()).expect("tests/conf");
    let paths = entries.map(|entry| entry.expect("entry").path());
    let mut names: Vec<String> = paths
        .filter(|path| path.extension().is_some_and(|e| e == "conf"))
        .map(|path| path.file_stem().unwrap().to_string_lossy().into_owned())
        .collect();
    names.sort();
    assert!(names.len() > 50, "{}", names.len());
    names
}

fn text(name: &str) -> String {
    let file = cases().join(format!("{name}.conf"));
    fs::read_to_string(file).unwrap_or_else(|e| panic!("{name}: {e}"))
}

fn parse(text: &str) -> Result<Conf, diagnostics::Report> {
    Conf::parse(text, Path::new("wg0.conf"))
}

/// What a person reads: warnings and what is ignored, or all mistakes.
fn rendered(text: &str) -> String {
    match parse(text) {
        Ok(conf) => {
            let mut out = conf.warnings.render(false);
            for ignored in conf.ignored {
                writeln!(out, "{ignored}").unwrap();
            }
            out
        }
        Err(report) => report.render(false),
    }
}

#[test]
fn every_mistake_is_told_as_written_down() {
    let bless = std::env::var_os("BLESS").is_some();
    let mut wrong = Vec::new();
    for name in names() {
        let found = rendered(&text(&name));
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

/// Every private, pre-shared and public key that a case has, wherever in the file it stands.
#[test]
fn no_message_shows_a_piece_of_a_key() {
    let is_digit = |c: char| c.is_ascii_alphanumeric() || c == '+' || c == '/';
    for name in names() {
        let text = text(&name);
        let shown = rendered(&text);
        let words = text.split(|c| !is_digit(c));
        for key in words.filter(|word| word.len() >= 20) {
            let pieces = [key.get(..8), key.get(10..18), key.get(key.len() - 8..)];
            for piece in pieces.into_iter().flatten() {
                assert!(!shown.contains(piece), "{name}: {piece} in\n{shown}");
            }
        }
    }
}

#[test]
fn the_guides_files_are_read_as_they_are_meant() {
    let signer = parse(&text("guide_signer")).unwrap_or_else(|e| panic!("{e}"));
    assert!(signer.warnings.is_empty() && signer.ignored.is_empty());
    let interface = &signer.spec.interface;
    assert_eq!(
        interface.private_key.public_key().to_string(),
        "hSDwCYkwp1R0i33ctD73Wg2/Og0mOBr066SpjqqbTmo="
    );
    assert_eq!(interface.addresses, ["10.200.0.2/32".parse().unwrap()]);
    assert_eq!((interface.listen_port, interface.mtu), (None, None));
    let [peer] = signer.spec.peers.as_slice() else {
        panic!("one peer")
    };
    assert_eq!(
        peer.public_key.to_string(),
        "3p7bfXt9wbTTW2HC7OQ1Nz+DQ8hbeGdNrfx+FG+IK08="
    );
    let preshared: Vec<u8> = (100..132).collect();
    assert_eq!(
        peer.preshared_key.as_ref().unwrap().secret_bytes()[..],
        preshared
    );
    assert_eq!(peer.allowed_ips, ["10.200.0.1/32".parse().unwrap()]);
    assert_eq!(
        peer.endpoint.as_ref().unwrap().to_string(),
        "validator.example.com:51820"
    );
    assert_eq!(peer.persistent_keepalive_s.unwrap().get(), 25);

    let validator = parse(&text("guide_validator")).unwrap_or_else(|e| panic!("{e}"));
    let interface = &validator.spec.interface;
    assert_eq!(
        (interface.listen_port, interface.mtu),
        (Some(51820), Some(1420))
    );
    let ignored: Vec<_> = validator.ignored.iter().map(|i| (i.key, i.line)).collect();
    let expected = [
        ("PostUp", 7),
        ("PostUp", 8),
        ("PostDown", 9),
        ("PreUp", 10),
        ("PreDown", 11),
        ("DNS", 12),
        ("Table", 13),
        ("FwMark", 14),
        ("SaveConfig", 15),
    ];
    assert_eq!(ignored, expected);
}

#[test]
fn names_have_any_case_and_lists_any_form() {
    let conf = parse(&text("every_spelling")).unwrap_or_else(|e| panic!("{e}"));
    let addresses: Vec<String> = conf
        .spec
        .interface
        .addresses
        .iter()
        .map(ToString::to_string)
        .collect();
    assert_eq!(addresses, ["10.200.0.2/24", "fd00::2/64", "10.201.0.2/32"]);
    assert_eq!(conf.spec.interface.listen_port, Some(51821));
    let [peer] = conf.spec.peers.as_slice() else {
        panic!("one peer")
    };
    let allowed: Vec<String> = peer.allowed_ips.iter().map(ToString::to_string).collect();
    assert_eq!(allowed, ["10.200.0.1/32", "fd00::1/128"]);
    assert_eq!(peer.persistent_keepalive_s, None);
}

/// What is written for a tunnel reads back as the same tunnel.
#[test]
fn a_tunnel_and_its_text_are_the_same() {
    for name in ["guide_signer", "guide_validator", "every_spelling"] {
        let conf = parse(&text(name)).unwrap_or_else(|e| panic!("{name}: {e}"));
        let written = conf.spec.to_conf_secret();
        let again = parse(&written).unwrap_or_else(|e| panic!("{name}: {e}"));
        assert_eq!(*again.spec.to_conf_secret(), *written, "{name}");
        assert_eq!(again.ignored, []);
        assert_eq!(again.spec.peers.len(), conf.spec.peers.len());
    }
}

proptest! {
    /// Lines of right files in any order, cut anywhere, never panic, and have a message or a
    /// tunnel.
    #[test]
    fn any_mixture_of_lines_has_an_answer(
        picks in proptest::collection::vec((0usize..400, 0usize..80), 0..20)
    ) {
        let lines: Vec<String> = names()
            .iter()
            .flat_map(|name| text(name).lines().map(str::to_owned).collect::<Vec<_>>())
            .collect();
        let mut mixed = String::new();
        for (line, cut) in picks {
            let line = lines.get(line % lines.len()).unwrap();
            mixed.push_str(&line.chars().take(cut).collect::<String>());
            mixed.push('\n');
        }
        match parse(&mixed) {
            Ok(conf) => prop_assert_eq!(conf.warnings.count(Severity::Error), 0),
            Err(report) => prop_assert!(report.count(Severity::Error) > 0),
        }
    }
}
