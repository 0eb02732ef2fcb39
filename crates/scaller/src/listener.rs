//! How far a starting sekaid is with its signer, seen from outside.
//!
//! The kernel's tables of sockets tell whether it listens and whether somebody is connected.
//! Connecting to see would be wrong: sekaid serves one connection and takes it for its signer.

use std::fs;
use std::io;
use std::os::unix::fs::FileTypeExt as _;
use std::path::{Path, PathBuf};

use crate::failure::Failure;

/// How far sekaid came.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Stage {
    /// It does not listen for a signer yet.
    Starting,
    /// It listens, and nobody has come.
    Listening,
    /// Somebody is connected.
    Connected,
    /// It has the public key and runs: its RPC or its port for peers is open.
    Running,
}

/// Where sekaid waits for its signer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Address {
    /// `tcp://HOST:PORT`; only the port tells sockets apart well enough.
    Tcp(u16),
    /// `unix://PATH`.
    Unix(PathBuf),
}

/// The sockets to look for.
#[derive(Debug)]
pub(crate) struct Watch {
    /// `priv_validator_laddr`.
    pub(crate) signer: Address,
    /// Ports that are open once sekaid runs.
    pub(crate) running: Vec<u16>,
}

impl Address {
    /// Reads the value of `priv_validator_laddr`.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        if let Some(path) = text.strip_prefix("unix://") {
            return if path.is_empty() {
                Err("has no path behind unix://".to_owned())
            } else {
                Ok(Self::Unix(PathBuf::from(path)))
            };
        }
        // Without a scheme it means TCP, as in CometBFT.
        let rest = text.strip_prefix("tcp://").unwrap_or(text);
        let (_, port) = rest.rsplit_once(':').ok_or("has no port")?;
        if text.contains("://") && !text.starts_with("tcp://") {
            return Err("is neither tcp://HOST:PORT nor unix://PATH".to_owned());
        }
        match port.parse() {
            Ok(0) | Err(_) => Err(format!("has {port} where a port number is expected")),
            Ok(port) => Ok(Self::Tcp(port)),
        }
    }

    /// What the kernel shows now of the signer's socket.
    pub(crate) fn seen(&self) -> io::Result<Stage> {
        Ok(self.look(&Sockets::read()?))
    }

    fn look(&self, sockets: &Sockets) -> Stage {
        let (listens, connected) = match self {
            Self::Tcp(port) => (sockets.listens(*port), sockets.is_connected(*port)),
            Self::Unix(path) => sockets.unix(path),
        };
        match (listens, connected) {
            (_, true) => Stage::Connected,
            (true, false) => Stage::Listening,
            (false, false) => Stage::Starting,
        }
    }

    /// Before a start: nobody else may have the place.
    ///
    /// A Unix socket that nobody listens on is left from an earlier run, and sekaid refuses to
    /// start over it; it is removed.
    pub(crate) fn make_room(&self) -> Result<(), Failure> {
        let sockets = Sockets::read()
            .map_err(|error| Failure::new(format!("cannot see which ports are in use: {error}")))?;
        if self.is_taken(&sockets) {
            return Err(Failure::new(self.taken()));
        }
        if let Self::Unix(path) = self {
            remove_stale(path)?;
        }
        Ok(())
    }

    /// A connection that is being torn down does not count, a listener does.
    fn is_taken(&self, sockets: &Sockets) -> bool {
        match self {
            Self::Tcp(port) => sockets.listens(*port),
            Self::Unix(path) => sockets.unix(path).0,
        }
    }

    fn taken(&self) -> String {
        match self {
            Self::Tcp(port) => format!(
                "port {port}, on which sekaid is to wait for its signer, is in use by another \
                 process (`ss -ltnp` shows which). End that one, or choose another port with \
                 `scaller remote-signer enable --listen`"
            ),
            Self::Unix(path) => format!(
                "another process listens on {}, where sekaid is to wait for its signer",
                path.display()
            ),
        }
    }
}

impl Watch {
    /// What the kernel shows now. It is below what was seen before where a connection has ended;
    /// callers keep the highest.
    pub(crate) fn look(&self) -> io::Result<Stage> {
        let sockets = Sockets::read()?;
        if self.running.iter().any(|port| sockets.listens(*port)) {
            return Ok(Stage::Running);
        }
        Ok(self.signer.look(&sockets))
    }
}

fn remove_stale(path: &Path) -> Result<(), Failure> {
    match fs::symlink_metadata(path) {
        Ok(found) if found.file_type().is_socket() => fs::remove_file(path)
            .map_err(|error| Failure::file("remove the stale socket", path, &error)),
        Ok(_) => Err(Failure::new(format!(
            "{} is no socket, but sekaid is to wait for its signer there. Move it away",
            path.display()
        ))),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(Failure::file("look at", path, &error)),
    }
}

/// The kernel's tables of this network namespace.
struct Sockets {
    tcp: Vec<TcpEntry>,
    unix: String,
}

struct TcpEntry {
    port: u16,
    state: TcpState,
}

#[derive(PartialEq, Eq)]
enum TcpState {
    Listen,
    Established,
}

impl Sockets {
    fn read() -> io::Result<Self> {
        let mut tcp = parse_tcp(&fs::read_to_string("/proc/self/net/tcp")?);
        match fs::read_to_string("/proc/self/net/tcp6") {
            Ok(text) => tcp.extend(parse_tcp(&text)),
            // A kernel without IPv6.
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(error),
        }
        let unix = fs::read("/proc/self/net/unix")?;
        Ok(Self {
            tcp,
            unix: String::from_utf8_lossy(&unix).into_owned(),
        })
    }

    fn listens(&self, port: u16) -> bool {
        self.has(port, &TcpState::Listen)
    }

