//! A machine that systemd boots: this one's files with a layer in memory over them, in namespaces
//! of its own.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};

use crate::namespace::{self, Namespace, run};
use crate::wait::until;
use crate::{Outcome, doing};

/// How long it may take to boot or to power off.
const PATIENCE: Duration = Duration::from_secs(60);

/// What the signer's own sandbox and mlockall(2) need, and systemd-nspawn keeps from its
/// containers unless told. A real machine has no such filter.
const CALLS: &str = "--system-call-filter=@memlock landlock_create_ruleset landlock_add_rule landlock_restrict_self";

/// A running machine. It is powered off, and all of it removed, when dropped.
pub(super) struct Machine {
    container: Child,
    /// systemd's process, seen from outside.
    leader: String,
    layers: Layers,
    pub(super) network: Namespace,
    /// Where it finds the repository and the signer that is tested.
    pub(super) repository: PathBuf,
    pub(super) signer: PathBuf,
    pub(super) package: PathBuf,
    log: PathBuf,
}

impl Machine {
    /// Boots one as far as sysinit.target: what this machine starts besides is none of the
    /// matter.
    pub(super) fn boot(repository: &Path, signer: &Path, package: &Path) -> Outcome<Self> {
        let network = Namespace::create("systemd")?;
        let layers = Layers::mount()?;
        let log = layers.dir.path().join("log");
        let file = fs::File::create(&log).map_err(doing("make a log"))?;
        let tools = PathBuf::from("/run/tmkms-e2e");
        let mut command = Command::new("setpriv");
        command.args(["--pdeathsig", "KILL", "systemd-nspawn", "--quiet"]);
        command.args(["--register=no", "--keep-unit", "--link-journal=no", CALLS]);
        command.arg(format!(
            "--machine={}{}",
            namespace::PREFIX,
            std::process::id()
        ));
        command.arg(format!("--directory={}", layers.root().display()));
        command.arg(format!(
            "--network-namespace-path={}",
            network.place().path().display()
        ));
        command.arg("--capability=CAP_NET_ADMIN");
        // Under paths of their own: the machine has another /tmp.
        for (from, name) in [
            (repository, "repository"),
            (signer, "tmkms"),
            (package, "tmkms.deb"),
        ] {
            let to = tools.join(name);
            command.arg(format!("--bind-ro={}:{}", from.display(), to.display()));
        }
        command.args([
            "--boot",
            "systemd.unit=sysinit.target",
            "systemd.show_status=no",
        ]);
        let container = command
            .stdin(Stdio::null())
            .stdout(file.try_clone().map_err(doing("share a log"))?)
            .stderr(file)
            .spawn()
            .map_err(doing("start systemd-nspawn"))?;
        let mut machine = Self {
            container,
            leader: String::new(),
            layers,
            network,
            repository: tools.join("repository"),
            signer: tools.join("tmkms"),
            package: tools.join("tmkms.deb"),
            log,
        };
        let parent = machine.container.id();
        let found = until("systemd is there", PATIENCE, || leader(parent));
        machine.leader = found.map_err(|text| format!("{text}: {}", machine.last_words()))?;
        until("systemd has booted", PATIENCE, || {
            let state = machine.run("systemctl is-system-running || true").ok()?;
            ["running", "degraded"]
                .contains(&state.trim())
                .then_some(())
        })
        .map_err(|text| format!("{text}: {}", machine.last_words()))?;
        Ok(machine)
    }

    /// Runs a line of the shell on it as root, as a person who is logged in would.
    pub(super) fn run(&self, line: &str) -> Outcome<String> {
        let mut command = Command::new("nsenter");
        command.args(["--all", "--target", &self.leader, "--wd=/", "env", "-i"]);
        command.args(["HOME=/root", "LANG=C.UTF-8", "PAGER=cat"]);
        command.arg("PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin");
        run(command.args(["bash", "-euo", "pipefail", "-c", line]), "")
            .map_err(|text| format!("`{line}`: {text}"))
    }

    /// The same, of which failure is expected; returns what it says on both outputs.
    pub(super) fn refuses(&self, line: &str) -> Outcome<String> {
        let said = self.run(&format!("if ( {line} ) 2>&1; then echo 'it works'; fi"))?;
        if said.ends_with("it works\n") {
            return Err(format!("`{line}` works, and must not: {said}"));
        }
        Ok(said)
    }

    /// Runs a line as the signer's user.
    pub(super) fn run_as(&self, user: &str, line: &str) -> Outcome<String> {
        // What `sudo -u` does, which not every machine has.
        self.run(&format!(
            "setpriv --reuid {user} --regid {user} --clear-groups -- {line}"
        ))
    }

