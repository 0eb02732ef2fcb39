//! WireGuard as others make it: wireguard-go with a TUN device, set up by wg(8) and ip(8).

use std::fmt::Write as _;
use std::fs;
use std::net::Ipv4Addr;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use interop::Process;

use crate::namespace::{Namespace, run};
use crate::setup::Mistake;
use crate::wait::until;
use crate::world::{TUNNEL_SIGNER, TUNNEL_VALIDATOR, VALIDATOR_NAME, WIREGUARD_PORT};
use crate::{Outcome, doing};

/// Where wireguard-go listens for wg(8). One folder for all namespaces, so names of devices have
/// to differ.
pub const SOCKETS: &str = "/var/run/wireguard";
/// wireguard-go is up in some tens of ms.
const PATIENCE: Duration = Duration::from_secs(10);

/// A key pair, in base64.
#[derive(Clone, Debug)]
pub struct Keys {
    private: String,
    public: String,
}

impl Keys {
    /// Fresh ones, by wg(8).
    ///
    /// # Errors
    /// What `wg` says.
    pub fn generate() -> Outcome<Self> {
        let private = run(Command::new("wg").arg("genkey"), "")?;
        let public = run(Command::new("wg").arg("pubkey"), &private)?;
        Ok(Self {
            private: private.trim().to_owned(),
            public: public.trim().to_owned(),
        })
    }
}

fn generate_preshared_key() -> Outcome<String> {
    Ok(run(Command::new("wg").arg("genpsk"), "")?.trim().to_owned())
}

/// One machine's wg0.conf.
#[derive(Clone, Debug)]
pub struct Conf {
    /// `PrivateKey` and the public key that belongs to it.
    pub keys: Keys,
    /// `Address`.
    pub address: Ipv4Addr,
    /// `ListenPort`.
    pub listen_port: Option<u16>,
    /// `MTU`.
    pub mtu: Option<u16>,
    /// `PublicKey` of the other end.
    pub peer: String,
    /// `PresharedKey`.
    pub preshared_key: String,
    /// `AllowedIPs`.
    pub allowed_ips: String,
    /// `Endpoint`.
    pub endpoint: Option<String>,
    /// `PersistentKeepalive`, in seconds.
    pub keepalive_s: Option<u16>,
}

impl Conf {
    /// The files of the signer's and of the validator's machine.
    ///
    /// # Errors
    /// What `wg` says.
    pub fn pair() -> Outcome<(Self, Self)> {
        let (signer, validator) = (Keys::generate()?, Keys::generate()?);
        let preshared_key = generate_preshared_key()?;
        let of_signer = Self {
            address: TUNNEL_SIGNER,
            listen_port: None,
            mtu: None,
            peer: validator.public.clone(),
            preshared_key: preshared_key.clone(),
            allowed_ips: format!("{TUNNEL_VALIDATOR}/32"),
            endpoint: Some(format!("{VALIDATOR_NAME}:{WIREGUARD_PORT}")),
            keepalive_s: Some(25),
            keys: signer.clone(),
        };
        let of_validator = Self {
            address: TUNNEL_VALIDATOR,
            listen_port: Some(WIREGUARD_PORT),
            mtu: None,
            peer: signer.public,
            preshared_key,
            allowed_ips: format!("{TUNNEL_SIGNER}/32"),
            endpoint: None,
            keepalive_s: None,
            keys: validator,
        };
        Ok((of_signer, of_validator))
    }

    /// Writes it as wg-quick(8) reads it, to be read by `owner` only.
    ///
    /// # Errors
    /// What the system says.
    pub fn write_quick(&self, path: &Path, owner: u32) -> Outcome {
        let mut interface = format!("Address = {}/24\n", self.address);
        if let Some(mtu) = self.mtu {
            interface += &format!("MTU = {mtu}\n");
        }
        write_secret(path, &self.text(&interface), owner)
    }

    /// Makes one line wrong.
    ///
    /// # Errors
    /// What `wg` says.
    pub fn spoil(&mut self, mistake: Mistake) -> Outcome {
        match mistake {
            Mistake::Key => self.keys = Keys::generate()?,
            Mistake::PresharedKey => self.preshared_key = generate_preshared_key()?,
            Mistake::AllowedIps | Mistake::TheirAllowedIps => {
                self.allowed_ips = "10.200.9.0/24".to_owned();
            }
            Mistake::ClosedPort => {
                self.endpoint = Some(format!("{VALIDATOR_NAME}:{}", WIREGUARD_PORT + 1));
            }
        }
        Ok(())
    }