    fn is_connected(&self, port: u16) -> bool {
        self.has(port, &TcpState::Established)
    }

    fn has(&self, port: u16, state: &TcpState) -> bool {
        self.tcp
            .iter()
            .any(|entry| entry.port == port && entry.state == *state)
    }

    /// Whether somebody listens at the path, and whether somebody is connected there.
    fn unix(&self, path: &Path) -> (bool, bool) {
        let path = path.to_string_lossy();
        let mut found = (false, false);
        for line in self.unix.lines().skip(1) {
            // Num: RefCount Protocol Flags Type St Inode Path
            let fields: Vec<&str> = line.split_whitespace().collect();
            let (Some(flags), Some(state), Some(name)) =
                (fields.get(3), fields.get(5), fields.get(7))
            else {
                continue;
            };
            if *name == path {
                // SO_ACCEPTCON, SS_CONNECTED
                found.0 |= *flags == "00010000";
                found.1 |= *state == "03";
            }
        }
        found
    }
}

/// Reads `/proc/net/tcp` or `tcp6`: `sl local_address rem_address st …`, addresses as
/// `HEX:PORT`, 0A for a listener and 01 for an established connection.
fn parse_tcp(text: &str) -> Vec<TcpEntry> {
    let entry = |line: &str| {
        let mut fields = line.split_whitespace().skip(1);
        let local = fields.next()?;
        let state = match fields.nth(1)? {
            "0A" => TcpState::Listen,
            "01" => TcpState::Established,
            _ => return None,
        };
        let (_, port) = local.rsplit_once(':')?;
        let port = u16::from_str_radix(port, 16).ok()?;
        Some(TcpEntry { port, state })
    };
    text.lines().skip(1).filter_map(entry).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::{TcpListener, TcpStream};
    use std::os::unix::net::{UnixListener, UnixStream};

    fn watch(signer: Address) -> Watch {
        Watch {
            signer,
            running: Vec::new(),
        }
    }

    #[test]
    fn a_tcp_signer_is_seen_to_be_waited_for_and_to_come() {
        for host in ["127.0.0.1:0", "[::1]:0"] {
            let listener = TcpListener::bind(host).unwrap();
            let address = listener.local_addr().unwrap();
            let watch = watch(Address::Tcp(address.port()));
            assert_eq!(watch.look().unwrap(), Stage::Listening, "{host}");
            let _signer = TcpStream::connect(address).unwrap();
            assert_eq!(watch.look().unwrap(), Stage::Connected, "{host}");
            drop(listener);
        }
    }

    #[test]
    fn nobody_listening_is_a_start() {
        let port = TcpListener::bind("127.0.0.1:0")
            .unwrap()
            .local_addr()
            .unwrap()
            .port();
        assert_eq!(watch(Address::Tcp(port)).look().unwrap(), Stage::Starting);
    }

    #[test]
    fn a_unix_signer_is_seen_too_and_a_stale_socket_is_removed() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("signer.sock");
        let address = Address::Unix(path.clone());
        let watch = watch(address.clone());
        assert_eq!(watch.look().unwrap(), Stage::Starting);
        let listener = UnixListener::bind(&path).unwrap();
        assert_eq!(watch.look().unwrap(), Stage::Listening);
        let taken = address.make_room().unwrap_err().to_string();
        assert!(taken.contains("another process listens on"), "{taken}");
        let signer = UnixStream::connect(&path).unwrap();
        let served = listener.accept().unwrap();
        assert_eq!(watch.look().unwrap(), Stage::Connected);
        drop((listener, signer, served));
        address.make_room().unwrap();
        assert!(!path.exists());
    }

    #[test]
    fn an_open_port_of_the_node_means_that_it_runs() {
        let rpc = TcpListener::bind("127.0.0.1:0").unwrap();
        let watch = Watch {
            signer: Address::Tcp(1),
            running: vec![rpc.local_addr().unwrap().port()],
        };
        assert_eq!(watch.look().unwrap(), Stage::Running);
    }

    #[test]
    fn a_taken_port_is_said_with_what_to_do() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let text = Address::Tcp(port).make_room().unwrap_err().to_string();
        assert!(text.contains(&format!("port {port}")), "{text}");
        assert!(text.contains("is in use by another process"), "{text}");
    }

    #[test]
    fn addresses_are_read_as_cometbft_reads_them() {
        assert_eq!(
            Address::parse("tcp://0.0.0.0:26659"),
            Ok(Address::Tcp(26659))
        );
        assert_eq!(Address::parse("127.0.0.1:1"), Ok(Address::Tcp(1)));
        assert_eq!(Address::parse("tcp://[::]:5"), Ok(Address::Tcp(5)));
        assert_eq!(Address::parse("tcp://:5"), Ok(Address::Tcp(5)));
        assert_eq!(
            Address::parse("unix:///run/s"),
            Ok(Address::Unix("/run/s".into()))
        );
        for (wrong, told) in [
            ("tcp://host", "has no port"),
            ("tcp://h:0", "has 0 where a port number"),
            ("tcp://h:99999", "has 99999 where a port number"),
            ("udp://h:1", "is neither tcp:// nor"),
            ("unix://", "has no path"),
        ] {
            let text = Address::parse(wrong).unwrap_err();
            let told = told.replace("tcp:// nor", "tcp://HOST:PORT nor");
            assert!(text.contains(&told), "{wrong}: {text}");
        }
    }

    #[test]
    fn garbage_in_the_table_is_skipped() {
        assert_eq!(
            parse_tcp("head\n\nx\n0: 1 2 0A\n0: AA:ZZ x:1 0A\n").len(),
            0
        );
    }
}
