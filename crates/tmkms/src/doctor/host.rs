//! Looks at the validator's machine: its processes, its network and those of its containers.
//!
//! Invariants:
//! - Only tables are read. The commands that are run print rules and peers, change nothing, and
//!   are given up on after [`PATIENCE`].
//! - No command is run that prints a private key (`wg show dump` does).

use std::collections::BTreeMap;
use std::fs;
use std::io::Read as _;
use std::path::Path;
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use super::path::{End, PathView, Published, WgPeer};
use super::processes::{self, Process, Proxy, Search};
use super::rules::{self, Rule};
use super::sockets::Network;

/// How long a command may take.
const PATIENCE: Duration = Duration::from_secs(5);

/// How far the node's machine could be looked at.
#[derive(Clone, Debug)]
pub(super) struct Host {
    pub(super) node: Search,
    /// The network that the node is in; this machine's where the node is not found.
    pub(super) network: Network,
    /// Whether that is a container's, seen from outside or from inside.
    pub(super) is_container: bool,
    processes: Vec<Process>,
    own: Network,
}

impl Host {
    /// Looks for the node of a home.
    ///
    /// # Errors
    /// When /proc cannot be read.
    pub(super) fn look(home: &Path) -> std::io::Result<Self> {
        let processes = processes::all();
        let own = Network::of(Path::new("/proc/self"))?;
        let node = processes::node_of(home, &processes);
        let network = match &node {
            Search::Found(process) => Network::of(&process.directory())?,
            _ => own.clone(),
        };
        let is_container = network.id != own.id || is_in_container();
        Ok(Self {
            node,
            network,
            is_container,
            processes,
            own,
        })
    }

    /// What leads to the node's port.
    pub(super) fn path(&self, port: u16) -> PathView {
        let is_found = matches!(self.node, Search::Found(_));
        PathView {
            port,
            node_listens: is_found && !self.network.listeners(port).is_empty(),
            node_is_here: is_found && self.network.id == self.own.id,
            node: match is_found {
                true => self.network.addresses.clone(),
                false => Vec::new(),
            },
            machine: self.own.addresses.clone(),
            public: self.own.public_address(),
            published: self.published(port),
            ends: self.ends(port),
            has_gateway: self.processes.iter().any(Process::is_gateway),
        }
    }

    /// Listeners of this machine in front of a node that is not here.
    fn published(&self, port: u16) -> Vec<Published> {
        if matches!(self.node, Search::Found(_)) && self.network.id == self.own.id {
            return Vec::new();
        }
        let proxies: Vec<Proxy> = self.processes.iter().filter_map(Process::proxy).collect();
        let proxies = proxies
            .into_iter()
            .filter(|proxy| proxy.container_port == port);
        let mut ports: BTreeMap<u16, Option<u32>> = BTreeMap::from([(port, None)]);
        ports.extend(proxies.map(|proxy| (proxy.host_port, Some(proxy.pid))));
        let listeners = ports.into_iter().flat_map(|(port, pid)| {
            let sockets = self.own.listeners(port).into_iter();
            sockets.map(move |socket| (socket, pid))
        });
        listeners
            .map(|(socket, pid)| Published {
                address: socket.local.ip(),
                port: socket.local.port(),
                by: self.program(socket.inode, pid),
            })
            .collect()
    }

    fn program(&self, inode: u64, proxy: Option<u32>) -> String {
        let owner = processes::owner(inode, &self.processes);
        match (owner, proxy) {
            (Some(process), _) => format!("{} (process {})", process.name(), process.pid),
            (None, Some(pid)) => format!("docker-proxy (process {pid})"),
            (None, None) => "a program".to_owned(),
        }
    }

    /// The ends of tunnels in this machine's network, and in those of its containers as far as
    /// this user may look into them.
    fn ends(&self, port: u16) -> Vec<End> {
        let mut ends = Vec::new();
        if let Some(interface) = self.own.wireguard() {
            ends.push(end(&self.own, interface, port, None));
        }
        let mut others: BTreeMap<u64, &Process> = BTreeMap::new();
        for process in &self.processes {
            if let Some(id) = process.network.filter(|id| Some(*id) != self.own.id) {
                others.entry(id).or_insert(process);
            }
        }
        for process in others.values() {
            // A container may end while it is looked at.
            if let Ok(network) = Network::of(&process.directory())
                && let Some(interface) = network.wireguard()
            {
                ends.push(end(&network, interface, port, Some(process)));
            }
        }
        ends
    }
}

/// As Docker, Podman and Kubernetes mark their containers.
fn is_in_container() -> bool {
    ["/.dockerenv", "/run/.containerenv"]
        .iter()
        .any(|file| Path::new(file).exists())
}

fn end(network: &Network, interface: &str, port: u16, inside: Option<&Process>) -> End {
    let place = inside.map_or_else(
        || "this machine".to_owned(),
        |process| {
            format!(
                "the container of {} (process {})",
                process.name(),
                process.pid
            )
        },
    );
    End {
        interface: interface.to_owned(),
        place,
        is_here: inside.is_none(),
        addresses: network.addresses_of(interface),
        forwards: forwards(inside),
        rules: read_rules(port, inside),
        peers: read_peers(interface, inside),
    }
}

