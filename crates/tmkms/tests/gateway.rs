//! Whole messages of gateway.toml, one small file per mistake; see `config.rs` for the form.
//! `BLESS=1 cargo test -p tmkms --test gateway` writes the `.stderr` files anew.

// Clippy's leave for tests covers `#[test]` functions, not the helpers beside them.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use tmkms::config::{Forward, Gateway};
use tunnel::Conf;

fn cases() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/gateway")
}

fn names() -> BTreeSet<String> {
    let entries = fs::read_dir(cases()).expect("tests/gateway");
    let names: BTreeSet<String> = entries
        .map(|entry| entry.expect("entry").path())
        .map(|path| path.file_stem().unwrap().to_string_lossy().into_owned())
        .collect();
    assert!(names.len() > 10, "{names:?}");
    names
}

fn text(name: &str) -> String {
    let file = cases().join(format!("{name}.toml"));
    fs::read_to_string(file).unwrap_or_else(|e| panic!("{name}: {e}"))
}

/// Cases whose names begin with `good_` load, without a word; all others are refused.
#[test]
fn every_mistake_is_told_as_written_down() {
    let bless = std::env::var_os("BLESS").is_some();
    let mut wrong = Vec::new();
    for name in names() {
        let found = match Gateway::parse(&text(&name), Path::new("gateway.toml")) {
            Ok((_, warnings)) => warnings.render(false),
            Err(error) => error.render(false),
        };
        assert_eq!(
            found.is_empty(),
            name.starts_with("good_"),
            "{name}: {found}"
        );
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

fn good(name: &str) -> Gateway {
    let parsed = Gateway::parse(&text(name), Path::new("/etc/kms/gateway.toml"));
    parsed.unwrap_or_else(|e| panic!("{name}: {e}")).0
}

#[test]
fn what_is_left_out_is_sekai_for_every_peer() {
    for name in ["good_minimal", "good_forward_with_defaults"] {
        let gateway = good(name);
        assert_eq!(gateway.wireguard, Path::new("/etc/kms/wg0.conf"));
        assert_eq!(gateway.forwards, [Forward::default()]);
    }
    let forward = Forward::default();
    assert_eq!(forward.listen, 26659);
    assert_eq!(forward.upstream.to_string(), "sekai.local:26659");
    assert_eq!(forward.allowed, None);
}

#[test]
fn what_is_written_is_meant() {
    let gateway = good("good_every_field");
    let [first, second] = gateway.forwards.as_slice() else {
        panic!("two forwards")
    };
    let allowed = |forward: &Forward| -> Vec<String> {
        let networks = forward.allowed.as_ref().unwrap().iter();
        networks.map(ToString::to_string).collect()
    };
    assert_eq!(first.listen, 26659);
    assert_eq!(first.upstream.to_string(), "sekai.local:26659");
    assert_eq!(allowed(first), ["10.200.0.2/32"]);
    assert_eq!(second.listen, 26660);
    assert_eq!(second.upstream.to_string(), "[fd00::1]:26659");
    assert_eq!(allowed(second), ["10.200.0.0/24", "fd00::2/128"]);
}

#[test]
fn a_file_that_is_not_there_says_how_to_do_without() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("gateway.toml");
    let error = Gateway::load(&path).unwrap_err().to_string();
    let expected = format!(
        "error: there are no settings of a gateway in {}\n  |\n  = help: `tmkms gateway \
         --wireguard wg0.conf` needs no such file\n  = help: or name another file: `tmkms gateway \
         -c FILE`",
        path.display()
    );
    let lines = |text: &str| {
        text.lines()
            .map(|line| line.trim().to_owned())
            .collect::<Vec<_>>()
    };
    let without_rule = |text: &str| -> Vec<String> {
        lines(text).into_iter().filter(|line| line != "|").collect()
    };
    assert_eq!(without_rule(&error), without_rule(&expected));
}

const WG: &str = "[Interface]\nPrivateKey = dwdtCnMYpX08FsFyUbJmRd9ML4frwJkqsXf7pR25LCo=\n\
                  Address = 10.200.0.1\nListenPort = 51820\n\
                  [Peer]\nPublicKey = 3p7bfXt9wbTTW2HC7OQ1Nz+DQ8hbeGdNrfx+FG+IK08=\n\
                  AllowedIPs = 10.200.0.2, 10.200.1.0/24\n";

#[test]
fn who_is_allowed_is_a_peer_of_the_tunnel() {
    let spec = Conf::parse(WG, Path::new("wg0.conf"))
        .unwrap_or_else(|e| panic!("{e}"))
        .spec;
    let allowed = |flags: &[&str]| {
        let networks = flags.iter().map(|text| text.parse().unwrap()).collect();
        let forward = Forward {
            allowed: Some(networks),
            ..Forward::default()
        };
        let networks = forward.allowed_by(&spec).map_err(|e| e.to_string())?;
        Ok::<_, String>(networks.iter().map(ToString::to_string).collect::<Vec<_>>())
    };
    let everybody = Forward::default().allowed_by(&spec).unwrap();
    let everybody: Vec<String> = everybody.iter().map(ToString::to_string).collect();
    assert_eq!(everybody, ["10.200.0.2/32", "10.200.1.0/24"]);
    assert_eq!(
        allowed(&["10.200.0.2/32", "10.200.1.7/32"]).unwrap(),
        ["10.200.0.2/32", "10.200.1.7/32"]
    );
    for stranger in ["10.200.0.0/24", "10.200.2.1/32", "10.200.0.0/15"] {
        assert_eq!(
            allowed(&["10.200.0.2/32", stranger]).unwrap_err(),
            format!(
                "{stranger} is allowed, but no peer of the tunnel has it in its AllowedIPs, so \
                 nobody can come from there. Correct `allowed`, or the AllowedIPs of the peer"
            )
        );
    }
}

#[test]
fn a_gateway_does_not_forward_to_itself() {
    let spec = Conf::parse(WG, Path::new("wg0.conf"))
        .unwrap_or_else(|e| panic!("{e}"))
        .spec;
    let forward = Forward {
        upstream: "10.200.0.1:26659".parse().unwrap(),
        ..Forward::default()
    };
    assert_eq!(
        forward.allowed_by(&spec).unwrap_err().to_string(),
        "the node 10.200.0.1:26659 is the gateway itself: that is its own address inside the \
         tunnel. Name the node as this machine or this container reaches it, for example \
         sekai.local:26659"
    );
}
