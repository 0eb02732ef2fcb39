//! `remote-signer` killed at every system call that changes something, and with each of them
//! failing. After every one: the key is at one place that can sign, never below what was signed,
//! and the same command finishes the work, whatever sekaid did in between.

use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::os::unix::process::ExitStatusExt as _;
use std::path::{Path, PathBuf};

use tempfile::TempDir;

use crate::home::{ADDRESS, DECOY, Home, SECRET, SIGNED, count_with, height, said};

/// What changes a disk, and what makes it last.
const CALLS: [&str; 13] = [
    "openat",
    "write",
    "fsync",
    "rename",
    "renameat2",
    "mkdir",
    "chmod",
    "chown",
    "fchmod",
    "fchown",
    "unlink",
    "rmdir",
    "ftruncate",
];

const FAULTS: [&str; 2] = ["signal=KILL", "error=EIO"];

/// What the signer has signed when the key comes back.
const REMOTE: u64 = 20;

/// More calls of one name than a command makes.
const MANY: u32 = 200;

const LISTEN: &str = "tcp://127.0.0.1:9";

/// A home and the place of the bundle, which may be on another file system.
struct Scene {
    home: Home,
    bundle: PathBuf,
    _elsewhere: Option<TempDir>,
}

impl Scene {
    fn new(elsewhere: bool) -> Self {
        let home = Home::new();
        let other = elsewhere.then(|| {
            let dir = tempfile::tempdir_in("/dev/shm").unwrap();
            let device = |path: &Path| fs::metadata(path).unwrap().dev();
            assert_ne!(device(dir.path()), device(&home.root), "one file system");
            dir
        });
        let bundle = match &other {
            Some(dir) => dir.path().join("bundle"),
            None => home.path("signer-bundle"),
        };
        Self {
            home,
            bundle,
            _elsewhere: other,
        }
    }

    fn enable(&self) -> Vec<String> {
        let bundle = self.bundle.to_str().unwrap();
        let words = [
            "remote-signer",
            "enable",
            "--listen",
            LISTEN,
            "--bundle",
            bundle,
        ];
        words.map(str::to_owned).to_vec()
    }

    fn disable(&self) -> Vec<String> {
        let state = self.home.dir.path().join("exported.json");
        let text = format!("{{\"height\":\"{REMOTE}\",\"round\":\"0\",\"step\":2}}");
        fs::write(&state, text).unwrap();
        let state = state.to_str().unwrap();
        let words = [
            "remote-signer",
            "disable",
            "--signer-stopped",
            "--state",
            state,
        ];
        words.map(str::to_owned).to_vec()
    }

    /// Takes an `enable` back that nobody has made use of.
    fn take_back(&self) -> Vec<String> {
        let height = SIGNED.to_string();
        let words = [
            "remote-signer",
            "disable",
            "--signer-stopped",
            "--height",
            &height,
        ];
        words.map(str::to_owned).to_vec()
    }

    fn secrets(&self) -> usize {
        let beyond = if self.bundle.starts_with(&self.home.root) || !self.bundle.exists() {
            0
        } else {
            count_with(&self.bundle, SECRET)
        };
        count_with(&self.home.root, SECRET) + beyond
    }

    /// Whether a sekaid that is started now signs with the validator's key.
    fn node_can_sign(&self) -> bool {
        let key = fs::read_to_string(self.home.path("config/priv_validator_key.json"));
        let config = self.home.read("config/config.toml");
        key.is_ok_and(|key| key.contains(ADDRESS)) && config.contains("laddr = \"\"")
    }

    /// What holds at any time.
    fn check(&self, at_least: u64, when: &str) {
        assert!(self.secrets() >= 1, "the key is lost, {when}");
        if self.node_can_sign() {
            assert_eq!(self.secrets(), 1, "two places can sign, {when}");
            let signed = self.home.height("data/priv_validator_state.json");
            assert!(signed >= at_least, "the node would sign again, {when}");
        }
        let config = self.home.read("config/config.toml");
        assert!(
            config.contains("# the node\n"),
            "config.toml is torn, {when}"
        );
    }

    /// What sekaid does at a start without a key.
    fn sekaid_starts(&self) {
        if !self.home.path("config/priv_validator_key.json").exists() {
            self.home.write("config/priv_validator_key.json", DECOY);
            self.home.write(
                "data/priv_validator_state.json",
                "{\"height\":\"0\",\"round\":0,\"step\":0}",
            );
        }
    }
}

/// Runs a command with a fault at the `number`th call; whether the fault was reached.
fn with_fault(scene: &Scene, words: &[String], call: &str, fault: &str, number: u32) -> bool {
    let inject = format!("inject={call}:{fault}:when={number}");
    let strace = ["strace", "-qq", "-o", "/dev/null", "-e", &inject];
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let output = scene.home.wrapped(&strace, &words).output();
    let output = output.expect("strace, of the package of that name, is run");
    let text = said(&output);
    assert!(!text.contains("strace:"), "{text}");
    assert!(!text.contains("panicked"), "{text}");
    output.status.signal() == Some(9) || !output.status.success()
}

