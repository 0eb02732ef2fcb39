//! The processes of this machine, as /proc shows them: which one is the node, and who stands in
//! front of it.

use std::fs;
use std::net::IpAddr;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use super::sockets::namespace;

/// A process.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Process {
    pub(super) pid: u32,
    pub(super) args: Vec<String>,
    /// Its network namespace, where this user may see it.
    pub(super) network: Option<u64>,
    /// Stopped by a signal or a debugger.
    pub(super) is_stopped: bool,
}

/// A port of a container that docker-proxy publishes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Proxy {
    pub(super) pid: u32,
    pub(super) host_port: u16,
    pub(super) container_port: u16,
}

impl Process {
    pub(super) fn directory(&self) -> PathBuf {
        Path::new("/proc").join(self.pid.to_string())
    }

    /// The name of its program.
    pub(super) fn name(&self) -> &str {
        let program = self.args.first().map_or("", String::as_str);
        program.rsplit('/').next().unwrap_or(program)
    }

    /// The value of a flag, in either form.
    fn flag(&self, name: &str) -> Option<&str> {
        let mut args = self.args.iter().enumerate();
        args.find_map(|(index, arg)| {
            let rest = arg.strip_prefix(name)?;
            if rest.is_empty() {
                return self.args.get(index.saturating_add(1)).map(String::as_str);
            }
            rest.strip_prefix('=')
        })
    }

    fn is_named_like_a_node(&self) -> bool {
        ["sekaid", "cometbft", "tendermint"].contains(&self.name())
            && self.args.iter().any(|arg| arg == "start" || arg == "node")
    }

    /// docker-proxy, by its command line.
    pub(super) fn proxy(&self) -> Option<Proxy> {
        if self.name() != "docker-proxy" {
            return None;
        }
        Some(Proxy {
            pid: self.pid,
            host_port: self.flag("-host-port")?.parse().ok()?,
            container_port: self.flag("-container-port")?.parse().ok()?,
        })
    }

    /// `tmkms gateway`, which reaches the node by itself.
    pub(super) fn is_gateway(&self) -> bool {
        self.name() == "tmkms" && self.args.get(1).is_some_and(|arg| arg == "gateway")
    }
}

/// All of them.
pub(super) fn all() -> Vec<Process> {
    let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
    let ids = entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    ids.filter_map(read).collect()
}

/// `None` for one that has ended meanwhile, and for those of the kernel.
fn read(pid: u32) -> Option<Process> {
    let directory = Path::new("/proc").join(pid.to_string());
    let line = fs::read(directory.join("cmdline")).ok()?;
    let words = line
        .split(|byte| *byte == 0)
        .filter(|word| !word.is_empty());
    let args: Vec<String> = words
        .map(|word| String::from_utf8_lossy(word).into_owned())
        .collect();
    let stat = fs::read_to_string(directory.join("stat")).unwrap_or_default();
    (!args.is_empty()).then(|| Process {
        pid,
        args,
        network: namespace(&directory),
        is_stopped: is_stopped(&stat),
    })
}

/// The state stands behind the name, which may hold anything (proc_pid_stat(5)).
fn is_stopped(stat: &str) -> bool {
    let rest = stat.rsplit_once(") ").map_or("", |(_, rest)| rest);
    rest.starts_with(['T', 't'])
}

/// What was found of the node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Search {
    /// This is it.
    Found(Process),
    /// None has the home open.
    NotThere,
    /// It may be one that this user may not look into.
    NotSeen,
}

/// The node whose home a directory is: it keeps files in `data` open, or names the directory on
/// its command line, as its container sees it.
pub(super) fn node_of(home: &Path, processes: &[Process]) -> Search {
    let own = std::process::id();
    let others = || processes.iter().filter(move |process| process.pid != own);
    let wanted = identity(home);
    let locks = lock_files(home);
    let holds = |process: &&Process| has_open(process, &locks);
    if let Some(process) = others().find(holds) {
        return Search::Found(process.clone());
    }
    let names = |process: &&Process| {
        let path = process
            .flag("--home")
            .filter(|_| process.name() != "scaller");
        path.is_some_and(|path| is_home(process, path, wanted))
    };
    if let Some(process) = others().find(names) {
        return Search::Found(process.clone());
    }
    let hidden = |process: &&Process| process.is_named_like_a_node() && process.network.is_none();
    if others().any(|process| hidden(&process)) {
        return Search::NotSeen;
    }
    Search::NotThere
}