    /// The process of a unit, seen from the machine.
    pub(super) fn process(&self, unit: &str) -> Outcome<String> {
        let id = self.run(&format!("systemctl show --property MainPID --value {unit}"))?;
        match id.trim() {
            "0" => Err(format!("{unit} does not run")),
            id => Ok(id.to_owned()),
        }
    }

    /// The log of all units of ours.
    pub(super) fn journal(&self) -> String {
        self.run("journalctl --no-pager --output cat --lines 40 --unit 'tmkms*'")
            .unwrap_or_else(|text| text)
    }

    fn last_words(&self) -> String {
        let log = fs::read_to_string(&self.log).unwrap_or_default();
        let lines: Vec<&str> = log.lines().collect();
        let tail = lines.get(lines.len().saturating_sub(5)..);
        tail.unwrap_or_default().join(" | ")
    }
}

impl Drop for Machine {
    fn drop(&mut self) {
        // SIGRTMIN+4 is systemd's power switch; kill(1) knows the number.
        if !self.leader.is_empty() {
            let _ = run(
                Command::new("kill").args(["-s", "RTMIN+4", &self.leader]),
                "",
            );
        }
        let off = until("the machine is off", PATIENCE, || {
            self.container.try_wait().ok().flatten()
        });
        if off.is_err() {
            if let Some(id) = Pid::from_raw(self.container.id().cast_signed()) {
                let _ = kill_process(id, Signal::KILL);
            }
            let _ = self.container.wait();
        }
        self.layers.unmount();
    }
}

/// The one child of systemd-nspawn that is called systemd.
fn leader(parent: u32) -> Option<String> {
    let children = format!("/proc/{parent}/task/{parent}/children");
    let children = fs::read_to_string(children).ok()?;
    children
        .split_whitespace()
        .find(|id| {
            let name = fs::read_to_string(format!("/proc/{id}/comm"));
            name.is_ok_and(|name| name.trim() == "systemd")
        })
        .map(str::to_owned)
}

/// Begins the names of the directories with layers; the process id follows.
const PREFIX: &str = "tmkms-boot-";

/// Unmounts the layers of runs whose process is gone. What they wrote was in memory.
fn unmount_stale() {
    let mounts = fs::read_to_string("/proc/self/mounts").unwrap_or_default();
    let places = mounts.lines().filter_map(|line| line.split(' ').nth(1));
    let owner = |place: &str| {
        let (_, rest) = place.split_once(PREFIX)?;
        rest.split_once('-').map(|(id, _)| id.to_owned())
    };
    let is_stale =
        |place: &&str| owner(place).is_some_and(|id| !Path::new("/proc").join(id).exists());
    // Those that were mounted last first.
    let stale: Vec<&str> = places.filter(is_stale).collect();
    for place in stale.into_iter().rev() {
        if let Err(text) = run(Command::new("umount").args(["--lazy", place]), "") {
            eprintln!("{text}");
        }
    }
}

/// The root directory, and a layer in memory over it.
struct Layers {
    dir: tempfile::TempDir,
    is_mounted: bool,
}

impl Layers {
    fn mount() -> Outcome<Self> {
        unmount_stale();
        // Not the prefix of what another run removes: whole trees are mounted here.
        let dir = tempfile::Builder::new()
            .prefix(&format!("{PREFIX}{}-", std::process::id()))
            .tempdir()
            .map_err(doing("make a directory"))?;
        let mut layers = Self {
            dir,
            is_mounted: false,
        };
        let (memory, root) = (layers.memory(), layers.root());
        for path in [&memory, &root] {
            fs::create_dir(path).map_err(doing("make a directory"))?;
        }
        let mut tmpfs = Command::new("mount");
        run(tmpfs.args(["-t", "tmpfs", "tmkms-e2e"]).arg(&memory), "")?;
        layers.is_mounted = true;
        let (upper, work) = (memory.join("upper"), memory.join("work"));
        for path in [&upper, &work] {
            fs::create_dir(path).map_err(doing("make a directory"))?;
        }
        let options = format!(
            "lowerdir=/,upperdir={},workdir={}",
            upper.display(),
            work.display()
        );
        let mut overlay = Command::new("mount");
        overlay.args(["-t", "overlay", "tmkms-e2e", "-o", &options]);
        run(overlay.arg(&root), "")?;
        Ok(layers)
    }

    fn memory(&self) -> PathBuf {
        self.dir.path().join("memory")
    }

    fn root(&self) -> PathBuf {
        self.dir.path().join("root")
    }

    fn unmount(&mut self) {
        if !std::mem::take(&mut self.is_mounted) {
            return;
        }
        for path in [self.root(), self.memory()] {
            // Lazily: a process that is about to end may still have a file open.
            if let Err(text) = run(Command::new("umount").arg("--lazy").arg(&path), "") {
                eprintln!("{text}");
            }
        }
    }
}

impl Drop for Layers {
    fn drop(&mut self) {
        self.unmount();
    }
}
