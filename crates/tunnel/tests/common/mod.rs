//! Two ends of a tunnel over the loopback.
#![allow(dead_code, reason = "each test file uses its part")]

use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tunnel::{Endpoint, Host, Interface, Options, Peer, PrivateKey, Spec, Tunnel};

/// Where the reachable end listens in these tests.
pub(crate) const PORT: u16 = 26659;

pub(crate) fn key(n: u8) -> PrivateKey {
    PrivateKey::from_bytes([n; 32])
}

/// Side 1 is 10.97.0.1 and fd97::1, side 2 is 10.97.0.2 and fd97::2; the other is its peer.
pub(crate) fn spec(side: u8, endpoint: Option<SocketAddr>) -> Spec {
    let other = 3 - side;
    let net = |text: String| text.parse().unwrap();
    Spec {
        interface: Interface {
            private_key: key(side),
            addresses: vec![
                net(format!("10.97.0.{side}/24")),
                net(format!("fd97::{side}/64")),
            ],
            listen_port: None,
            mtu: None,
        },
        peers: vec![Peer {
            public_key: key(other).public_key(),
            preshared_key: None,
            allowed_ips: vec![
                net(format!("10.97.0.{other}/32")),
                net(format!("fd97::{other}/128")),
            ],
            endpoint: endpoint.map(|at| Endpoint {
                host: Host::Address(at.ip()),
                port: at.port(),
            }),
            persistent_keepalive_s: None,
        }],
    }
}

pub(crate) fn start(side: u8, endpoint: Option<SocketAddr>) -> Tunnel {
    let options = Options {
        name: format!("side {side}"),
    };
    Tunnel::start(&spec(side, endpoint), &options).unwrap()
}

/// Side 1, which is reachable, and side 2, which dials.
pub(crate) fn pair() -> (Tunnel, Tunnel) {
    pair_over("127.0.0.1".parse().unwrap())
}

pub(crate) fn pair_over(loopback: IpAddr) -> (Tunnel, Tunnel) {
    let one = start(1, None);
    let two = start(2, Some(SocketAddr::new(loopback, one.port())));
    (one, two)
}

pub(crate) fn inside(side: u8) -> SocketAddr {
    SocketAddr::new(IpAddr::from([10, 97, 0, side]), PORT)
}

/// Carries datagrams between one client and a server until it is cut.
pub(crate) struct Relay {
    pub(crate) address: SocketAddr,
    cut: Arc<AtomicBool>,
}

impl Relay {
    pub(crate) fn to(server: SocketAddr) -> Self {
        let near = UdpSocket::bind("127.0.0.1:0").unwrap();
        let far = UdpSocket::bind("127.0.0.1:0").unwrap();
        far.connect(server).unwrap();
        let address = near.local_addr().unwrap();
        let cut = Arc::new(AtomicBool::new(false));
        let client = Arc::new(Mutex::new(None));
        for socket in [&near, &far] {
            let timeout = Some(Duration::from_millis(20));
            socket.set_read_timeout(timeout).unwrap();
        }
        let (near, far) = (Arc::new(near), Arc::new(far));
        let there = (Arc::clone(&near), Arc::clone(&far));
        let (at, is_cut) = (Arc::clone(&client), Arc::clone(&cut));
        std::thread::spawn(move || {
            let mut buffer = [0; 2000];
            while !is_cut.load(Ordering::Relaxed) {
                if let Ok((len, from)) = there.0.recv_from(&mut buffer) {
                    *at.lock().unwrap() = Some(from);
                    let _ = there.1.send(&buffer[..len]);
                }
            }
        });
        let is_cut = Arc::clone(&cut);
        std::thread::spawn(move || {
            let mut buffer = [0; 2000];
            while !is_cut.load(Ordering::Relaxed) {
                let back = *client.lock().unwrap();
                if let (Ok(len), Some(back)) = (far.recv(&mut buffer), back) {
                    let _ = near.send_to(&buffer[..len], back);
                }
            }
        });
        Self { address, cut }
    }

    pub(crate) fn cut(&self) {
        self.cut.store(true, Ordering::Relaxed);
    }
}

impl Drop for Relay {
    fn drop(&mut self) {
        self.cut();
    }
}