    /// `interface` is what only wg-quick(8) understands of the first section.
    fn text(&self, interface: &str) -> String {
        let mut text = format!("[Interface]\nPrivateKey = {}\n", self.keys.private);
        text += interface;
        // Writing to a string does not fail.
        if let Some(port) = self.listen_port {
            let _ = writeln!(text, "ListenPort = {port}");
        }
        let _ = writeln!(text, "\n[Peer]\nPublicKey = {}", self.peer);
        let _ = writeln!(text, "PresharedKey = {}", self.preshared_key);
        let _ = writeln!(text, "AllowedIPs = {}", self.allowed_ips);
        if let Some(endpoint) = &self.endpoint {
            let _ = writeln!(text, "Endpoint = {endpoint}");
        }
        if let Some(seconds) = self.keepalive_s {
            let _ = writeln!(text, "PersistentKeepalive = {seconds}");
        }
        text
    }
}

fn write_secret(path: &Path, text: &str, owner: u32) -> Outcome {
    let write = || {
        fs::write(path, text)?;
        fs::set_permissions(path, fs::Permissions::from_mode(0o600))?;
        std::os::unix::fs::chown(path, Some(owner), Some(owner))
    };
    write().map_err(doing(&format!("write {}", path.display())))
}

/// wireguard-go with its TUN device in a namespace. It ends when dropped.
pub struct Device {
    /// wireguard-go.
    pub process: Process,
    /// The interface.
    pub name: String,
}

impl Device {
    /// Starts it and waits until it is set up. `role` goes into its name, so it is one letter.
    ///
    /// # Errors
    /// When it does not come up, or what the tools say.
    pub fn start(namespace: &Namespace, role: char, conf: &Conf, dir: &Path) -> Outcome<Self> {
        let name = format!("wg{role}{}", std::process::id());
        let socket = Path::new(SOCKETS).join(format!("{name}.sock"));
        // One that was killed leaves it behind.
        let _ = fs::remove_file(&socket);
        let log = dir.join(format!("wireguard-{role}.log"));
        let mut command = namespace.command(Path::new("wireguard-go"));
        command.args(["-f", &name]).env("LOG_LEVEL", "verbose");
        let process = Process::start("wireguard-go", &mut command, &log);
        let device = Self { process, name };
        until("wireguard-go is up", PATIENCE, || {
            device.exists(namespace, &socket).then_some(())
        })?;
        device.set_up(namespace, conf, dir)?;
        Ok(device)
    }

    fn exists(&self, namespace: &Namespace, socket: &Path) -> bool {
        socket.exists() && namespace.ip(&format!("link show {}", self.name)).is_ok()
    }

    fn set_up(&self, namespace: &Namespace, conf: &Conf, dir: &Path) -> Outcome {
        let name = &self.name;
        let file: PathBuf = dir.join(format!("{name}.conf"));
        write_secret(&file, &conf.text(""), 0)?;
        namespace.run("wg", &["setconf", name, &file.display().to_string()])?;
        let mtu = conf.mtu.unwrap_or(1420);
        namespace.ip(&format!(
            "address add {}/24 dev {name}\nlink set {name} mtu {mtu} up",
            conf.address
        ))
    }
}

/// The process id in the name of a socket of ours: `wgs123.sock`.
pub fn owner(name: &str) -> Option<&str> {
    let rest = name
        .strip_prefix("wgs")
        .or_else(|| name.strip_prefix("wgv"))?;
    let id = rest.strip_suffix(".sock")?;
    (!id.is_empty() && id.bytes().all(|b| b.is_ascii_digit())).then_some(id)
}

impl Drop for Device {
    fn drop(&mut self) {
        self.process.kill();
        // It does that by itself unless it is killed.
        let _ = fs::remove_file(Path::new(SOCKETS).join(format!("{}.sock", self.name)));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sockets_of_others_have_no_owner_here() {
        assert_eq!(owner("wgs123.sock"), Some("123"));
        for foreign in ["wg0.sock", "wgs.sock", "wgs1a.sock", "wgs123"] {
            assert_eq!(owner(foreign), None, "{foreign}");
        }
    }
}
