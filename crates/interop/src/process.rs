//! A child process with its output in a file.

use crate::wait::until;
use rustix::process::{Pid, Signal, kill_process};
use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::Duration;

/// How many of the last lines of output a failing test shows.
const TAIL_LINES: usize = 15;

/// A running (or ended) child. Killed when dropped; its last lines are shown
/// when the drop happens because a test failed.
pub struct Process {
    name: String,
    child: Child,
    log: PathBuf,
}

impl Process {
    /// Starts `command`; standard output and error go to `log`, after what is there already.
    ///
    /// # Panics
    /// When the program cannot be started.
    pub fn start(name: &str, command: &mut Command, log: &Path) -> Self {
        let file = File::options().create(true).append(true).open(log).unwrap();
        let child = command
            .stdin(Stdio::null())
            .stdout(file.try_clone().unwrap())
            .stderr(file)
            .spawn()
            .unwrap_or_else(|error| panic!("{name} did not start: {error} ({command:?})"));
        Self {
            name: name.to_owned(),
            child,
            log: log.to_owned(),
        }
    }

    /// Its process id.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Everything written so far.
    pub fn output(&self) -> String {
        let bytes = std::fs::read(&self.log).unwrap_or_default();
        String::from_utf8_lossy(&bytes).into_owned()
    }

    /// Waits until the output contains `text`.
    ///
    /// # Panics
    /// When `patience` passes first.
    pub fn wait_for_output(&self, text: &str, patience: Duration) {
        until(&format!("{} says {text:?}", self.name), patience, || {
            self.output().contains(text).then_some(())
        });
    }

    /// Whether the process still runs.
    pub fn is_running(&mut self) -> bool {
        self.child.try_wait().unwrap().is_none()
    }

    /// Waits until the process ends by itself.
    ///
    /// # Panics
    /// When `patience` passes first.
    pub fn wait_for_exit(&mut self, patience: Duration) -> ExitStatus {
        let what = format!("{} ends", self.name);
        until(&what, patience, || self.child.try_wait().unwrap())
    }

    /// SIGTERM, then waits for the end.
    ///
    /// # Panics
    /// When the process does not end within ten seconds.
    pub fn terminate(&mut self) -> ExitStatus {
        self.signal(Signal::TERM);
        self.wait_for_exit(Duration::from_secs(10))
    }

    /// SIGKILL, then waits for the end.
    pub fn kill(&mut self) {
        // Fails only when the process has ended and been waited for: all is well then.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }

    /// Stops the process with SIGSTOP for `pause`, then lets it go on.
    pub fn freeze(&mut self, pause: Duration) {
        self.signal(Signal::STOP);
        std::thread::sleep(pause);
        self.signal(Signal::CONT);
    }

    fn signal(&mut self, signal: Signal) {
        assert!(self.is_running(), "{} has ended already", self.name);
        kill_process(Pid::from_child(&self.child), signal).unwrap();
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.kill();
        if std::thread::panicking() {
            eprintln!("--- {} said:\n{}", self.name, summary(&self.output()));
        }
    }
}

/// The last lines, and those before them that tell of an error: sekaid prints
/// its whole usage text after one.
fn summary(output: &str) -> String {
    let lines: Vec<&str> = output.lines().collect();
    let (before, tail) = lines.split_at(lines.len().saturating_sub(TAIL_LINES));
    let errors = before.iter().filter(|line| {
        ["Error:", "ERROR", "panic"]
            .iter()
            .any(|word| line.contains(word))
    });
    let shown: Vec<&str> = errors.chain(tail).copied().collect();
    shown.join("\n")
}

/// Runs `command` to its end and returns what it printed on standard output.
///
/// # Panics
/// When it cannot be started or fails; both its outputs are shown.
pub fn run(command: &mut Command) -> String {
    let output = command
        .stdin(Stdio::null())
        .output()
        .unwrap_or_else(|error| panic!("{error}: {command:?}"));
    let stdout = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(
        output.status.success(),
        "{command:?} failed, {}\n{stdout}{}",
        output.status,
        String::from_utf8_lossy(&output.stderr)
    );
    stdout
}
