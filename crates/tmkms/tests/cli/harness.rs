//! `tmkms harness` on the real signer.

use std::fs::File;
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::home::{Done, Home, TMKMS};
use crate::signer::Signer;
use crate::transcript::transcripts;

transcripts! { "harness":
    bad_options
    live_chain
    nobody_there
}

/// The most that a run takes.
const PATIENCE: Duration = Duration::from_secs(90);

/// The first height of these runs. The signer's state says that the one before is signed: without
/// a state it would let heights pass for 30 s.
const HEIGHT: i64 = 1_000_000_000_001;

/// A harness that waits for its signer.
struct Harness<'a> {
    home: &'a Home,
    child: Child,
}

impl<'a> Harness<'a> {
    fn start(home: &'a Home, args: &str) -> Self {
        let mut command = Command::new(TMKMS);
        command.arg("harness").args(args.split_whitespace());
        home.prepare(&mut command)
            .stdin(Stdio::null())
            .stdout(File::create(home.path("harness.out")).unwrap())
            .stderr(File::create(home.path("harness.err")).unwrap());
        let child = command.spawn().unwrap();
        Self { home, child }
    }

    /// Where it listens, once it says so.
    fn address(&self) -> String {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let told = self.home.read("harness.out") + &self.home.read("harness.err");
            let rest = told.split_once("Listening at ").map(|(_, rest)| rest);
            if let Some((address, _)) = rest.and_then(|rest| rest.split_once(" for ")) {
                return address.to_owned();
            }
            assert!(Instant::now() < deadline, "{told}");
            sleep(Duration::from_millis(5));
        }
    }

    fn wait(&mut self) -> Done {
        let deadline = Instant::now() + PATIENCE;
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                return Done {
                    code: status.code().unwrap_or(-1),
                    stdout: self.home.read("harness.out"),
                    stderr: self.home.read("harness.err"),
                };
            }
            assert!(
                Instant::now() < deadline,
                "{}",
                self.home.read("harness.out")
            );
            sleep(Duration::from_millis(20));
        }
    }
}

impl Drop for Harness<'_> {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The real signer, set up for the harness, tried to the end.
fn tried(home: &Home, args: &str, chain: &str) -> Done {
    let mut harness = Harness::start(home, args);
    let addr = harness.address();
    home.must(&format!(
        "tmkms init kms -n kira --chain-id {chain} --addr {addr} &&
         tmkms softsign keygen kms/secrets/priv_validator_key.json &&
         tmkms state import -c kms/tmkms.toml --height {}",
        HEIGHT - 1
    ));
    let signer = Signer::start(home, &[]);
    let done = harness.wait();
    drop(signer);
    done
}

#[test]
fn our_signer_passes_over_tcp_as_every_version_of_the_node() {
    let home = Home::new();
    let args = format!("--extensions --height {HEIGHT}");
    let done = tried(&home, &args, "tmkms-harness-1");
    assert_eq!(
        (done.code, done.stderr.as_str()),
        (0, ""),
        "{}",
        done.stdout
    );
    for version in ["0.34", "0.37", "0.38", "0.39", "0.40", "1.0"] {
        assert!(
            done.stdout.contains(&format!("\nAs CometBFT {version}\n")),
            "{}",
            done.stdout
        );
    }
    for bad in ["✖", "not asked"] {
        assert!(!done.stdout.contains(bad), "{}", done.stdout);
    }
    assert!(
        done.stdout
            .contains("\nlatency of 100 requests in a row: p50 ")
    );
    assert!(
        done.stdout.ends_with("\nA node can rely on this signer.\n"),
        "{}",
        done.stdout
    );
}

#[test]
fn our_signer_passes_over_a_unix_socket_and_the_report_is_json() {
    let home = Home::new();
    let socket = home.path("node.sock");
    let args = format!(
        "--extensions --json --protocol 0.38,1.0 --height {HEIGHT} --listen unix://{}",
        socket.display()
    );
    let done = tried(&home, &args, "tmkms-harness-1");
    assert_eq!(done.code, 0, "{}{}", done.stdout, done.stderr);
    assert!(!socket.exists());
    let report: Value = serde_json::from_str(&done.stdout).unwrap();
    assert_eq!(report["passed"], true);
    assert_eq!(report["chain_id"], "tmkms-harness-1");
    assert_eq!(report["heights"][0], HEIGHT);
    let cases = report["cases"].as_array().unwrap();
    assert!(cases.len() > 60, "{}", cases.len());
    for case in cases {
        assert_eq!(case["verdict"], "passed", "{case}");
    }
    assert_eq!(report["latency"]["requests"], 100);
}

#[test]
fn signer_of_another_chain_fails_and_its_refusal_is_told() {
    let home = Home::new();
    let args = format!("--protocol 0.38 --height {HEIGHT}");
    let done = tried(&home, &args, "testnet-1");
    assert_eq!(
        (done.code, done.stderr.as_str()),
        (1, ""),
        "{}",
        done.stdout
    );
    let told = "the public key for chain tmkms-harness-1 was refused: the request is for chain \
                tmkms-harness-1, this signer signs for testnet-1 here";
    assert!(done.stdout.contains(told), "{}", done.stdout);
    assert!(
        done.stdout.contains("not asked: answers ended the run"),
        "{}",
        done.stdout
    );
    assert!(
        done.stdout.contains("A node can NOT rely on this signer"),
        "{}",
        done.stdout
    );
}

#[test]
fn key_that_is_not_the_expected_one_fails() {
    let home = Home::new();
    let key = "0707070707070707070707070707070707070707070707070707070707070707";
    let args = format!("--protocol 0.37 --height {HEIGHT} --public-key {key}");
    let done = tried(&home, &args, "tmkms-harness-1");
    assert_eq!(done.code, 1, "{}", done.stdout);
    let failed: Vec<&str> = done
        .stdout
        .lines()
        .filter(|line| line.contains('✖'))
        .collect();
    let named = |line: &&&str| line.contains("must") && line.contains("expected-key");
    // The last line explains the mark.
    assert_eq!(failed.iter().filter(named).count(), 1, "{failed:?}");
    assert_eq!(failed.len(), 2, "{failed:?}");
}