/// Every fault of one command, each in a scene of its own.
fn every_fault(
    elsewhere: bool,
    prepare: impl Fn(&Scene),
    words: impl Fn(&Scene) -> Vec<String>,
    finish: impl Fn(&Scene) -> Vec<String>,
    before: u64,
    done: impl Fn(&Scene, &str),
) -> u32 {
    let mut reached = 0;
    for fault in FAULTS {
        for call in CALLS {
            // A fault that changes nothing is followed by one more, because some errors are
            // nobody's: those of the loader, or of a look that may fail.
            let mut unreached = 0;
            for number in 1..MANY {
                let when = format!("{call} number {number}, {fault}");
                let scene = Scene::new(elsewhere);
                prepare(&scene);
                let words = words(&scene);
                if with_fault(&scene, &words, call, fault, number) {
                    reached += 1;
                    unreached = 0;
                } else {
                    unreached += 1;
                }
                scene.check(before, &when);
                scene.sekaid_starts();
                scene.check(before, &when);
                let words = finish(&scene);
                let output = scene
                    .home
                    .command(&words.iter().map(String::as_str).collect::<Vec<_>>())
                    .output()
                    .unwrap();
                assert!(output.status.success(), "{when}: {}", said(&output));
                done(&scene, &when);
                if unreached == 3 {
                    break;
                }
            }
        }
    }
    reached
}

fn is_enabled(scene: &Scene, when: &str) {
    assert_eq!(scene.secrets(), 1, "{when}");
    assert!(!scene.node_can_sign(), "{when}");
    let config = scene.home.read("config/config.toml");
    assert!(
        config.contains(&format!("laddr = {LISTEN:?} # none")),
        "{when}: {config}"
    );
    assert_eq!(count_with(&scene.bundle, SECRET), 1, "{when}");
    let mark = height(&scene.bundle.join("data/priv_validator_state.json"));
    assert_eq!(mark, SIGNED, "{when}");
}

fn is_disabled(scene: &Scene, when: &str) {
    assert_eq!(scene.secrets(), 1, "{when}");
    assert!(scene.node_can_sign(), "{when}");
    let signed = scene.home.height("data/priv_validator_state.json");
    assert_eq!(signed, REMOTE, "{when}");
    assert!(
        !scene.home.path(".scaller/remote-signer.json").exists(),
        "{when}"
    );
}

fn is_taken_back(scene: &Scene, when: &str) {
    assert_eq!(scene.secrets(), 1, "{when}");
    assert!(scene.node_can_sign(), "{when}");
    let signed = scene.home.height("data/priv_validator_state.json");
    assert_eq!(signed, SIGNED, "{when}");
}

fn enabled_and_started(scene: &Scene) {
    let words = scene.enable();
    scene
        .home
        .ok(&words.iter().map(String::as_str).collect::<Vec<_>>());
    scene.sekaid_starts();
}

#[test]
fn an_interrupted_enable_leaves_one_place_and_is_finished_by_the_next() {
    let reached = every_fault(
        false,
        |_| {},
        Scene::enable,
        Scene::enable,
        SIGNED,
        is_enabled,
    );
    assert!(reached > 50, "only {reached} faults were reached");
    println!("enable: {reached} faults");
}

#[test]
fn an_interrupted_enable_to_another_disk_is_finished_too() {
    let reached = every_fault(
        true,
        |_| {},
        Scene::enable,
        Scene::enable,
        SIGNED,
        is_enabled,
    );
    assert!(reached > 50, "only {reached} faults were reached");
    println!("enable to another disk: {reached} faults");
}

#[test]
fn an_interrupted_disable_never_signs_below_the_signers_mark() {
    let reached = every_fault(
        false,
        enabled_and_started,
        Scene::disable,
        Scene::disable,
        REMOTE,
        is_disabled,
    );
    assert!(reached > 50, "only {reached} faults were reached");
    println!("disable: {reached} faults");
}

#[test]
fn an_interrupted_disable_from_another_disk_is_finished_too() {
    let reached = every_fault(
        true,
        enabled_and_started,
        Scene::disable,
        Scene::disable,
        REMOTE,
        is_disabled,
    );
    assert!(reached > 50, "only {reached} faults were reached");
    println!("disable from another disk: {reached} faults");
}

#[test]
fn an_interrupted_enable_can_be_taken_back() {
    for elsewhere in [false, true] {
        let reached = every_fault(
            elsewhere,
            |_| {},
            Scene::enable,
            Scene::take_back,
            SIGNED,
            is_taken_back,
        );
        assert!(reached > 50, "only {reached} faults were reached");
        println!("enable, taken back: {reached} faults");
    }
}
