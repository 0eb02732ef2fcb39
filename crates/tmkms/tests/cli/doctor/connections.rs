//! Connections that do not come about, or do not last, as the running signer tells of them.

use std::process::Command;
use std::thread;
use std::time::Duration;

use testnode::Listener;

use super::signer_at_work::wait_for;
use super::{Diagnosis, kms};
use crate::home::Home;
use crate::sandbox::left_out;
use crate::signer::{Signer, node};

/// A node that takes each connection, with its handshake, and does something with it.
fn takes(listener: Listener, with: fn(testnode::Signer)) {
    thread::spawn(move || {
        loop {
            if let Ok(signer) = listener.accept(Duration::from_secs(60)) {
                with(signer);
            }
        }
    });
}

#[test]
fn socket_that_is_not_there_and_name_that_is_nobodys_are_told() {
    for (addr, id, told) in [
        (
            "unix:///nowhere/node.sock",
            "signer.node_no_socket",
            "node.sock",
        ),
        (
            "tcp://nowhere.invalid:26659",
            "signer.node_dns",
            "nowhere.invalid",
        ),
    ] {
        let home = Home::new();
        kms(&home, addr);
        let _signer = Signer::start(&home, &[]);
        let found = wait_for(&home, id);
        found.tells(id, told);
        assert_eq!(found.find(id).unwrap()["status"], "broken");
    }
}

#[test]
fn node_that_hangs_up_after_the_handshake_is_told() {
    let home = Home::new();
    takes(node(&home), drop);
    let _signer = Signer::start(&home, &[]);
    wait_for(&home, "signer.node_closed").has(
        "signer.node_closed",
        "broken",
        "scaller start --restart always",
    );
}

/// A node pings every few seconds.
#[test]
fn node_that_falls_silent_is_told() {
    let home = Home::new();
    takes(node(&home), |mut signer| {
        // Until the signer gives up.
        let _ = signer.receive();
    });
    home.must("sed -i '/^secret_key/a timeout = 1' kms/tmkms.toml");
    let _signer = Signer::start(&home, &[]);
    wait_for(&home, "signer.node_frozen").has(
        "signer.node_frozen",
        "broken",
        "tmkms doctor --node-home DIR",
    );
}

/// Runs a signer in a network of its own until `tmkms doctor` finds this there.
fn alone(address: &str, id: &str) -> Option<Diagnosis> {
    let network = "ip link set lo up; ip link add d0 type veth peer name d1
                   ip link set d0 up; ip link set d1 up; ip address add 10.77.0.1/24 dev d0";
    let home = Home::new();
    let probe = home.sh(&format!("unshare --map-root-user --net sh -ec '{network}'"));
    if left_out((probe.code != 0).then(|| "no network namespace can be made here".to_owned())) {
        return None;
    }
    kms(&home, &format!("tcp://{address}:26659"));
    let script = format!(
        "{network}
         tmkms start -c kms/tmkms.toml > signer.out 2>&1 &
         for _ in $(seq 100); do
             code=0; tmkms doctor --json -c kms/tmkms.toml > found || code=$?
             if grep -q '\"{id}\"' found; then break; fi
         done
         cat found; exit $code"
    );
    let mut command = Command::new("unshare");
    command.args([
        "--map-root-user",
        "--net",
        "--pid",
        "--fork",
        "--mount-proc",
    ]);
    command.args(["--kill-child", "sh", "-ec", &script]);
    Some(Diagnosis::run(&home, &mut command))
}

#[test]
fn address_that_nobody_answers_at_or_that_no_way_leads_to_is_told() {
    for (address, id) in [
        ("10.77.0.9", "signer.node_no_answer"),
        ("203.0.113.9", "signer.node_unreachable"),
    ] {
        let Some(found) = alone(address, id) else {
            return;
        };
        found.has(id, "broken", &format!("ip route get {address}"));
    }
}
