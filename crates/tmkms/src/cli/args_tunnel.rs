//! The arguments of `wireguard` and `gateway`.

use std::net::IpAddr;
use std::path::PathBuf;
use std::str::FromStr;

use clap::{Parser, Subcommand, ValueHint};
use ipnet::IpNet;
use tunnel::Endpoint;
use tunnel::conf::DEFAULT_PORT;

use super::args::{ConfigFile, LogArgs};
use crate::config::{DEFAULT_LISTEN, Forward, Gateway, StatusSocket, Upstream, network};

/// `tmkms wireguard`.
#[derive(Debug, Subcommand)]
pub enum WireguardCommand {
    /// Print a new private key, as `wg genkey` does
    Genkey,
    /// Read a private key from standard input and print its public key, as `wg pubkey` does
    Pubkey,
    /// Print a new pre-shared key, as `wg genpsk` does
    Genpsk,
    /// Write the wg0.conf of both machines, with new keys
    Pair(PairArgs),
    /// Show the tunnels of the running signer or gateway, as `wg show` does
    Show(ShowArgs),
}

/// `tmkms wireguard show`.
#[derive(Debug, Parser)]
pub struct ShowArgs {
    #[command(flatten)]
    #[allow(missing_docs)]
    pub config: ConfigFile,
    /// A gateway's configuration file: ask the gateway that was started with it
    #[arg(long, value_name = "FILE", conflicts_with = "socket", value_hint = ValueHint::FilePath)]
    pub gateway: Option<PathBuf>,
    /// The status socket to ask. That of a gateway without configuration file is
    /// WG0.CONF.run/status.sock
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub socket: Option<PathBuf>,
    /// Print it as one line of JSON
    #[arg(long)]
    pub json: bool,
}

/// `tmkms wireguard pair`.
#[derive(Debug, Parser)]
pub struct PairArgs {
    /// Where the signer reaches the validator's machine over UDP: HOST or HOST:PORT
    #[arg(long, value_name = "HOST[:PORT]", value_parser = endpoint)]
    pub endpoint: Endpoint,
    /// The file to make for the signer's machine
    #[arg(long, value_name = "FILE", default_value = "signer-wg0.conf", value_hint = ValueHint::FilePath)]
    pub signer: PathBuf,
    /// The file to make for the validator's machine
    #[arg(long, value_name = "FILE", default_value = "validator-wg0.conf", value_hint = ValueHint::FilePath)]
    pub validator: PathBuf,
    /// The signer's address inside the tunnel
    #[arg(long, value_name = "ADDRESS", default_value = "10.200.0.2", value_parser = inside)]
    pub signer_address: IpAddr,
    /// The validator's address inside the tunnel
    #[arg(long, value_name = "ADDRESS", default_value = "10.200.0.1", value_parser = inside)]
    pub validator_address: IpAddr,
    /// The UDP port that the validator's machine listens on, where a router in front of it
    /// forwards another one. Without it: the port of --endpoint
    #[arg(long, value_name = "PORT", value_parser = clap::value_parser!(u16).range(1..))]
    pub listen_port: Option<u16>,
    /// The largest packet inside the tunnel, in bytes. Without it, each end finds it out
    #[arg(long, value_name = "BYTES", value_parser = clap::value_parser!(u16).range(1280..=65455))]
    pub mtu: Option<u16>,
}

/// An endpoint; without a port it is WireGuard's usual one.
fn endpoint(text: &str) -> Result<Endpoint, String> {
    let bare = text
        .parse::<IpAddr>()
        .is_ok_and(|address| address.is_ipv6());
    let text = if bare {
        format!("[{text}]:{DEFAULT_PORT}")
    } else if text.contains(':') && !text.ends_with(']') {
        text.to_owned()
    } else {
        format!("{text}:{DEFAULT_PORT}")
    };
    Endpoint::from_str(&text).map_err(|error| error.to_string())
}

/// An address that can be one inside a tunnel.
fn inside(text: &str) -> Result<IpAddr, String> {
    let network = tunnel::conf::address(text)?;
    match text.contains('/') {
        true => Err("an address without the length of its network is expected".to_owned()),
        false => Ok(network.addr()),
    }
}

/// `tmkms gateway`.
#[derive(Debug, Parser)]
pub struct GatewayArgs {
    /// The gateway's configuration file
    #[arg(
        short = 'c',
        long = "config",
        value_name = "FILE",
        default_value = "gateway.toml",
        value_hint = ValueHint::FilePath
    )]
    pub config: PathBuf,
    /// The tunnel's wg0.conf. With it, no configuration file is read
    #[arg(long, value_name = "FILE", conflicts_with = "config", value_hint = ValueHint::FilePath)]
    pub wireguard: Option<PathBuf>,
    /// A port inside the tunnel, and the node behind it. Without it: 26659=sekai.local:26659
    #[arg(
        long = "forward",
        value_name = "[PORT=]HOST:PORT",
        requires = "wireguard",
        value_parser = forward
    )]
    pub forwards: Vec<Forward>,
    /// A signer that may connect, by its address inside the tunnel. Without it: every peer
    #[arg(
        long = "allow",
        value_name = "ADDRESS[/LENGTH]",
        requires = "wireguard",
        value_parser = network
    )]
    pub allowed: Vec<IpNet>,
    /// Where the gateway tells what it does: a path for a socket, or off. Without it: in
    /// WG0.CONF.run
    #[arg(long, value_name = "FILE", requires = "wireguard", value_hint = ValueHint::FilePath)]
    pub status_socket: Option<PathBuf>,
    #[command(flatten)]
    #[allow(missing_docs)]
    pub log: LogArgs,
    /// Accept a wg0.conf that others on this machine may read (Docker Desktop's mounts)
    #[arg(long)]
    pub allow_insecure_permissions: bool,
    /// Leave the process all rights of its user, should the sandbox be in the way of forwarding
    #[arg(long)]
    pub no_sandbox: bool,
}

