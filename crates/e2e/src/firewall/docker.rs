//! A Docker of its own in a network namespace, with one container.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};

use crate::namespace::{self, Namespace, run};
use crate::wait::until;
use crate::{Outcome, doing};

/// How long it may take to start or to end.
const PATIENCE: Duration = Duration::from_secs(60);
/// The container's address, and its network's, as in the guide.
pub(super) const CONTAINER: [u8; 4] = [10, 1, 0, 3];
const NETWORK: &str = "10.1.0.0/16";
const NETWORK_V6: &str = "fd00:10:1::/64";
pub(super) const CONTAINER_V6: &str = "fd00:10:1::3";

/// A running dockerd. It and its container end when dropped.
pub(super) struct Docker {
    daemon: Child,
    socket: String,
    dir: PathBuf,
}

impl Docker {
    /// Starts one below `dir`, in a machine.
    pub(super) fn start(machine: &Namespace, dir: &Path, has_v6: bool) -> Outcome<Self> {
        let socket = format!("unix://{}", dir.join("socket").display());
        let log = fs::File::create(dir.join("log")).map_err(doing("make a log"))?;
        // Not `ip netns exec`, which hides the control groups.
        let mut command = Command::new("nsenter");
        command.arg(format!("--net={}", machine.place().path().display()));
        command.args(["setpriv", "--pdeathsig", "TERM", "dockerd", "-H", &socket]);
        command.args(["--storage-driver", "vfs", "--data-root"]);
        command.arg(dir.join("data")).arg("--exec-root");
        command
            .arg(dir.join("exec"))
            .arg("--pidfile")
            .arg(dir.join("pid"));
        if has_v6 {
            command.args(["--experimental", "--ip6tables"]);
        }
        let daemon = command
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .map_err(doing("start dockerd"))?;
        let docker = Self {
            daemon,
            socket,
            dir: dir.to_owned(),
        };
        until("dockerd answers", PATIENCE, || {
            docker.run(&["version"]).ok()
        })
        .map_err(|text| format!("{text}: {}", docker.last_words()))?;
        let mut network = vec!["network", "create", "--subnet", NETWORK];
        if has_v6 {
            network.extend(["--ipv6", "--subnet", NETWORK_V6]);
        }
        network.push("kiranet");
        docker.run(&network)?;
        Ok(docker)
    }

    /// Starts a container that does nothing but publish ports; returns where its network is.
    pub(super) fn publish(&self, ports: &[&str], has_v6: bool) -> Outcome<namespace::Place> {
        let address = CONTAINER.map(|byte| byte.to_string()).join(".");
        let mut arguments = vec!["run", "--detach", "--name", "sekai", "--network", "kiranet"];
        arguments.extend(["--ip", &address]);
        if has_v6 {
            arguments.extend(["--ip6", CONTAINER_V6]);
        }
        for port in ports {
            arguments.extend(["-p", port]);
        }
        // No image can be pulled: an empty one, with the host's programs in it.
        for directory in [
            "/bin:/bin:ro",
            "/lib:/lib:ro",
            "/lib64:/lib64:ro",
            "/usr:/usr:ro",
        ] {
            arguments.extend(["-v", directory]);
        }
        arguments.extend(["empty", "sleep", "3600"]);
        let empty_tar = "\0".repeat(10_240);
        run(self.command().args(["import", "-", "empty"]), &empty_tar)?;
        self.run(&arguments)?;
        let id = self.run(&["inspect", "--format", "{{.State.Pid}}", "sekai"])?;
        Ok(namespace::Place::of_process(id.trim()))
    }

    fn run(&self, arguments: &[&str]) -> Outcome<String> {
        run(self.command().args(arguments), "")
    }

    fn command(&self) -> Command {
        let mut command = Command::new("docker");
        command.args(["-H", &self.socket]);
        command
    }

    fn last_words(&self) -> String {
        let log = fs::read_to_string(self.dir.join("log")).unwrap_or_default();
        log.lines().last().unwrap_or_default().to_owned()
    }
}

impl Drop for Docker {
    fn drop(&mut self) {
        // Fails when it was never started.
        let _ = self.run(&["rm", "--force", "sekai"]);
        if let Some(id) = Pid::from_raw(self.daemon.id().cast_signed()) {
            let _ = kill_process(id, Signal::TERM);
        }
        let ended = until("dockerd ends", PATIENCE, || {
            self.daemon.try_wait().ok().flatten()
        });
        if let Err(text) = ended {
            eprintln!("{text}; it is killed");
            let _ = self.daemon.kill();
            let _ = self.daemon.wait();
        }
    }
}
