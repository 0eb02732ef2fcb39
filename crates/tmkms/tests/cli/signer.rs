//! A running `tmkms start`, and a made-up node for it.

use std::fs::File;
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use privval::{ChainId, Height, PublicKey, Timestamp};
use rustix::process::{Pid, Signal, kill_process};
use testnode::{Listener, precommit, prevote, proposal};

use crate::home::{Done, Home, TMKMS};

/// The most that anything here takes.
pub(crate) const PATIENCE: Duration = Duration::from_secs(10);

/// The chain of every test with a node.
pub(crate) const CHAIN: &str = "testnet-1";

/// A signer that runs until it is stopped; its output goes to files in the directory.
pub(crate) struct Signer<'a> {
    home: &'a Home,
    child: Child,
    /// Its output is in files with this name.
    name: &'static str,
}

impl<'a> Signer<'a> {
    /// `tmkms start -c kms/tmkms.toml` with more arguments.
    pub(crate) fn start(home: &'a Home, more: &[&str]) -> Self {
        let arguments = [&["start", "-c", "kms/tmkms.toml"], more].concat();
        Self::run(home, "signer", &arguments)
    }

    /// Any command that runs until it is stopped, with output in files of this name.
    pub(crate) fn run(home: &'a Home, name: &'static str, arguments: &[&str]) -> Self {
        let file = |ending: &str| File::create(home.path(&format!("{name}.{ending}"))).unwrap();
        let mut command = Command::new(TMKMS);
        home.prepare(command.args(arguments))
            .stdout(file("out"))
            .stderr(file("err"));
        let mut running = Self::spawn(home, &mut command);
        running.name = name;
        running
    }

    /// Any command, with whatever output it has.
    pub(crate) fn spawn(home: &'a Home, command: &mut Command) -> Self {
        let child = command.stdin(Stdio::null()).spawn().expect("the signer");
        let name = "signer";
        Self { home, child, name }
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Waits until a text is in the log.
    pub(crate) fn wait_for(&mut self, text: &str) {
        let deadline = Instant::now() + PATIENCE;
        while !self.home.read(&format!("{}.out", self.name)).contains(text) {
            let ended = self.child.try_wait().unwrap();
            assert!(ended.is_none(), "ended early:\n{}", self.output());
            assert!(
                Instant::now() < deadline,
                "no {text:?} in:\n{}",
                self.output()
            );
            sleep(Duration::from_millis(5));
        }
    }

    /// Waits for the end of a signer that ends by itself.
    pub(crate) fn wait(mut self) -> Done {
        let deadline = Instant::now() + PATIENCE;
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                let read = |ending| {
                    let file = self.home.path(&format!("{}.{ending}", self.name));
                    std::fs::read_to_string(file).unwrap_or_default()
                };
                return Done {
                    code: status.code().unwrap_or(-1),
                    stdout: read("out"),
                    stderr: read("err"),
                };
            }
            assert!(Instant::now() < deadline, "no end:\n{}", self.output());
            sleep(Duration::from_millis(5));
        }
    }

    /// Asks it to end, as a service manager does.
    pub(crate) fn stop(self) -> Done {
        let pid = i32::try_from(self.child.id()).unwrap();
        kill_process(Pid::from_raw(pid).unwrap(), Signal::TERM).unwrap();
        self.wait()
    }

    fn output(&self) -> String {
        self.home
            .sh(&format!("cat {0}.out {0}.err 2>/dev/null; true", self.name))
            .stdout
    }
}

impl Drop for Signer<'_> {
    /// For tests that fail half way: nothing is left running.
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A node that listens, and `kms/` with a new key and a tmkms.toml for it.
pub(crate) fn node(home: &Home) -> Listener {
    let node = Listener::tcp().unwrap();
    let addr = node.tcp_addr().unwrap();
    home.must(&format!(
        "tmkms init kms -n kira --chain-id {CHAIN} --addr tcp://{addr} &&
         tmkms softsign keygen kms/secrets/priv_validator_key.json"
    ));
    node
}

/// Has a height signed, all three messages, and verifies them.
pub(crate) fn sign(signer: &mut testnode::Signer, key: &PublicKey, height: i64) {
    let chain = ChainId::new(CHAIN).unwrap();
    let height = Height::try_from(height).unwrap();
    let timestamp = Timestamp {
        seconds: 1_769_804_797,
        nanos: 0,
    };
    for message in [proposal, prevote, precommit] {
        let asked = message(&chain, height, timestamp);
        signer.sign(key, &asked, &[]).expect("a signature");
    }
}