impl GatewayArgs {
    /// What the flags say; `None` if they name no tunnel, so that the configuration file does.
    ///
    /// # Errors
    /// What contradicts itself, as a sentence.
    pub fn gateway(&self) -> Option<Result<Gateway, String>> {
        let wireguard = self.wireguard.clone()?;
        let mut gateway = match Gateway::of_flags(wireguard, self.forwards.clone()) {
            Ok(gateway) => gateway,
            wrong => return Some(wrong),
        };
        if !self.allowed.is_empty() {
            for forward in &mut gateway.forwards {
                forward.allowed = Some(self.allowed.clone());
            }
        }
        gateway.status = match &self.status_socket {
            None => StatusSocket::Default,
            Some(off) if off.as_os_str() == "off" => StatusSocket::Off,
            Some(path) => StatusSocket::At(path.clone()),
        };
        Some(Ok(gateway))
    }
}

/// `26659=sekai.local:26659`, or the node alone.
fn forward(text: &str) -> Result<Forward, String> {
    let (port, node) = match text.split_once('=') {
        Some((port, node)) => (listen(port)?, node),
        None => (DEFAULT_LISTEN, text),
    };
    Ok(Forward {
        listen: port,
        upstream: node.parse::<Upstream>()?,
        allowed: None,
    })
}

fn listen(text: &str) -> Result<u16, String> {
    let digits = text.chars().all(|c| c.is_ascii_digit());
    let port = text.parse().ok().filter(|port| *port > 0 && digits);
    port.ok_or_else(|| "the port before = goes from 1 to 65535".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn gateway(words: &[&str]) -> Result<Gateway, String> {
        let words = ["gateway"].iter().chain(words);
        let args = GatewayArgs::try_parse_from(words).map_err(|error| error.to_string())?;
        args.gateway().expect("a tunnel is named")
    }

    fn shown(gateway: &Gateway) -> Vec<String> {
        let forwards = gateway.forwards.iter();
        forwards
            .map(|forward| {
                format!(
                    "{} {} {:?}",
                    forward.listen, forward.upstream, forward.allowed
                )
            })
            .collect()
    }

    #[test]
    fn without_flags_the_file_decides() {
        let args = GatewayArgs::try_parse_from(["gateway"]).unwrap();
        assert!(args.gateway().is_none());
        assert_eq!(args.config, PathBuf::from("gateway.toml"));
    }

    #[test]
    fn a_tunnel_alone_forwards_to_sekai() {
        let gateway = gateway(&["--wireguard", "wg0.conf"]).unwrap();
        assert_eq!(gateway.wireguard, PathBuf::from("wg0.conf"));
        assert_eq!(shown(&gateway), ["26659 sekai.local:26659 None"]);
    }

    #[test]
    fn several_forwards_and_signers_are_taken() {
        let gateway = gateway(&[
            "--wireguard",
            "wg0.conf",
            "--forward",
            "a:1",
            "--forward",
            "2=[fd00::1]:3",
            "--allow",
            "10.200.0.2",
            "--allow",
            "fd00::/64",
        ])
        .unwrap();
        assert_eq!(
            shown(&gateway),
            [
                "26659 a:1 Some([10.200.0.2/32, fd00::/64])",
                "2 [fd00::1]:3 Some([10.200.0.2/32, fd00::/64])"
            ]
        );
    }

    #[test]
    fn contradictions_and_mistakes_are_named() {
        let wg = ["--wireguard", "wg0.conf"];
        for (more, part) in [
            (
                vec!["--forward", "a:1", "--forward", "b:1"],
                "port 26659 is forwarded twice",
            ),
            (
                vec!["--forward", "1=a:1", "--forward", "2=a:1"],
                "a:1 stands behind two ports, but a node serves one signer connection",
            ),
            (
                vec!["--forward", "0=a:1"],
                "the port before = goes from 1 to 65535",
            ),
            (vec!["--forward", "a"], "the port is missing"),
            (
                vec!["--forward", "unix:///a"],
                "expected HOST:PORT and nothing else",
            ),
            (
                vec!["--allow", "10.200.0"],
                "expected an address or a network",
            ),
            (vec!["-c", "gateway.toml"], "cannot be used with"),
        ] {
            let words: Vec<&str> = wg.into_iter().chain(more).collect();
            let error = gateway(&words).unwrap_err();
            assert!(error.contains(part), "{words:?}: {error}");
        }
        let error = GatewayArgs::try_parse_from(["gateway", "--allow", "10.200.0.2"]).unwrap_err();
        assert!(error.to_string().contains("--wireguard <FILE>"), "{error}");
    }

    #[test]
    fn an_endpoint_may_leave_its_port_out() {
        for (text, read) in [
            ("validator.example.com", "validator.example.com:51820"),
            ("validator.example.com:1", "validator.example.com:1"),
            ("203.0.113.7", "203.0.113.7:51820"),
            ("2001:db8::1", "[2001:db8::1]:51820"),
            ("[2001:db8::1]", "[2001:db8::1]:51820"),
            ("[2001:db8::1]:7", "[2001:db8::1]:7"),
        ] {
            assert_eq!(endpoint(text).map(|e| e.to_string()), Ok(read.to_owned()));
        }
        assert!(endpoint("0.0.0.0").is_err() && endpoint("a:0").is_err() && endpoint("").is_err());
    }
}
