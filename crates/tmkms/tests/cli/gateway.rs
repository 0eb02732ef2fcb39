//! `tmkms gateway`, and a signer that reaches its node through it.

use std::net::UdpSocket;
use std::time::Duration;

use testnode::Listener;

use crate::home::Home;
use crate::signer::{CHAIN, PATIENCE, Signer, sign};
use crate::transcript::transcripts;

transcripts! { "gateway":
    mistakes
    nobody_there
}

const NODE: &str = "tcp://10.200.0.1:26659";

/// A port that was free a moment ago.
fn udp_port() -> u16 {
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    socket.local_addr().unwrap().port()
}

/// `kms/` with a signer that has its tunnel, and `validator/` with the other end's file.
fn two_machines(home: &Home) {
    let port = udp_port();
    home.must(&format!(
        "tmkms init kms -n kira --chain-id {CHAIN} --addr {NODE} &&
         tmkms softsign keygen kms/secrets/priv_validator_key.json && mkdir validator &&
         tmkms wireguard pair --endpoint 127.0.0.1:{port} --signer kms/wg0.conf \\
             --validator validator/wg0.conf &&
         printf '[wireguard]\\nconfig = \"wg0.conf\"\\n' >> kms/tmkms.toml"
    ));
}

fn gateway<'a>(home: &'a Home, node: &Listener) -> Signer<'a> {
    let forward = format!("26659={}", node.tcp_addr().unwrap());
    let arguments = ["gateway", "--wireguard", "validator/wg0.conf", "--forward"];
    Signer::run(home, "gateway", &[&arguments[..], &[&forward]].concat())
}

#[test]
fn a_signer_signs_through_it_and_both_tell_of_the_tunnel() {
    let home = Home::new();
    let node = Listener::tcp().unwrap();
    two_machines(&home);
    let mut gateway = gateway(&home, &node);
    gateway.wait_for("port 26659 inside the tunnel leads to 127.0.0.1:");
    let mut signer = Signer::start(&home, &[]);
    let mut connection = node.accept(PATIENCE).unwrap();
    let key = connection.public_key(CHAIN).unwrap();
    sign(&mut connection, &key, 1);
    signer.wait_for("h/r/s 1/0/2");
    signer.wait_for("inside the tunnel wg0");
    gateway.wait_for("is connected to the node");
    let at_signer = home.must("tmkms wireguard show -c kms/tmkms.toml");
    let at_gateway = home.must("tmkms wireguard show --socket validator/wg0.conf.run/status.sock");
    for (shown, own, peers) in [
        (&at_signer, "10.200.0.2", "10.200.0.1/32"),
        (&at_gateway, "10.200.0.1", "10.200.0.2/32"),
    ] {
        assert!(shown.starts_with("tunnel wg0\n  public key   "), "{shown}");
        for line in [
            format!("  addresses    {own}\n"),
            format!("    allowed    {peers}\n"),
            "    endpoint   127.0.0.1:".to_owned(),
            "    handshake  ".to_owned(),
            "    MTU        1420\n".to_owned(),
        ] {
            assert!(shown.contains(&line), "{line:?} in {shown}");
        }
        assert!(!shown.contains("trouble"), "{shown}");
    }
    assert!(
        at_gateway.contains("\nport 26659: connected\n"),
        "{at_gateway}"
    );
    assert!(
        at_gateway.contains("  attempts     1 connection\n"),
        "{at_gateway}"
    );
    let status = home.must("tmkms status -c kms/tmkms.toml");
    assert!(status.contains("\ntunnel wg0\n"), "{status}");
    assert!(status.contains(", inside the tunnel wg0\n"), "{status}");
    let json = home.must("tmkms wireguard show -c kms/tmkms.toml --json");
    assert!(
        json.contains(r#""allowed_ips":["10.200.0.1/32"]"#),
        "{json}"
    );
    assert_eq!(signer.stop().code, 0);
    gateway.wait_for("has closed after");
    assert_eq!(gateway.stop().code, 0);
    assert_eq!(home.must("ls -A validator/wg0.conf.run"), "", "left behind");
}

/// The node is told of no signer, and the signer of no connection, before there are both.
#[test]
fn a_node_that_does_not_listen_is_refused_as_such() {
    let home = Home::new();
    let node = Listener::tcp().unwrap();
    two_machines(&home);
    let mut gateway = gateway(&home, &node);
    drop(node);
    let mut signer = Signer::start(&home, &[]);
    gateway.wait_for("waits, because the node does not listen (127.0.0.1:");
    signer.wait_for("connection refused");
    let shown = home.must("tmkms wireguard show --socket validator/wg0.conf.run/status.sock");
    assert!(shown.contains("refused for the node"), "{shown}");
    assert!(!home.read("signer.out").contains("connected to validator"));
    assert_eq!(signer.stop().code, 0);
    assert_eq!(gateway.stop().code, 0);
}

#[test]
fn it_runs_without_rights_and_from_a_file() {
    let home = Home::new();
    let Some(unprivileged) = home.unprivileged() else {
        return;
    };
    let node = Listener::tcp().unwrap();
    two_machines(&home);
    let upstream = node.tcp_addr().unwrap();
    home.must(&format!(
        "printf '[wireguard]\\nconfig = \"wg0.conf\"\\n[[forward]]\\nupstream = \"{upstream}\"\\n\
         [status]\\nsocket = \"off\"\\n' > validator/gateway.toml"
    ));
    if !unprivileged.is_empty() {
        home.must("chown -R 65534:65534 validator && chmod 500 validator");
    }
    let script =
        format!("exec {unprivileged}tmkms gateway -c validator/gateway.toml > gateway.out");
    let mut command = std::process::Command::new("sh");
    home.prepare(command.args(["-c", &script]));
    let gateway = Signer::spawn(&home, &mut command);
    let signer = Signer::start(&home, &[]);
    let mut connection = node.accept(PATIENCE + Duration::from_secs(5)).unwrap();
    let key = connection.public_key(CHAIN).unwrap();
    sign(&mut connection, &key, 1);
    let done = home.sh("tmkms wireguard show --gateway validator/gateway.toml");
    assert_eq!(
        done.stderr,
        "error: validator/gateway.toml says [status] socket = \"off\": without a socket the gateway \
         cannot be asked. Remove that line and restart the gateway\n"
    );
    assert_eq!(signer.stop().code, 0);
    assert_eq!(gateway.stop().code, 0);
}
