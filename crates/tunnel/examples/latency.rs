//! What a tunnel, and a gateway with it, adds to a request and its answer: two tunnels of this
//! process over the loopback, beside plain TCP. `cargo run --release -p tunnel --example latency -- [exchanges] [pause_ms]`

use std::io::{Read, Write};
use std::net::{IpAddr, SocketAddr, TcpListener, TcpStream};
use std::time::{Duration, Instant};

use tunnel::gateway::{Forward, Gateway};
use tunnel::{Endpoint, Host, Interface, Options, Peer, PrivateKey, Spec, Tunnel};

type Failure = Box<dyn std::error::Error>;

/// A frame of SecretConnection.
const LEN: usize = 1044;

const DIAL_TIMEOUT: Duration = Duration::from_secs(4);

fn main() -> Result<(), Failure> {
    let mut args = std::env::args().skip(1);
    let exchanges = args.next().map_or(Ok(2000), |n| n.parse())?;
    let pause = Duration::from_millis(args.next().map_or(Ok(1), |n| n.parse())?);

    let plain = TcpListener::bind("127.0.0.1:0")?;
    let dialled = TcpStream::connect(plain.local_addr()?)?;
    dialled.set_nodelay(true)?;
    let (accepted, _) = plain.accept()?;
    accepted.set_nodelay(true)?;
    report("TCP", &measure(&dialled, accepted, exchanges, pause)?)?;

    let one = start(1, None)?;
    let two = start(2, Some(SocketAddr::new([127, 0, 0, 1].into(), one.port())))?;
    let listener = one.listen(26659, Vec::new())?;
    let inside = |port| SocketAddr::new([10, 97, 0, 1].into(), port);
    let dialled = two.connect(inside(26659), DIAL_TIMEOUT)?;
    let accepted = listener.accept()?;
    report("tunnel", &measure(&dialled, accepted, exchanges, pause)?)?;

    let node = TcpListener::bind("127.0.0.1:0")?;
    let forward = Forward {
        port: 26660,
        upstream: node.local_addr()?.to_string(),
        allowed: vec![IpAddr::from([10, 97, 0, 2]).into()],
    };
    let _gateway = Gateway::start(&one, vec![forward])?;
    let signer = two.connect(inside(26660), DIAL_TIMEOUT)?;
    let (accepted, _) = node.accept()?;
    accepted.set_nodelay(true)?;
    // The node asks, the signer answers.
    report(
        "gateway and signer",
        &measure(&accepted, signer, exchanges, pause)?,
    )?;
    Ok(())
}

fn start(side: u8, endpoint: Option<SocketAddr>) -> Result<Tunnel, Failure> {
    let other = 3 - side;
    let key = |n| PrivateKey::from_bytes([n; 32]);
    let address = |n| IpAddr::from([10, 97, 0, n]).into();
    let spec = Spec {
        interface: Interface {
            private_key: key(side),
            addresses: vec![address(side)],
            listen_port: None,
            mtu: None,
        },
        peers: vec![Peer {
            public_key: key(other).public_key(),
            preshared_key: None,
            allowed_ips: vec![address(other)],
            endpoint: endpoint.map(|at| Endpoint {
                host: Host::Address(at.ip()),
                port: at.port(),
            }),
            persistent_keepalive_s: None,
        }],
    };
    let name = format!("side {side}");
    Ok(Tunnel::start(&spec, &Options { name })?)
}

/// Sends from one end, has the other echo, and gives how long each exchange took.
fn measure<S, T>(
    near: S,
    far: T,
    exchanges: usize,
    pause: Duration,
) -> Result<Vec<Duration>, Failure>
where
    S: Copy,
    for<'a> S: Read + Write,
    T: Read + Write + Send + 'static,
{
    let mut near = near;
    let mut far = far;
    let echo = std::thread::spawn(move || {
        let mut buffer = [0; LEN];
        while far.read_exact(&mut buffer).is_ok() && far.write_all(&buffer).is_ok() {}
    });
    let mut buffer = [7; LEN];
    let mut took = Vec::with_capacity(exchanges);
    for _ in 0..exchanges {
        let begun = Instant::now();
        near.write_all(&buffer)?;
        near.read_exact(&mut buffer)?;
        took.push(begun.elapsed());
        std::thread::sleep(pause);
    }
    drop(echo);
    took.sort();
    Ok(took)
}

fn report(name: &str, took: &[Duration]) -> Result<(), Failure> {
    let at = |of_1000: usize| {
        took.get(took.len() * of_1000 / 1000)
            .copied()
            .unwrap_or_default()
    };
    let mut out = std::io::stdout();
    writeln!(out, "{name}: p50 {:?}, p99 {:?}", at(500), at(990))?;
    Ok(())
}
