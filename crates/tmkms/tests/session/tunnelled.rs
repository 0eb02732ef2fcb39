//! A node behind a tunnel of the signer's own, with a gateway of ours beside it.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::time::{Duration, Instant};

use testnode::{Listener, ReservedPort};
use tunnel::gateway::{Forward, Gateway};
use tunnel::{Conf, Options, PrivateKey, Tunnel};

use crate::support::{Asker, CHAIN, Home, PATIENCE, Tmkms, precommit, prevote, proposal};

const NODE: &str = "tcp://10.200.0.1:26659";

/// The validator's end, and the directory of a signer that knows it.
pub(crate) struct Machine {
    pub(crate) tunnel: Tunnel,
    pub(crate) home: Home,
}

impl Machine {
    pub(crate) fn new() -> Self {
        let (ours, theirs) = (PrivateKey::generate(), PrivateKey::generate());
        let (ours, theirs) = (ours.unwrap(), theirs.unwrap());
        let conf = format!(
            "[Interface]\nPrivateKey = {}\nAddress = 10.200.0.1/24\n[Peer]\nPublicKey = {}\n\
             AllowedIPs = 10.200.0.2/32\n",
            theirs.to_base64_secret().as_str(),
            ours.public_key()
        );
        let spec = Conf::parse(&conf, Path::new("validator.conf"))
            .unwrap()
            .spec;
        let tunnel = Tunnel::start(&spec, &Options::default()).unwrap();
        let mut home = Home::new();
        let conf = format!(
            "[Interface]\nPrivateKey = {}\nAddress = 10.200.0.2/24\n[Peer]\nPublicKey = {}\n\
             AllowedIPs = 10.200.0.1/32\nEndpoint = 127.0.0.1:{}\nPersistentKeepalive = 25\n",
            ours.to_base64_secret().as_str(),
            theirs.public_key(),
            tunnel.port()
        );
        let file = home.path("wg0.conf");
        fs::write(&file, conf).unwrap();
        fs::set_permissions(&file, Permissions::from_mode(0o600)).unwrap();
        home.add_chain(CHAIN, "");
        // Long, because the nodes here do not ping.
        home.add_node(CHAIN, NODE, "timeout = 60");
        home.add_lines("[wireguard]\nconfig = \"wg0.conf\"");
        Self { tunnel, home }
    }

    pub(crate) fn gateway(&self, upstream: &str) -> Gateway {
        let forward = Forward {
            port: 26659,
            upstream: upstream.to_owned(),
            allowed: vec!["10.200.0.2/32".parse().unwrap()],
        };
        Gateway::start(&self.tunnel, vec![forward]).unwrap()
    }
}

/// A signer that is measured on any free port and connected to its node through tunnel and gateway.
pub(crate) struct Measured {
    pub(crate) asker: Asker,
    pub(crate) tmkms: Tmkms,
    pub(crate) home: Home,
    /// Ends last.
    pub(crate) far_end: (Tunnel, Gateway, Listener),
}

impl Measured {
    pub(crate) fn new() -> Self {
        let machine = Machine::new();
        let node = Listener::tcp().unwrap();
        let gateway = machine.gateway(&node.tcp_addr().unwrap().to_string());
        let Machine { mut home, tunnel } = machine;
        home.add_metrics();
        let tmkms = home.start();
        Self {
            asker: Asker::new(node.accept(PATIENCE).unwrap()),
            tmkms,
            home,
            far_end: (tunnel, gateway, node),
        }
    }
}

fn sign_some(asker: &mut Asker, heights: std::ops::RangeInclusive<i64>) {
    for height in heights {
        for message in [proposal, prevote, precommit] {
            asker.sign(&message(height, "a"));
        }
    }
}

#[test]
fn node_behind_the_tunnel_is_signed_for_inside_it() {
    let machine = Machine::new();
    let node = Listener::tcp().unwrap();
    let _gateway = machine.gateway(&node.tcp_addr().unwrap().to_string());
    let tmkms = machine.home.start();
    let mut asker = Asker::new(node.accept(PATIENCE).unwrap());
    sign_some(&mut asker, 1..=50);
    tmkms.wait_for("connected to validator successfully, inside the tunnel wg0");
    let peer = &machine.tunnel.status().unwrap().peers[0];
    assert!(
        peer.last_handshake.is_some() && peer.received_bytes > 1000,
        "{peer:?}"
    );
}

#[test]
fn node_that_listens_late_is_signed_for_as_soon_as_it_does() {
    let machine = Machine::new();
    let port = ReservedPort::new().unwrap();
    let _gateway = machine.gateway(&port.addr().unwrap().to_string());
    let tmkms = machine.home.start();
    tmkms.wait_for("connection refused");
    let node = port.listen().unwrap();
    let listens = Instant::now();
    let mut asker = Asker::new(node.accept(PATIENCE).unwrap());
    sign_some(&mut asker, 1..=3);
    let waited = listens.elapsed();
    assert!(
        waited.as_secs() < 3,
        "a node waits 3 s for its signer, this took {waited:?}"
    );
}

#[test]
fn node_behind_the_tunnel_is_never_dialled_outside() {
    let machine = Machine::new();
    // The address is nobody's here; a dial outside would be told as unreachable or time out with
    // the limit of the outside.
    let tmkms = machine.home.start();
    tmkms.wait_for("connection refused");
}

#[test]
fn port_that_is_in_use_ends_the_start_with_what_to_do() {
    let machine = Machine::new();
    let file = machine.home.path("wg0.conf");
    let conf = fs::read_to_string(&file).unwrap();
    let port = machine.tunnel.port();
    let listen = format!("[Interface]\nListenPort = {port}");
    fs::write(&file, conf.replacen("[Interface]", &listen, 1)).unwrap();
    let tmkms = machine.home.start();
    let ended = tmkms.wait();
    assert_eq!(ended.status.code(), Some(1));
    assert!(
        ended.says(&format!("UDP port {port} is in use")),
        "{:#?}",
        ended.lines
    );
}

#[test]
fn stopping_the_signer_ends_the_connection_at_the_node() {
    let machine = Machine::new();
    let node = Listener::tcp().unwrap();
    let _gateway = machine.gateway(&node.tcp_addr().unwrap().to_string());
    let tmkms = machine.home.start();
    let mut asker = Asker::new(node.accept(PATIENCE).unwrap());
    sign_some(&mut asker, 1..=2);
    let stopped = Instant::now();
    let ended = tmkms.stop();
    assert_eq!(ended.status.code(), Some(0), "{:#?}", ended.lines);
    assert!(asker.try_sign(&prevote(3, "a")).is_err());
    assert!(
        stopped.elapsed() < Duration::from_secs(3),
        "{:?}",
        stopped.elapsed()
    );
}
