//! `wg0.conf`: any text is a tunnel that is right as a whole, or a list of mistakes that can be
//! shown on a terminal and has no key in it.
//!
//! Longest input: 2048 bytes.
#![no_main]

use std::collections::BTreeSet;
use std::path::Path;

use diagnostics::{Report, Severity};
use libfuzzer_sys::fuzz_target;
use tunnel::{Conf, Spec};

fuzz_target!(|bytes: &[u8]| {
    let Ok(text) = std::str::from_utf8(bytes) else {
        return;
    };
    match Conf::parse(text, Path::new("wg0.conf")) {
        Ok(conf) => {
            assert_eq!(conf.warnings.count(Severity::Error), 0);
            is_harmless(text, &conf.warnings);
            is_right(&conf.spec);
            reads_back(&conf.spec);
            let lines = text.lines().count();
            assert!(
                conf.ignored
                    .iter()
                    .all(|one| (1..=lines).contains(&one.line))
            );
        }
        Err(report) => {
            assert!(report.count(Severity::Error) > 0);
            is_harmless(text, &report);
        }
    }
});

/// No text of the file moves a cursor or colours a line, and none shows a key.
fn is_harmless(text: &str, report: &Report) {
    let shown = report.render(false);
    let harmful = |c: char| c.is_control() && c != '\n';
    assert!(!shown.contains(harmful), "{shown:?}");
    let is_digit = |c: char| c.is_ascii_alphanumeric() || c == '+' || c == '/';
    for line in text.lines() {
        let words = line.split(|c| !is_digit(c));
        // What follows PrivateKey is one, however short it was cut.
        let name = line.split('=').next().unwrap_or_default().trim();
        let least = if name.eq_ignore_ascii_case("PrivateKey") {
            12
        } else {
            32
        };
        let key = |word: &&str| word.len() >= least && word.contains(|c: char| c.is_ascii_digit());
        // What stands elsewhere too, where it is no key, may be shown from there.
        let once = |word: &&str| text.matches(*word).count() == 1;
        for word in words.filter(key).filter(once) {
            assert!(!shown.contains(word), "{word} in {shown}");
        }
    }
}

fn is_right(spec: &Spec) {
    assert!(!spec.interface.addresses.is_empty() && !spec.peers.is_empty());
    let public = spec.interface.private_key.public_key();
    let mut keys = BTreeSet::new();
    let mut networks = BTreeSet::new();
    for peer in &spec.peers {
        assert_ne!(peer.public_key, public, "this end as a peer");
        assert!(keys.insert(peer.public_key), "a peer twice");
        assert!(!peer.allowed_ips.is_empty());
        for network in &peer.allowed_ips {
            assert_eq!(*network, network.trunc(), "host bits");
            assert!(networks.insert(*network), "{network} twice");
        }
        assert!(peer.endpoint.iter().all(|endpoint| endpoint.port > 0));
    }
    let least = match spec
        .interface
        .addresses
        .iter()
        .any(|net| net.addr().is_ipv6())
    {
        true => 1280,
        false => 576,
    };
    assert!(spec.interface.mtu.is_none_or(|mtu| mtu >= least));
    assert_ne!(spec.interface.listen_port, Some(0));
}

fn reads_back(spec: &Spec) {
    let text = spec.to_conf_secret();
    let again = Conf::parse(&text, Path::new("wg0.conf"));
    let again = again.unwrap_or_else(|report| panic!("{report}"));
    assert_eq!(*again.spec.to_conf_secret(), *text);
    assert!(again.ignored.is_empty());
}
