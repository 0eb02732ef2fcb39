//! A network namespace of the run: a machine or a container that shares only files with others.

use std::fs::{self, File};
use std::io::Write as _;
use std::os::fd::AsFd as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread;

use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};

use crate::{Outcome, doing, wireguard};

/// Begins the names of all that a run makes; the process id follows.
pub const PREFIX: &str = "tmkms-e2e-";
const NAMES: &str = "/run/netns";
/// `ip netns exec` lays what is here over /etc.
const FILES: &str = "/etc/netns";
/// The user that the signer and the gateway run as.
pub const NOBODY: u32 = 65_534;

/// A network namespace. Removed when dropped, with its files.
#[derive(Debug)]
pub struct Namespace {
    name: String,
}

impl Namespace {
    /// A new one with nothing but its loopback interface, called after the run and `role`.
    ///
    /// # Errors
    /// When the system refuses it, as it does to anyone but root.
    pub fn create(role: &str) -> Outcome<Self> {
        let name = format!("{PREFIX}{}-{role}", std::process::id());
        run(Command::new("ip").args(["netns", "add", &name]), "")?;
        let namespace = Self { name };
        namespace.ip("link set lo up")?;
        Ok(namespace)
    }

    /// Adds an interface that is wired to one of another namespace.
    ///
    /// # Errors
    /// What `ip` says.
    pub fn wire(&self, interface: &str, other: &Self, theirs: &str) -> Outcome {
        let line = format!(
            "link add {interface} netns {} type veth peer name {theirs} netns {}",
            self.name, other.name
        );
        run(Command::new("ip").args(line.split(' ')), "")?;
        self.ip(&format!("link set {interface} up"))?;
        other.ip(&format!("link set {theirs} up"))
    }

    /// Runs lines of ip(8) in it.
    ///
    /// # Errors
    /// What `ip` says.
    pub fn ip(&self, lines: &str) -> Outcome {
        let mut command = Command::new("ip");
        run(command.args(["-n", &self.name, "-batch", "-"]), lines).map(drop)
    }

    /// Adds rules in the language of nft(8).
    ///
    /// # Errors
    /// What `nft` says.
    pub fn nft(&self, rules: &str) -> Outcome {
        let mut command = self.command(Path::new("nft"));
        run(command.args(["-f", "-"]), rules).map(drop)
    }

    /// Runs a program to its end and returns what it prints.
    ///
    /// # Errors
    /// What it writes to standard error when it fails.
    pub fn run(&self, program: &str, arguments: &[&str]) -> Outcome<String> {
        run(self.command(Path::new(program)).args(arguments), "")
    }

    /// A program in it, as root. It does not outlive the thread that starts it.
    pub fn command(&self, program: &Path) -> Command {
        self.with_privileges(&[], program)
    }

    /// A program in it, as nobody, who has no capability and can get none.
    pub fn command_of_nobody(&self, program: &Path) -> Command {
        let nobody = NOBODY.to_string();
        let options = [
            "--reuid",
            &nobody,
            "--regid",
            &nobody,
            "--clear-groups",
            "--bounding-set=-all",
            "--inh-caps=-all",
            "--no-new-privs",
        ];
        self.with_privileges(&options, program)
    }

    fn with_privileges(&self, options: &[&str], program: &Path) -> Command {
        let mut command = Command::new("ip");
        command.args(["netns", "exec", &self.name]);
        command.args(["setpriv", "--pdeathsig", "KILL"]);
        command.args(options).arg("--").arg(program);
        command
    }

    /// Does some work in a thread that is in this namespace: sockets which are made there stay
    /// there.
    ///
    /// # Errors
    /// When the namespace cannot be entered, or what the work says.
    pub fn inside<T: Send>(&self, work: impl FnOnce() -> Outcome<T> + Send) -> Outcome<T> {
        thread::scope(|scope| {
            let thread = scope.spawn(|| {
                self.enter()?;
                work()
            });
            thread
                .join()
                .unwrap_or_else(|_| Err(format!("work in {} panicked", self.name)))
        })
    }

    /// Moves the calling thread here, for good.
    ///
    /// # Errors
    /// What the system says.
    pub fn enter(&self) -> Outcome {
        Place(self.path()).enter()
    }

    /// The file that stands for it, for programs that enter it themselves.
    pub fn path(&self) -> PathBuf {
        Path::new(NAMES).join(&self.name)
    }

    /// The way into it for a thread that may outlive this value.
    pub fn place(&self) -> Place {
        Place(self.path())
    }

    /// Sets a file below /proc/sys.
    ///
    /// # Errors
    /// What the system says.
    pub fn sysctl(&self, name: &str, value: &str) -> Outcome {
        let path = Path::new("/proc/sys").join(name);
        self.inside(|| fs::write(&path, value).map_err(doing(&format!("write {name}"))))
    }

