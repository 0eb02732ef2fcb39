//! The signer as a process that is there to be killed.

use std::fs::File;
use std::os::unix::process::ExitStatusExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::error::CrashError;
use crate::home::Home;

/// How a signer is started.
#[derive(Clone, Debug)]
pub struct Launch {
    /// The binary.
    pub binary: PathBuf,
    /// What to put before it: `strace` with its arguments.
    pub wrapper: Vec<String>,
}

impl Launch {
    /// Starts the binary by itself.
    #[must_use]
    pub fn plain(binary: &Path) -> Self {
        Self {
            binary: binary.to_owned(),
            wrapper: Vec::new(),
        }
    }

    /// Starts it under a wrapper that leaves it a direct child of this process.
    #[must_use]
    pub fn under(&self, wrapper: Vec<String>) -> Self {
        Self {
            binary: self.binary.clone(),
            wrapper,
        }
    }

    /// A command of the signer, with its arguments.
    #[must_use]
    pub fn command(&self) -> Command {
        match self.wrapper.split_first() {
            None => Command::new(&self.binary),
            Some((program, arguments)) => {
                let mut command = Command::new(program);
                command.args(arguments).arg(&self.binary);
                command
            }
        }
    }
}

/// A signer that runs or has ended. Killed when dropped.
#[derive(Debug)]
pub struct SignerProcess {
    handle: Handle,
    log: PathBuf,
}

/// Kills the process from another thread. Clones are the same process.
#[derive(Clone, Debug)]
pub struct Handle {
    child: Arc<Mutex<Child>>,
    answers: Arc<AtomicU64>,
}

impl Handle {
    /// SIGKILL. Does nothing when it has ended.
    pub fn kill(&self) {
        // Fails only when the process has been waited for, and then it is as dead as it gets.
        let _ = self.lock().kill();
    }

    /// Whether it still runs.
    #[must_use]
    pub fn is_running(&self) -> bool {
        matches!(self.lock().try_wait(), Ok(None))
    }

    /// Counts an answer that the node has received.
    pub fn count_answer(&self) {
        self.answers.fetch_add(1, Ordering::SeqCst);
    }

    /// How many answers the node has received in this life.
    #[must_use]
    pub fn answers(&self) -> u64 {
        self.answers.load(Ordering::SeqCst)
    }

    /// Waits until there are `count` answers or the process has ended.
    pub fn wait_for_answers(&self, count: u64) {
        while self.answers() < count && self.is_running() {
            std::thread::sleep(Duration::from_micros(200));
        }
    }

    /// Kills it once nothing was answered for `limit`.
    pub fn kill_when_idle(&self, limit: Duration) {
        let mut seen = (self.answers(), Instant::now());
        while self.is_running() {
            std::thread::sleep(Duration::from_millis(5));
            let answers = self.answers();
            if answers != seen.0 {
                seen = (answers, Instant::now());
            } else if seen.1.elapsed() >= limit {
                self.kill();
                return;
            }
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Child> {
        self.child.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl SignerProcess {
    /// Runs `tmkms start`; its output goes to the home's log, which is begun anew.
    ///
    /// # Errors
    /// [`CrashError::System`].
    pub fn start(launch: &Launch, home: &Home) -> Result<Self, CrashError> {
        let log = home.log();
        let file = File::create(&log).map_err(CrashError::doing("write the signer's log"))?;
        let errors = file
            .try_clone()
            .map_err(CrashError::doing("write the signer's log"))?;
        let mut command = launch.command();
        command.arg("start").arg("-c").arg(home.config());
        command.env("XDG_RUNTIME_DIR", home.run_directory());
        let child = command
            .stdin(Stdio::null())
            .stdout(file)
            .stderr(errors)
            .spawn()
            .map_err(CrashError::doing(format!("run {command:?}")))?;
        Ok(Self {
            handle: Handle {
                child: Arc::new(Mutex::new(child)),
                answers: Arc::default(),
            },
            log,
        })
    }

    /// A handle for other threads.
    #[must_use]
    pub fn handle(&self) -> Handle {
        self.handle.clone()
    }

    /// Its process id.
    #[must_use]
    pub fn id(&self) -> u32 {
        self.handle.lock().id()
    }

    /// SIGKILL, and waits for the end.
    ///
    /// # Errors
    /// [`CrashError::System`] when it cannot be waited for.
    pub fn kill(&mut self) -> Result<ExitStatus, CrashError> {
        self.handle.kill();
        self.handle
            .lock()
            .wait()
            .map_err(CrashError::doing("wait for the signer"))
    }

    /// Waits for an end by itself; `None` when it still runs after `patience`.
    #[must_use]
    pub fn wait(&mut self, patience: Duration) -> Option<ExitStatus> {
        let deadline = Instant::now() + patience;
        loop {
            if let Ok(Some(status)) = self.handle.lock().try_wait() {
                return Some(status);
            }
            if Instant::now() >= deadline {
                return None;
            }
            std::thread::sleep(Duration::from_millis(2));
        }
    }

    /// What it has printed.
    #[must_use]
    pub fn output(&self) -> String {
        let bytes = std::fs::read(&self.log).unwrap_or_default();
        String::from_utf8_lossy(&bytes).into_owned()
    }

    /// The last lines that it printed.
    #[must_use]
    pub fn last_lines(&self, count: usize) -> String {
        let output = self.output();
        let lines: Vec<&str> = output.lines().collect();
        let from = lines.len().saturating_sub(count);
        lines.get(from..).unwrap_or_default().join("\n")
    }
}

/// True when the process was ended by SIGKILL.
#[must_use]
pub fn was_killed(status: ExitStatus) -> bool {
    const SIGKILL: i32 = 9;
    status.signal() == Some(SIGKILL)
}

impl Drop for SignerProcess {
    fn drop(&mut self) {
        // An error means that it has been waited for.
        let _ = self.kill();
    }
}
