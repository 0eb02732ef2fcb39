//! A Docker daemon of the run's own, in a network namespace.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use e2e::namespace::{Namespace, PREFIX};
use e2e::wait::until;
use interop::Process;

use crate::{Outcome, doing};

/// How long a daemon may take to answer.
const PATIENCE: Duration = Duration::from_secs(60);
/// Where the kernel shows control groups.
const CGROUPS: &str = "/sys/fs/cgroup";

/// A daemon. It and its containers end when it is dropped.
pub struct Daemon {
    process: Option<Process>,
    namespace: PathBuf,
    folder: PathBuf,
    group: String,
}

impl Daemon {
    /// One whose images and containers are below `folder`, and whose client has the plugin.
    ///
    /// # Errors
    /// When it does not answer.
    pub fn start(namespace: &Namespace, role: &str, folder: &Path, plugin: &Path) -> Outcome<Self> {
        let plugins = folder.join("config/cli-plugins");
        fs::create_dir_all(&plugins).map_err(doing("make the folder of a daemon"))?;
        std::os::unix::fs::symlink(plugin, plugins.join("docker-compose"))
            .map_err(doing("place the compose plugin"))?;
        let mut daemon = Self {
            process: None,
            namespace: namespace.path(),
            folder: folder.to_owned(),
            group: format!("{PREFIX}{}-{role}", std::process::id()),
        };
        daemon.boot()?;
        Ok(daemon)
    }

    /// Starts the daemon anew on what is there. Containers with a restart policy come back.
    ///
    /// # Errors
    /// When it does not answer.
    pub fn boot(&mut self) -> Outcome {
        let (folder, log) = (&self.folder, self.folder.join("dockerd.log"));
        // What a daemon that lost its power leaves behind.
        for stale in ["exec", "docker.pid", "docker.sock"] {
            let stale = folder.join(stale);
            let _ = fs::remove_file(&stale);
            let _ = fs::remove_dir_all(&stale);
        }
        let mut command = self.inside("setpriv");
        command.args(["--pdeathsig", "KILL", "--"]);
        // Its mounts and processes go with it, and its memory, as on a machine that boots. The
        // shell waits for those that nobody else does.
        command.args(["unshare", "--mount", "--pid", "--fork", "--kill-child"]);
        command.args([
            "--mount-proc",
            "sh",
            "-c",
            r#"mount -t tmpfs -o mode=1777 shm /dev/shm && { dockerd "$@" & wait; wait; }"#,
            "sh",
        ]);
        command.arg("--data-root").arg(folder.join("data"));
        command.arg("--exec-root").arg(folder.join("exec"));
        command.arg("--pidfile").arg(folder.join("docker.pid"));
        command.arg("--host").arg(self.host());
        command.args(["--cgroup-parent", &self.group]);
        self.process = Some(Process::start("dockerd", &mut command, &log));
        until("a Docker daemon answers", PATIENCE, || {
            let mut ask = self.client();
            let answer = ask
                .args(["version", "--format", "{{.Server.Version}}"])
                .output();
            answer
                .is_ok_and(|answer| answer.status.success())
                .then_some(())
        })
        .map_err(|text| format!("{text}; its log is {}", log.display()))
    }

    /// The machine loses its power: the daemon and all containers end at once.
    pub fn cut_power(&mut self) {
        self.process = None;
    }

    /// A program on its machine.
    pub fn inside(&self, program: &str) -> Command {
        let mut command = Command::new("nsenter");
        // Not `ip netns exec`, which takes the control groups away.
        command.arg(format!("--net={}", self.namespace.display()));
        command.args(["--", program]);
        command
    }

    /// `docker`, which speaks to this daemon.
    pub fn client(&self) -> Command {
        let mut command = Command::new("docker");
        self.point(&mut command);
        command
    }

    /// Lets what `docker` does in a command be done here.
    pub fn point(&self, command: &mut Command) {
        command.env("DOCKER_HOST", self.host());
        command.env("DOCKER_CONFIG", self.folder.join("config"));
        // Without BuildKit, which Debian's docker.io does not have.
        command.env("DOCKER_BUILDKIT", "0");
    }

    /// Runs `docker` to its end.
    ///
    /// # Errors
    /// What it says.
    pub fn docker(&self, arguments: &[&str]) -> Outcome<String> {
        e2e::namespace::run(self.client().args(arguments), "")
    }

    fn host(&self) -> String {
        format!("unix://{}", self.folder.join("docker.sock").display())
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        self.process = None;
        // The kernel is still ending the containers.
        let gone = until(
            "the control groups are empty",
            Duration::from_secs(10),
            || {
                remove_groups(|name| name == self.group);
                groups(|name| name == self.group).is_empty().then_some(())
            },
        );
        if let Err(text) = gone {
            eprintln!("{text}");
        }
    }
}

/// Removes what runs left behind whose process is gone.
pub fn remove_stale() {
    let is_stale = |name: &str| {
        let id = name
            .strip_prefix(PREFIX)
            .and_then(|rest| rest.split('-').next());
        id.is_some_and(|id| !Path::new("/proc").join(id).exists())
    };
    remove_groups(is_stale);
}

/// The control groups whose name is one of those, for every controller.
fn groups(is_meant: impl Fn(&str) -> bool) -> Vec<PathBuf> {
    let entries = |folder: &Path| {
        let entries = fs::read_dir(folder).into_iter().flatten().flatten();
        entries.map(|entry| entry.path()).collect::<Vec<_>>()
    };
    let top = entries(Path::new(CGROUPS));
    let all = top
        .iter()
        .flat_map(|folder| entries(folder))
        .chain(top.clone());
    let name = |path: &PathBuf| {
        path.file_name()
            .map(|name| name.to_string_lossy().into_owned())
    };
    all.filter(|path| name(path).is_some_and(|name| is_meant(&name)))
        .collect()
}

fn remove_groups(is_meant: impl Fn(&str) -> bool) {
    for group in groups(is_meant) {
        remove_group(&group);
    }
}

/// A control group goes when those in it are gone.
fn remove_group(group: &Path) {
    let inner = fs::read_dir(group).into_iter().flatten().flatten();
    for entry in inner.filter(|entry| entry.path().is_dir()) {
        remove_group(&entry.path());
    }
    // One with a process in it stays for now.
    let _ = fs::remove_dir(group);
}
