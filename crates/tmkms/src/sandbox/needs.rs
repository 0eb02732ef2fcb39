//! What a process still needs once it is in its sandbox.

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::path::{Path, PathBuf};

use crate::config::UnixSocket;
use crate::session::{Address, Node};

/// DNS asks over TCP where an answer is too long for a packet (RFC 7766).
const DNS_PORT: u16 = 53;

/// The system's own word on how many processors there are, which its libraries ask for.
const PROCESSORS: &str = "/sys/devices/system/cpu";

/// What tunnels there are: an address of one is not warned of.
const INTERFACES: &str = "/sys/devices/virtual/net";

/// Random bytes: what a static build reads in the place of getrandom(2).
const RANDOM: [&str; 2] = ["/dev/random", "/dev/urandom"];

/// Where the files are that say how names are resolved. The whole directory, because editors and
/// DHCP clients put new files in the place of old ones, and a rule holds for one file only.
const RESOLVER_DIRECTORY: &str = "/etc";

/// Files that may be links to somewhere else, where they are replaced just the same.
const RESOLVER_FILES: [&str; 3] = ["/etc/resolv.conf", "/etc/hosts", "/etc/nsswitch.conf"];

/// Where a libc loads the modules from that nsswitch.conf names.
const LIBRARIES: [&str; 4] = ["/lib", "/lib64", "/usr/lib", "/usr/lib64"];

/// What is still opened, dialled and done. Sockets and files that are open already stay usable
/// and need not be named.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Needs {
    /// Files, and directories with all that is beneath, that are read.
    pub read: BTreeSet<PathBuf>,
    /// Directories in which files are written, made, renamed and removed.
    pub write: BTreeSet<PathBuf>,
    /// Directories in which files are removed, and nothing else.
    pub remove: BTreeSet<PathBuf>,
    /// TCP ports that are dialled.
    pub connect_ports: BTreeSet<u16>,
    /// Unix sockets that are dialled.
    pub unix_sockets: BTreeSet<UnixSocket>,
    /// Host names are resolved.
    pub names: bool,
    /// A socket that listens already takes connections.
    pub accept: bool,
    /// TCP ports are opened later, any of them: landlock knows ports by their numbers only, and
    /// which one is wanted then nobody knows yet.
    pub listen: bool,
}

impl Needs {
    /// What dialling these nodes takes, again and again.
    #[must_use]
    pub fn of(nodes: &[Node]) -> Self {
        let mut needs = Self::default();
        for node in nodes {
            match &node.address {
                Address::Tcp { addr, .. } => {
                    needs.connect_ports.insert(addr.port);
                    needs.names |= addr.host.parse::<IpAddr>().is_err();
                }
                Address::Unix(socket) => {
                    needs.unix_sockets.insert(socket.clone());
                }
            }
        }
        needs
    }

    /// The ports that may be dialled.
    pub(super) fn ports(&self) -> BTreeSet<u16> {
        let dns = self.names.then_some(DNS_PORT);
        self.connect_ports.iter().copied().chain(dns).collect()
    }

    /// Whether a socket without a file is dialled.
    pub(crate) fn has_abstract_socket(&self) -> bool {
        let is_abstract = |socket: &UnixSocket| matches!(socket, UnixSocket::Abstract(_));
        self.unix_sockets.iter().any(is_abstract)
    }

    /// The files and directories that may be read, whether they exist or not.
    pub(super) fn readable(&self) -> BTreeSet<PathBuf> {
        let mut paths = self.read.clone();
        paths.insert(PROCESSORS.into());
        paths.extend(RANDOM.map(PathBuf::from));
        if self.listen {
            paths.insert(INTERFACES.into());
        }
        if self.names {
            paths.insert(RESOLVER_DIRECTORY.into());
            paths.extend(LIBRARIES.map(PathBuf::from));
            paths.extend(RESOLVER_FILES.iter().filter_map(|file| place(file)));
        }
        paths
    }
}

/// The directory in which a file really is; the file itself where that would be everything.
fn place(file: &str) -> Option<PathBuf> {
    let real = Path::new(file).canonicalize().ok()?;
    let directory = real.parent().filter(|parent| parent.parent().is_some());
    Some(directory.unwrap_or(&real).to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn has(paths: &BTreeSet<PathBuf>, path: &str) -> bool {
        paths.contains(Path::new(path))
    }

    #[test]
    fn without_names_nothing_of_the_resolver_is_readable() {
        let needs = Needs {
            connect_ports: [26659].into(),
            ..Needs::default()
        };
        assert_eq!(needs.ports(), [26659].into());
        let always = [RANDOM[0], RANDOM[1], PROCESSORS].map(PathBuf::from);
        assert_eq!(needs.readable(), always.into());
    }

    #[test]
    fn names_need_the_directories_of_their_files_and_port_53() {
        let needs = Needs {
            connect_ports: [26659].into(),
            names: true,
            ..Needs::default()
        };
        assert_eq!(needs.ports(), [53, 26659].into());
        assert!(has(&needs.readable(), "/etc") && has(&needs.readable(), "/usr/lib"));
    }

    #[test]
    fn who_opens_ports_looks_at_the_interfaces() {
        let needs = Needs {
            listen: true,
            ..Needs::default()
        };
        assert!(has(&needs.readable(), INTERFACES));
        assert!(!has(&Needs::default().readable(), INTERFACES));
    }

    #[test]
    fn file_in_the_root_directory_does_not_open_all_of_it() {
        assert_eq!(place("/"), Some("/".into()));
        assert_eq!(place("/etc/../dev/null"), Some("/dev".into()));
        assert_eq!(place("/nowhere/at/all"), None);
    }

    #[test]
    fn only_a_name_without_a_file_counts_as_abstract() {
        let with = |socket| Needs {
            unix_sockets: [socket].into(),
            ..Needs::default()
        };
        assert!(with(UnixSocket::Abstract("node".to_owned())).has_abstract_socket());
        assert!(!with(UnixSocket::Path("/run/node".into())).has_abstract_socket());
    }
}
