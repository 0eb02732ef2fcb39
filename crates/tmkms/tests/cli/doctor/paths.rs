//! What happens to datagrams between the two ends of a tunnel.

use std::net::{SocketAddr, UdpSocket};
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use tunnel::Tunnel;

use super::Diagnosis;
use super::tunnels::{validator, wait_for, with_tunnel};
use crate::home::Home;
use crate::signer::Signer;

/// Where a datagram goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum To {
    Validator,
    Signer,
}

/// Whether a datagram of so many bytes gets through.
type Passes = fn(To, usize) -> bool;

/// A network between the signer and the validator's end.
struct Network {
    /// Swallows everything.
    is_cut: Arc<AtomicBool>,
    ended: Arc<AtomicBool>,
}

impl Network {
    /// The signer's file leads to it.
    fn before(home: &Home, validator: &Tunnel, passes: Passes) -> Self {
        let near = UdpSocket::bind("127.0.0.1:0").unwrap();
        let far = UdpSocket::bind("127.0.0.1:0").unwrap();
        far.connect(("127.0.0.1", validator.port())).unwrap();
        let port = near.local_addr().unwrap().port();
        home.must(&format!(
            "sed -i 's/^Endpoint = .*/Endpoint = 127.0.0.1:{port}/' kms/wg0.conf"
        ));
        let (is_cut, ended) = (Arc::<AtomicBool>::default(), Arc::<AtomicBool>::default());
        let signer = Arc::<Mutex<Option<SocketAddr>>>::default();
        let [near_too, far_too] = [&near, &far].map(|it| it.try_clone().unwrap());
        let (from, cut) = (Arc::clone(&signer), Arc::clone(&is_cut));
        carry(near_too, Arc::clone(&ended), move |datagram, at| {
            *from.lock().unwrap() = Some(at);
            if !cut.load(SeqCst) && passes(To::Validator, datagram.len()) {
                let _ = far_too.send(datagram);
            }
        });
        let cut = Arc::clone(&is_cut);
        carry(far, Arc::clone(&ended), move |datagram, _| {
            if !cut.load(SeqCst)
                && let Some(signer) = *signer.lock().unwrap()
                && passes(To::Signer, datagram.len())
            {
                let _ = near.send_to(datagram, signer);
            }
        });
        Self { is_cut, ended }
    }
}

impl Drop for Network {
    fn drop(&mut self) {
        self.ended.store(true, SeqCst);
    }
}

fn carry(
    socket: UdpSocket,
    is_over: Arc<AtomicBool>,
    take: impl Fn(&[u8], SocketAddr) + Send + 'static,
) {
    socket
        .set_read_timeout(Some(Duration::from_millis(20)))
        .unwrap();
    thread::spawn(move || {
        let mut buffer = [0; 2048];
        while !is_over.load(SeqCst) {
            if let Ok((len, at)) = socket.recv_from(&mut buffer) {
                take(&buffer[..len], at);
            }
        }
    });
}

/// A signer behind such a network. The node does not listen inside.
fn behind(passes: Passes) -> (Home, Tunnel, Network) {
    let home = with_tunnel("10.200.0.1");
    let validator = validator(&home);
    let network = Network::before(&home, &validator, passes);
    (home, validator, network)
}

/// WireGuard takes 32 bytes of a datagram, so 1216 is the largest size that is tried and fits.
fn narrow(_: To, len: usize) -> bool {
    len <= 1_216 + 32
}

#[test]
fn size_of_the_path_is_measured_by_the_running_signer_and_by_connecting() {
    let (home, _validator, _network) = behind(narrow);
    let signer = Signer::start(&home, &[]);
    wait_for(&home, "wireguard.mtu")
        .tells("wireguard.mtu", "carries packets of 1216 bytes inside")
        .lacks("wireguard.mtu_too_large");
    signer.stop();
    Diagnosis::of(&home, &["--connect"])
        .tells("wireguard.handshake", "bytes received")
        .tells("wireguard.mtu", "carries packets of 1216 bytes inside")
        .tells("connect.fails", "connection refused");
}

#[test]
fn configured_mtu_that_the_path_does_not_carry_is_told() {
    let (home, _validator, _network) = behind(narrow);
    home.must("sed -i 's/^Address/MTU = 1420\\nAddress/' kms/wg0.conf");
    let is_told = |found: &Diagnosis| {
        found
            .has("wireguard.mtu_too_large", "broken", "MTU = 1216")
            .tells(
                "wireguard.mtu_too_large",
                "MTU = 1420 is configured, and the path carries packets of 1216 bytes",
            )
            .lacks("wireguard.mtu");
    };
    let mut signer = Signer::start(&home, &[]);
    is_told(&wait_for(&home, "wireguard.mtu_too_large"));
    signer.wait_for("carries an MTU of 1216 only, as measured, and MTU = 1420 is configured");
    let status = home.tmkms(&["status", "-c", "kms/tmkms.toml"]).stdout;
    assert!(
        status.contains("1420, and the path carries 1216 only"),
        "{status}"
    );
    signer.stop();
    is_told(&Diagnosis::of(&home, &["--connect"]));
    home.must("sed -i 's/^MTU = .*/MTU = 1216/' kms/wg0.conf");
    Diagnosis::of(&home, &["--connect"])
        .tells("wireguard.mtu", "carries packets of 1216 bytes")
        .lacks("wireguard.mtu_too_large");
}

#[test]
fn path_that_carries_no_probe_is_told() {
    let (home, _validator, _network) = behind(|_, len| len <= 1_000);
    let _signer = Signer::start(&home, &[]);
    wait_for(&home, "wireguard.mtu_unmeasured").has(
        "wireguard.mtu_unmeasured",
        "warning",
        "let ICMP echo requests in",
    );
}

/// The way there is open, the way back is not.
#[test]
fn tunnel_from_which_nothing_comes_back_is_told() {
    let (home, validator, _network) = behind(|to, _| to == To::Validator);
    let _signer = Signer::start(&home, &[]);
    let closed = "is UDP let in at 127.0.0.1:";
    wait_for(&home, "wireguard.no_handshake").has("wireguard.no_handshake", "broken", closed);
    wait_for(&home, "wireguard.trouble")
        .has("wireguard.trouble", "broken", "UDP let through")
        .tells("wireguard.trouble", "no answer from peer");
    let peer = &validator.status().unwrap().peers[0];
    assert!(peer.received_bytes > 0, "{peer:?}");
}

#[test]
fn other_end_that_is_gone_is_told() {
    let (home, _validator, network) = behind(|_, _| true);
    let _signer = Signer::start(&home, &[]);
    wait_for(&home, "wireguard.handshake").lacks("wireguard.trouble");
    network.is_cut.store(true, SeqCst);
    wait_for(&home, "wireguard.trouble")
        .has("wireguard.trouble", "broken", "is WireGuard running there")
        .lacks("wireguard.handshake");
}

#[test]
fn allowed_ips_of_the_other_end_that_do_not_cover_the_signer_are_told() {
    let home = with_tunnel("10.200.0.1");
    home.must("sed -i 's#^AllowedIPs = .*#AllowedIPs = 10.200.0.9/32#' v.conf");
    let _validator = validator(&home);
    let _signer = Signer::start(&home, &[]);
    wait_for(&home, "wireguard.one_way")
        .has("wireguard.one_way", "broken", "does AllowedIPs there hold")
        .tells(
            "wireguard.one_way",
            "makes handshakes but answers no packet",
        );
}
