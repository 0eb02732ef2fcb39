//! The files of tunnels, and which node is behind which.

use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use tunnel::{Conf, Options, Tunnel};

use super::{Diagnosis, kms};
use crate::home::Home;
use crate::sandbox::left_out;
use crate::signer::Signer;

/// A handshake that is not answered is told after some of them.
const PATIENCE: Duration = Duration::from_secs(40);

/// `kms/` with a tunnel, and a node at an address.
pub(super) fn with_tunnel(address: &str) -> Home {
    let home = Home::new();
    kms(&home, &format!("tcp://{address}:26659"));
    home.must(
        "tmkms wireguard pair --endpoint 203.0.113.1 --signer kms/wg0.conf --validator v.conf &&
         printf '[wireguard]\nconfig = \"wg0.conf\"\n' >> kms/tmkms.toml",
    );
    home
}

#[test]
fn node_inside_its_tunnel_is_fine() {
    let home = with_tunnel("10.200.0.1");
    let found = Diagnosis::of(&home, &[]);
    found.tells("wireguard.file_ok", "10.200.0.2/32");
    assert_eq!(found.complaints(), ["signer.not_running"]);
}

#[test]
fn allowed_ips_that_do_not_cover_the_node_are_told() {
    let home = with_tunnel("10.200.0.1");
    home.must("sed -i 's#^AllowedIPs = .*#AllowedIPs = 10.200.9.0/24#' kms/wg0.conf");
    Diagnosis::of(&home, &[]).has(
        "wireguard.node_not_covered",
        "broken",
        "AllowedIPs = 10.200.0.1/32",
    );
}

#[test]
fn node_on_the_internet_beside_a_tunnel_is_a_warning() {
    let home = with_tunnel("203.0.113.9");
    Diagnosis::of(&home, &[]).has(
        "wireguard.node_outside",
        "warning",
        "AllowedIPs = 203.0.113.9/32",
    );
}

#[test]
fn allowed_ips_that_are_too_wide_are_told() {
    let home = with_tunnel("10.200.0.1");
    home.must("sed -i 's#^AllowedIPs = .*#AllowedIPs = 0.0.0.0/0#' kms/wg0.conf");
    Diagnosis::of(&home, &[])
        .has("wireguard.file_warnings", "warning", "help:")
        .tells(
            "wireguard.file_warnings",
            "this peer stands for every address",
        );
}

#[test]
fn private_key_in_the_place_of_a_public_one_is_told_and_not_shown() {
    let home = with_tunnel("10.200.0.1");
    let key = home.must("sed -n 's/^PrivateKey = //p' kms/wg0.conf");
    let script = format!(
        "sed -i 's#^PublicKey = .*#PublicKey = {}#' kms/wg0.conf",
        key.trim()
    );
    home.must(&script);
    let found = Diagnosis::of(&home, &[]);
    found.has("wireguard.file_invalid", "broken", "tmkms config check");
    assert!(!format!("{found:?}").contains(key.trim()));
}

#[test]
fn file_of_a_tunnel_that_others_may_read_or_that_is_missing_is_told() {
    let home = with_tunnel("10.200.0.1");
    home.must("chmod 644 kms/wg0.conf");
    Diagnosis::of(&home, &[]).has(
        "wireguard.file_unreadable",
        "broken",
        "chmod 600 kms/wg0.conf",
    );
    home.must("rm kms/wg0.conf");
    Diagnosis::of(&home, &[]).has(
        "wireguard.file_unreadable",
        "broken",
        "tmkms wireguard pair",
    );
}

#[test]
fn two_tunnels_to_one_address_are_told() {
    let home = with_tunnel("10.200.0.1");
    home.must(
        "cp -p kms/wg0.conf kms/wg1.conf &&
         sed -i 's/^\\[wireguard\\]/[[wireguard]]/' kms/tmkms.toml &&
         printf '[[wireguard]]\nconfig = \"wg1.conf\"\n' >> kms/tmkms.toml",
    );
    Diagnosis::of(&home, &[]).has(
        "wireguard.files_clash",
        "broken",
        "AllowedIPs or ListenPort",
    );
}

/// `wg-quick up` with the same file: two ends with one key.
#[test]
fn address_that_this_machine_has_already_is_told() {
    let home = with_tunnel("10.200.0.1");
    let probe = home.sh("unshare --map-root-user --net ip link");
    if left_out((probe.code != 0).then(|| "no network namespace can be made here".to_owned())) {
        return;
    }
    let words = "ip link set lo up && ip address add 10.200.0.2/32 dev lo &&
                 exec tmkms doctor --json -c kms/tmkms.toml";
    let mut command = Command::new("unshare");
    command.args(["--map-root-user", "--net", "sh", "-c", words]);
    Diagnosis::run(&home, &mut command)
        .has("wireguard.address_taken", "broken", "wg-quick down wg0")
        .tells(
            "wireguard.address_taken",
            "10.200.0.2, the Address in kms/wg0.conf",
        );
}

/// The validator's end, in this process; the signer's file gets its port. Nobody listens inside.
pub(super) fn validator(home: &Home) -> Tunnel {
    home.must("sed -i '/^ListenPort/d' v.conf");
    let conf = Conf::parse(&home.read("v.conf"), Path::new("v.conf")).unwrap();
    let tunnel = Tunnel::start(&conf.spec, &Options::default()).unwrap();
    let port = tunnel.port();
    home.must(&format!(
        "sed -i 's/^Endpoint = .*/Endpoint = 127.0.0.1:{port}/' kms/wg0.conf"
    ));
    tunnel
}

/// Looks until a finding is there.
pub(super) fn wait_for(home: &Home, id: &str) -> Diagnosis {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let found = Diagnosis::of(home, &[]);
        if found.find(id).is_some() {
            return found;
        }
        assert!(Instant::now() < deadline, "no {id} in {found:#?}");
        std::thread::sleep(Duration::from_millis(200));
    }
}

#[test]
fn tunnel_of_the_running_signer_is_shown_with_its_handshake() {
    let home = with_tunnel("10.200.0.1");
    let _validator = validator(&home);
    let _signer = Signer::start(&home, &[]);
    let found = wait_for(&home, "wireguard.handshake");
    found
        .tells("wireguard.handshake", "bytes received")
        .lacks("wireguard.trouble");
}

#[test]
fn keys_that_differ_are_told_by_the_running_signer() {
    for (key, told) in [
        ("PresharedKey", "PresharedKey"),
        ("PrivateKey", "PublicKey"),
    ] {
        let home = with_tunnel("10.200.0.1");
        let _validator = validator(&home);
        home.must(&format!(
            "sed -i \"s#^{key} = .*#{key} = $(tmkms wireguard genkey)#\" kms/wg0.conf"
        ));
        let _signer = Signer::start(&home, &[]);
        let found = wait_for(&home, "wireguard.trouble");
        let finding = found.find("wireguard.trouble").unwrap();
        assert_eq!(finding["status"], "broken");
        assert!(finding.to_string().contains(told), "{finding:#}");
    }
}