fn forwards(inside: Option<&Process>) -> Option<bool> {
    const FILE: &str = "/proc/sys/net/ipv4/ip_forward";
    let text = match inside {
        None => fs::read_to_string(FILE).ok()?,
        Some(process) => run(Some(process), "cat", &[FILE]).ok()?,
    };
    Some(text.trim() != "0")
}

/// Both commands: each shows what the other does not know.
fn read_rules(port: u16, inside: Option<&Process>) -> Result<Vec<Rule>, String> {
    let iptables = run(inside, "iptables-save", &[]);
    let nft = run(inside, "nft", &["list", "ruleset"]);
    let text = match (iptables, nft) {
        (Ok(one), Ok(other)) => one + &other,
        (Ok(one), Err(_)) | (Err(_), Ok(one)) => one,
        (Err(one), Err(other)) => return Err(format!("{one}; {other}")),
    };
    Ok(rules::parse(&text, port))
}

fn read_peers(interface: &str, inside: Option<&Process>) -> Result<Vec<WgPeer>, String> {
    let show = |what: &str| run(inside, "wg", &["show", interface, what]);
    let (allowed, handshakes, transfer) = (
        show("allowed-ips")?,
        show("latest-handshakes")?,
        show("transfer")?,
    );
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    Ok(peers(
        &allowed,
        &handshakes,
        &transfer,
        now.unwrap_or_default().as_secs(),
    ))
}

/// `KEY<tab>NETWORK NETWORK`, `KEY<tab>SECONDS SINCE 1970`, `KEY<tab>RECEIVED<tab>SENT` (wg(8)).
fn peers(allowed: &str, handshakes: &str, transfer: &str, now: u64) -> Vec<WgPeer> {
    let rest = |text: &str, key: &str| -> Vec<String> {
        let mut lines = text.lines().map(|line| line.split_whitespace());
        let found = lines.find_map(|mut words| (words.next() == Some(key)).then_some(words));
        found.into_iter().flatten().map(str::to_owned).collect()
    };
    let number = |words: &[String], at: usize| -> u64 {
        words
            .get(at)
            .and_then(|word| word.parse().ok())
            .unwrap_or_default()
    };
    let keys = allowed
        .lines()
        .filter_map(|line| line.split_whitespace().next());
    keys.map(|key| {
        let handshake = number(&rest(handshakes, key), 0);
        let bytes = rest(transfer, key);
        WgPeer {
            public_key: key.to_owned(),
            allowed_ips: rest(allowed, key),
            handshake_age_s: (handshake > 0).then(|| now.saturating_sub(handshake)),
            rx_bytes: number(&bytes, 0),
            tx_bytes: number(&bytes, 1),
        }
    })
    .collect()
}

/// What a command prints, run in the network of a process.
///
/// # Errors
/// Why it prints nothing, in words.
fn run(inside: Option<&Process>, program: &str, arguments: &[&str]) -> Result<String, String> {
    let mut command = match inside {
        None => Command::new(program),
        Some(process) => {
            let mut command = Command::new("nsenter");
            command.args(["--net", "-t", &process.pid.to_string(), "--", program]);
            command
        }
    };
    let failed = |error: std::io::Error| format!("{program}: {error}");
    let mut child = command
        .args(arguments)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .map_err(failed)?;
    let Some(mut output) = child.stdout.take() else {
        return Err(format!("{program}: no output"));
    };
    let reader = thread::spawn(move || {
        let mut bytes = Vec::new();
        // What is read of a command that is ended counts for nothing.
        let _ = output.read_to_end(&mut bytes);
        bytes
    });
    let deadline = Instant::now() + PATIENCE;
    let status = loop {
        match child.try_wait().map_err(failed)? {
            Some(status) => break Some(status),
            None if Instant::now() < deadline => thread::sleep(Duration::from_millis(5)),
            None => {
                let _ = child.kill();
                let _ = child.wait();
                break None;
            }
        }
    };
    let bytes = reader.join().unwrap_or_default();
    match status {
        Some(status) if status.success() => Ok(String::from_utf8_lossy(&bytes).into_owned()),
        Some(_) => Err(format!("{program} is not permitted")),
        None => Err(format!(
            "{program} took longer than {} s",
            PATIENCE.as_secs()
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn peers_are_read_from_the_three_lists_of_wg() {
        let allowed = "K1=\t10.200.0.2/32 fd00::2/128\nK2=\t(none)\n";
        let found = peers(allowed, "K1=\t1000\nK2=\t0\n", "K1=\t5\t7\n", 1_060);
        let expected = WgPeer {
            public_key: "K1=".to_owned(),
            allowed_ips: vec!["10.200.0.2/32".to_owned(), "fd00::2/128".to_owned()],
            handshake_age_s: Some(60),
            rx_bytes: 5,
            tx_bytes: 7,
        };
        assert_eq!(found[0], expected);
        assert_eq!((found[1].handshake_age_s, found[1].rx_bytes), (None, 0));
        assert_eq!(peers("", "x", "y", 0), []);
    }

    #[test]
    fn command_that_is_missing_or_fails_is_an_answer() {
        assert_eq!(run(None, "echo", &["a"]).unwrap(), "a\n");
        assert_eq!(
            run(None, "false", &[]).unwrap_err(),
            "false is not permitted"
        );
        let missing = run(None, "no-such-program-here", &[]).unwrap_err();
        assert!(missing.starts_with("no-such-program-here: "), "{missing}");
    }
}