    /// What is here, programs that are started in it find in /etc.
    pub fn files(&self) -> PathBuf {
        Path::new(FILES).join(&self.name)
    }

    /// What names mean to programs that are started in it from now on; those that run already
    /// see a change of names that were given before.
    ///
    /// # Errors
    /// What the system says.
    pub fn hosts(&self, lines: &str) -> Outcome {
        let folder = self.files();
        let write = || {
            fs::create_dir_all(&folder)?;
            // In place: programs see the file through a bind mount.
            fs::write(
                folder.join("hosts"),
                format!("127.0.0.1 localhost\n{lines}\n"),
            )
        };
        write().map_err(doing("write a hosts file"))
    }
}

impl Drop for Namespace {
    fn drop(&mut self) {
        remove(&self.name);
    }
}

/// Where a namespace can be entered.
#[derive(Clone, Debug)]
pub struct Place(PathBuf);

impl Place {
    /// The network of a process.
    pub fn of_process(id: &str) -> Self {
        Self(Path::new("/proc").join(id).join("ns/net"))
    }

    /// The file that stands for it.
    pub fn path(&self) -> &Path {
        &self.0
    }

    /// Moves the calling thread there, for good.
    ///
    /// # Errors
    /// What the system says.
    pub fn enter(&self) -> Outcome {
        let what = format!("enter {}", self.0.display());
        let file = File::open(&self.0).map_err(doing(&what))?;
        move_into_link_name_space(file.as_fd(), Some(LinkNameSpaceType::Network))
            .map_err(doing(&what))
    }
}

/// Removes what runs left behind whose process is gone.
pub fn remove_stale() {
    for folder in [NAMES, FILES] {
        for (name, _) in stale(Path::new(folder), owner) {
            remove(&name);
        }
    }
    for (_, path) in stale(&std::env::temp_dir(), owner) {
        report(fs::remove_dir_all(path));
    }
    for (_, path) in stale(Path::new(wireguard::SOCKETS), wireguard::owner) {
        report(fs::remove_file(path));
    }
}

/// What is in a folder and belongs to a process that is gone.
fn stale(folder: &Path, owner: fn(&str) -> Option<&str>) -> Vec<(String, PathBuf)> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let names = entries.map(|entry| entry.file_name().to_string_lossy().into_owned());
    let is_stale =
        |name: &String| owner(name).is_some_and(|id| !Path::new("/proc").join(id).exists());
    let stale = names.filter(is_stale);
    stale
        .map(|name| (name.clone(), folder.join(name)))
        .collect()
}

/// Something that is only in the way is no reason to stop.
fn report(removed: std::io::Result<()>) {
    if let Err(error) = removed {
        eprintln!("cannot remove what an earlier run left: {error}");
    }
}

/// The process id in a name of ours.
fn owner(name: &str) -> Option<&str> {
    let (id, _) = name.strip_prefix(PREFIX)?.split_once('-')?;
    (!id.is_empty() && id.bytes().all(|b| b.is_ascii_digit())).then_some(id)
}

/// As far as it is there.
fn remove(name: &str) {
    if Path::new(NAMES).join(name).exists() {
        let removed = run(Command::new("ip").args(["netns", "del", name]), "");
        if let Err(text) = removed {
            eprintln!("{text}");
        }
    }
    // Only some have files.
    let _ = fs::remove_dir_all(Path::new(FILES).join(name));
}

/// Runs a command to its end with `input`, and returns what it prints.
///
/// # Errors
/// The command and what it writes to standard error, when it fails.
pub fn run(command: &mut Command, input: &str) -> Outcome<String> {
    let what = format!("run {command:?}");
    let pipes = command.stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut child = pipes.stderr(Stdio::piped()).spawn().map_err(doing(&what))?;
    if let Some(mut stdin) = child.stdin.take() {
        // A program that fails early does not read; its own words say why.
        let _ = stdin.write_all(input.as_bytes());
    }
    let output = child.wait_with_output().map_err(doing(&what))?;
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
    }
    let said = String::from_utf8_lossy(&output.stderr);
    Err(format!("{command:?}: {}: {}", output.status, said.trim()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_names_of_a_run_have_an_owner() {
        assert_eq!(owner("tmkms-e2e-123-signer"), Some("123"));
        for foreign in [
            "signer",
            "tmkms-e2e-x-signer",
            "tmkms-e2e--signer",
            "tmkms-e2e-1",
        ] {
            assert_eq!(owner(foreign), None, "{foreign}");
        }
    }

    #[test]
    fn a_command_that_fails_says_what_it_was_and_why() {
        let error = run(Command::new("sh").args(["-c", "echo no >&2; exit 3"]), "").unwrap_err();
        assert!(error.contains("exit status: 3: no"), "{error}");
        assert_eq!(run(&mut Command::new("cat"), "text").unwrap(), "text");
    }
}
