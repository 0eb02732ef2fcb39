//! The binary as a child process, with its output captured.

use std::io::{BufRead as _, BufReader, Read};
use std::path::Path;
use std::process::{Child, ChildStdout, Command, ExitStatus, Stdio};
use std::sync::{Arc, Condvar, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

use super::PATIENCE;

/// A running `tmkms start`. Killed when dropped. A panic in it fails the test.
pub(crate) struct Tmkms {
    child: Child,
    output: Arc<Output>,
    readers: Vec<JoinHandle<()>>,
    /// Its standard output, while nobody reads it.
    stalled: Option<ChildStdout>,
}

/// What came of a process that ended.
pub(crate) struct Ended {
    /// How it ended.
    pub(crate) status: ExitStatus,
    /// All lines it printed.
    pub(crate) lines: Vec<String>,
    /// How long that took since it was waited for.
    pub(crate) took: Duration,
}

#[derive(Default)]
struct Output {
    lines: Mutex<Vec<String>>,
    more: Condvar,
}

impl Tmkms {
    /// Runs `tmkms start -c CONFIG ARGS`.
    pub(crate) fn start(config: &Path, args: &[&str]) -> Self {
        Self::start_in(config, args, &[])
    }

    /// The same with more variables in its environment.
    pub(crate) fn start_in(config: &Path, args: &[&str], environment: &[(&str, &str)]) -> Self {
        let mut child = spawn(config, args, environment);
        let output = Arc::<Output>::default();
        let readers = vec![
            output.clone().follow(child.stdout.take().unwrap()),
            output.clone().follow(child.stderr.take().unwrap()),
        ];
        Self {
            child,
            output,
            readers,
            stalled: None,
        }
    }

    /// The same with somebody at the other end of its output who does not read, until
    /// [`Self::read_on`].
    pub(crate) fn start_stalled(config: &Path, args: &[&str]) -> Self {
        let mut child = spawn(config, args, &[]);
        let output = Arc::<Output>::default();
        Self {
            readers: vec![output.clone().follow(child.stderr.take().unwrap())],
            stalled: child.stdout.take(),
            output,
            child,
        }
    }

    /// Begins to read the output of [`Self::start_stalled`].
    pub(crate) fn read_on(&mut self) {
        let stalled = self.stalled.take().unwrap();
        self.readers.push(self.output.clone().follow(stalled));
    }

    /// The same with nobody at the other end of its output.
    pub(crate) fn start_unread(config: &Path) -> Self {
        let mut child = spawn(config, &[], &[]);
        drop((child.stdout.take(), child.stderr.take()));
        Self {
            child,
            output: Arc::default(),
            readers: Vec::new(),
            stalled: None,
        }
    }

    /// Everything printed so far, errors too.
    pub(crate) fn lines(&self) -> Vec<String> {
        self.output.lines.lock().unwrap().clone()
    }

    /// How many lines contain a text.
    pub(crate) fn count(&self, text: &str) -> usize {
        self.lines().iter().filter(|l| l.contains(text)).count()
    }

    /// Waits for a line that contains a text, and returns it.
    pub(crate) fn wait_for(&self, text: &str) -> String {
        self.wait_for_nth(text, 1)
    }

    /// Waits for the nth line that contains a text, and returns it.
    pub(crate) fn wait_for_nth(&self, text: &str, n: usize) -> String {
        let deadline = Instant::now() + PATIENCE;
        let mut lines = self.output.lines.lock().unwrap();
        loop {
            if let Some(line) = lines.iter().filter(|l| l.contains(text)).nth(n - 1) {
                return line.clone();
            }
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                let said = lines.join("\n");
                drop(lines);
                panic!("tmkms did not say {text:?} {n} times; it said:\n{said}");
            }
            lines = self.output.more.wait_timeout(lines, left).unwrap().0;
        }
    }

    /// Where it is measured: `IP:PORT`, from its log.
    pub(crate) fn metrics(&self) -> std::net::SocketAddr {
        let line = self.wait_for("a page to look at: http://");
        let (_, address) = line.split_once("http://").unwrap();
        address.trim_end_matches('/').parse().unwrap()
    }

    /// The process' number.
    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Sends a signal.
    pub(crate) fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.child), signal).unwrap();
    }

    /// Waits for the process to end by itself.
    pub(crate) fn wait(mut self) -> Ended {
        let started = Instant::now();
        let status = loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                break status;
            }
            let said = || self.lines().join("\n");
            assert!(started.elapsed() < PATIENCE, "still running:\n{}", said());
            std::thread::sleep(Duration::from_millis(1));
        };
        let took = started.elapsed();
        for reader in self.readers.drain(..) {
            reader.join().unwrap();
        }
        Ended {
            status,
            lines: self.lines(),
            took,
        }
    }

    /// SIGTERM, which must end it with exit code 0.
    pub(crate) fn stop(self) -> Ended {
        self.signal(Signal::TERM);
        let ended = self.wait();
        assert_eq!(ended.status.code(), Some(0), "{:#?}", ended.lines);
        ended
    }

    /// SIGKILL.
    pub(crate) fn kill(self) {
        self.signal(Signal::KILL);
        self.wait();
    }
}

fn spawn(config: &Path, args: &[&str], environment: &[(&str, &str)]) -> Child {
    // Signers of other tests have the same key.
    let boot_memory = config.with_file_name("run");
    std::fs::create_dir_all(&boot_memory).unwrap();
    Command::new(env!("CARGO_BIN_EXE_tmkms"))
        .env("XDG_RUNTIME_DIR", boot_memory)
        .env_remove("NOTIFY_SOCKET")
        .envs(environment.iter().copied())
        .args(["start", "-c"])
        .arg(config)
        .args(args)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap()
}

impl Ended {
    /// The line that contains a text.
    pub(crate) fn line(&self, text: &str) -> &str {
        let found = self.lines.iter().find(|line| line.contains(text));
        found.unwrap_or_else(|| panic!("no line with {text:?} in {:#?}", self.lines))
    }

    /// Whether any line contains a text.
    pub(crate) fn says(&self, text: &str) -> bool {
        self.lines.iter().any(|line| line.contains(text))
    }
}

impl Drop for Tmkms {
    fn drop(&mut self) {
        // Fail only when the process has ended and been waited for: all is well then.
        let _ = self.child.kill();
        let _ = self.child.wait();
        let lines = self.lines();
        if std::thread::panicking() {
            eprintln!("--- tmkms said:\n{}", lines.join("\n"));
        } else if let Some(bug) = lines
            .iter()
            .find(|l| l.contains("panicked") || l.contains("a bug"))
        {
            panic!("tmkms has a bug: {bug}\n{}", lines.join("\n"));
        }
    }
}

impl Output {
    fn follow(self: Arc<Self>, pipe: impl Read + Send + 'static) -> JoinHandle<()> {
        std::thread::spawn(move || {
            for line in BufReader::new(pipe).lines() {
                let Ok(line) = line else { return };
                self.lines.lock().unwrap().push(line);
                self.more.notify_all();
            }
        })
    }
}
