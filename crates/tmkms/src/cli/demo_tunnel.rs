//! What `tmkms demo --tunnel` has besides: WireGuard between the signer and the made-up node, both
//! ends in this process, over the loopback.

use std::fs;
use std::io::Write as _;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::Path;

use ipnet::IpNet;
use keys::{Overwrite, write_secret_file};
use tunnel::gateway::{Forward, Gateway};
use tunnel::{Endpoint, Host, Interface, Options, Peer, PresharedKey, PrivateKey, Spec, Tunnel};

use super::{Failure, Outcome};
use crate::config::DEFAULT_LISTEN;

const SIGNER: IpAddr = IpAddr::V4(Ipv4Addr::new(10, 200, 0, 2));
const VALIDATOR: IpAddr = IpAddr::V4(Ipv4Addr::new(10, 200, 0, 1));

/// The node as the signer dials it.
pub(super) const NODE: SocketAddr = SocketAddr::new(VALIDATOR, DEFAULT_LISTEN);

/// The validator's end: a tunnel, and a gateway before the node.
pub(super) struct ValidatorSide {
    gateway: Gateway,
    tunnel: Tunnel,
}

impl ValidatorSide {
    /// Starts it before this node, and puts the signer's wg0.conf into its home.
    pub(super) fn start(home: &Path, node: SocketAddr) -> Result<Self, Failure> {
        let (signer, validator) = (PrivateKey::generate()?, PrivateKey::generate()?);
        let preshared = PresharedKey::generate()?;
        let to_signer = peer(&signer, &preshared, SIGNER, None);
        let options = Options {
            name: "demo-gateway".to_owned(),
        };
        let tunnel = Tunnel::start(&spec(&validator, VALIDATOR, to_signer), &options)?;
        let endpoint = Endpoint {
            host: Host::Address(Ipv4Addr::LOCALHOST.into()),
            port: tunnel.port(),
        };
        let to_validator = peer(&validator, &preshared, VALIDATOR, Some(endpoint));
        let conf = spec(&signer, SIGNER, to_validator).to_conf_secret();
        write_secret_file(&home.join("wg0.conf"), conf.as_bytes(), Overwrite::Refuse)?;
        let forward = Forward {
            port: NODE.port(),
            upstream: node.to_string(),
            allowed: vec![SIGNER.into()],
        };
        let gateway = Gateway::start(&tunnel, vec![forward])?;
        Ok(Self { gateway, tunnel })
    }

    /// Ends both.
    pub(super) fn stop(self) {
        self.gateway.stop();
        self.tunnel.stop();
    }
}

/// Has the signer dial through the tunnel.
pub(super) fn configure(file: &Path) -> Outcome {
    let mut file = fs::OpenOptions::new().append(true).open(file)?;
    Ok(file.write_all(b"\n[wireguard]\nconfig = \"wg0.conf\"\n")?)
}

fn spec(key: &PrivateKey, address: IpAddr, peer: Peer) -> Spec {
    Spec {
        interface: Interface {
            private_key: key.clone(),
            addresses: vec![IpNet::from(address)],
            listen_port: None,
            mtu: None,
        },
        peers: vec![peer],
    }
}

fn peer(
    key: &PrivateKey,
    preshared: &PresharedKey,
    address: IpAddr,
    endpoint: Option<Endpoint>,
) -> Peer {
    Peer {
        public_key: key.public_key(),
        preshared_key: Some(preshared.clone()),
        allowed_ips: vec![IpNet::from(address)],
        endpoint,
        persistent_keepalive_s: None,
    }
}