type Identity = (u64, u64);

fn identity(path: &Path) -> Option<Identity> {
    fs::metadata(path)
        .ok()
        .map(|found| (found.dev(), found.ino()))
}

/// The databases' lock files, which a running node has open.
fn lock_files(home: &Path) -> Vec<Identity> {
    let databases = fs::read_dir(home.join("data"))
        .into_iter()
        .flatten()
        .flatten();
    let locks = databases.map(|database| database.path().join("LOCK"));
    locks.filter_map(|lock| identity(&lock)).collect()
}

fn has_open(process: &Process, files: &[Identity]) -> bool {
    let open = fs::read_dir(process.directory().join("fd"));
    let open = open.into_iter().flatten().flatten();
    open.filter_map(|entry| identity(&entry.path()))
        .any(|file| files.contains(&file))
}

/// The same directory, by way of the process' own root; where that is closed, by name.
fn is_home(process: &Process, path: &str, wanted: Option<Identity>) -> bool {
    let inside = path.trim_start_matches('/');
    let root = process.directory().join("root");
    let there = if path.starts_with('/') {
        root.join(inside)
    } else {
        process.directory().join("cwd").join(path)
    };
    wanted.is_some() && (identity(&there) == wanted || identity(Path::new(path)) == wanted)
}

/// The program that has a socket open, where this user may see it.
pub(super) fn owner(inode: u64, processes: &[Process]) -> Option<&Process> {
    let wanted = format!("socket:[{inode}]");
    processes.iter().find(|process| {
        let open = fs::read_dir(process.directory().join("fd"));
        let open = open.into_iter().flatten().flatten();
        open.filter_map(|entry| fs::read_link(entry.path()).ok())
            .any(|target| target.as_os_str() == wanted.as_str())
    })
}

/// Whether an address is one to listen on for everybody.
pub(super) fn is_wildcard(address: IpAddr) -> bool {
    address.is_unspecified()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn process(line: &str) -> Process {
        Process {
            pid: 1,
            args: line.split(' ').map(str::to_owned).collect(),
            network: None,
            is_stopped: false,
        }
    }

    #[test]
    fn what_docker_publishes_is_read_from_its_proxy() {
        let line = "/usr/bin/docker-proxy -proto tcp -host-ip 0.0.0.0 -host-port 26660 -container-ip \
                    10.1.0.3 -container-port 26659 -use-listen-fd";
        let expected = Proxy {
            pid: 1,
            host_port: 26_660,
            container_port: 26_659,
        };
        assert_eq!(process(line).proxy(), Some(expected));
        assert_eq!(process("docker-proxy -proto tcp").proxy(), None);
        assert_eq!(process("sh -c docker-proxy").proxy(), None);
    }

    #[test]
    fn flags_are_read_in_both_forms() {
        assert_eq!(
            process("sekaid start --home /sekai").flag("--home"),
            Some("/sekai")
        );
        assert_eq!(
            process("sekaid --home=/sekai start").flag("--home"),
            Some("/sekai")
        );
        assert_eq!(process("sekaid --homes /x start").flag("--home"), None);
        assert_eq!(process("sekaid start --home").flag("--home"), None);
        assert!(process("/tmkms gateway --wireguard wg0.conf").is_gateway());
        assert!(!process("tmkms start gateway").is_gateway());
    }

    #[test]
    fn name_of_a_process_may_hold_anything() {
        assert!(is_stopped("7 (a) S (b)) T 1"));
        assert!(!is_stopped("7 (a) T (b)) S 1"));
        assert!(!is_stopped(""));
    }

    #[test]
    fn node_is_known_by_the_files_that_it_has_open() {
        let home = tempfile::tempdir().unwrap();
        let database = home.path().join("data/blockstore.db");
        fs::create_dir_all(&database).unwrap();
        fs::write(database.join("LOCK"), "").unwrap();
        let locks = lock_files(home.path());
        assert_eq!(locks.len(), 1);
        let this = read(std::process::id()).unwrap();
        assert!(!has_open(&this, &locks));
        let _open = fs::File::open(database.join("LOCK")).unwrap();
        assert!(has_open(&this, &locks));
        assert_eq!(node_of(home.path(), &[]), Search::NotThere);
        let hidden = process("/sekaid start --home /sekai");
        assert_eq!(node_of(home.path(), &[hidden]), Search::NotSeen);
    }
}
