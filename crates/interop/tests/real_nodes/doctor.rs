//! `tmkms doctor` with KIRA's node: what is wrong with it is made on purpose, and named.

use crate::sekaid::{CHAIN_ID, Sekai, set_up_signer};
use interop::{ConfigFile, PATIENCE, Process, Signer, run, tmkms, until, wait_for_height};
use serde_json::Value;
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

/// What `tmkms doctor --json` finds.
struct Diagnosis(Vec<Value>);

impl Diagnosis {
    /// With everything that can be said of the node.
    fn of(config: &Path, sekai: &Sekai) -> Self {
        let mut command = Command::new(tmkms());
        command.args(["doctor", "--json", "-c"]).arg(config);
        command.arg("--node-home").arg(&sekai.home);
        command.arg("--rpc");
        command.arg(format!("http://127.0.0.1:{}", sekai.rpc.port));
        let output = command.output().unwrap();
        let value: Value = serde_json::from_slice(&output.stdout)
            .unwrap_or_else(|error| panic!("{error}: {}", String::from_utf8_lossy(&output.stderr)));
        Self(value["findings"].as_array().unwrap().clone())
    }

    fn find(&self, id: &str) -> Option<&Value> {
        self.0.iter().find(|it| it["id"] == id)
    }

    #[track_caller]
    fn has(&self, id: &str, status: &str, remedy: &str) -> &Self {
        let found = self.find(id);
        let found = found.unwrap_or_else(|| panic!("no {id} in {:#?}", self.0));
        assert_eq!(found["status"], status, "{found:#}");
        let steps = found["remedy"].as_array().unwrap();
        let has_step = steps.iter().any(|it| it.as_str().unwrap().contains(remedy));
        assert!(has_step || remedy.is_empty(), "no {remedy:?} in {found:#}");
        self
    }

    /// What is broken, but for the disk that the test runs on.
    fn broken(&self) -> Vec<&str> {
        let broken = self.0.iter().filter(|it| it["status"] == "broken");
        let ids = broken.map(|it| it["id"].as_str().unwrap());
        ids.filter(|id| !id.starts_with("disk.")).collect()
    }
}

/// A node's home, and a signer's directory with its key, which is gone from the node.
struct Scene {
    dir: tempfile::TempDir,
    sekai: Sekai,
    config: PathBuf,
}

impl Scene {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let sekai = Sekai::init(dir.path().join("sekai"));
        let config = set_up_signer(&sekai, &dir.path().join("tmkms"));
        sekai.take_key_away();
        Self { dir, sekai, config }
    }

    fn signer(&self) -> Signer {
        Signer::start(&tmkms(), &self.config)
    }

    fn look(&self) -> Diagnosis {
        Diagnosis::of(&self.config, &self.sekai)
    }

    /// Looks until a finding is there.
    fn wait_for(&self, id: &str) -> Diagnosis {
        until(&format!("doctor finds {id}"), PATIENCE, || {
            let found = self.look();
            found.find(id).is_some().then_some(found)
        })
    }

    fn port(&self) -> String {
        self.sekai.signer_address.replace("tcp://", "")
    }

    fn edit_config(&self, from: &str, to: &str) {
        let text = std::fs::read_to_string(&self.config).unwrap();
        std::fs::write(&self.config, text.replace(from, to)).unwrap();
    }
}

#[test]
fn sekaid_that_is_signed_for_has_nothing_broken_until_it_is_probed_or_stopped() {
    let scene = Scene::new();
    let signer = scene.signer();
    let mut node = scene.sekai.start();
    wait_for_height(scene.sekai.rpc, &mut node, 5);
    let found = scene.look();
    assert_eq!(found.broken(), [""; 0], "{:#?}", found.0);
    for id in [
        "node.answers",
        "node.chain_id_same",
        "node.version_known",
        "node.is_validator",
        "clock.same",
        "home.laddr",
        "home.decoy",
        "port.connected",
        "signer.connected",
        "state.fits_node",
    ] {
        found.has(id, "fine", "");
    }
    // The node goes on signing after it was looked at.
    let height = scene.sekai.rpc.height().unwrap();
    wait_for_height(scene.sekai.rpc, &mut node, height + 3);

    for _ in 0..5 {
        drop(TcpStream::connect(scene.port()).unwrap());
    }
    scene
        .look()
        .has("port.backlog", "broken", "nothing may probe the port");

    interop::run(Command::new("kill").args(["-STOP", &node.id().to_string()]));
    let stopped = scene.look();
    stopped.has("port.frozen", "broken", "kill -CONT");
    stopped.has("node.rpc_silent", "broken", "--node-home");
    interop::run(Command::new("kill").args(["-CONT", &node.id().to_string()]));
    // It has its queue to work off.
    node.kill();
    signer.stop();
}

#[test]
fn sekaid_that_gave_up_or_signs_by_itself_is_told() {
    let scene = Scene::new();
    let mut node = scene.sekai.start();
    node.wait_for_exit(PATIENCE);
    assert!(node.output().contains("endpoint connection timed out"));
    scene
        .look()
        .has("port.no_process", "broken", "scaller start")
        .has("signer.not_running", "broken", "tmkms start")
        .has("node.rpc_silent", "broken", "is the node running");
    // The signer is there, and nothing has started the node again.
    let signer = scene.signer();
    scene.wait_for("signer.node_refused").has(
        "signer.node_refused",
        "broken",
        "priv_validator_laddr",
    );
    signer.stop();

    let key = scene.sekai.home.join("config/priv_validator_key.json");
    std::fs::rename(scene.sekai.home.join("moved-away.json"), key).unwrap();
    ConfigFile::open(&scene.sekai.home.join("config/config.toml"))
        .set("", "priv_validator_laddr", "\"\"")
        .save();
    let mut node = scene.sekai.start();
    wait_for_height(scene.sekai.rpc, &mut node, 3);
    scene
        .look()
        .has("home.no_laddr", "broken", "sed -i")
        .has("home.key_still_there", "broken", "mv -n")
        .has("home.state_ahead", "broken", "tmkms state import");
    node.kill();
}

#[test]
fn wrong_chain_id_and_wrong_key_are_told_with_sekaid() {
    let scene = Scene::new();
    scene.edit_config(CHAIN_ID, "testnet-9");
    let signer = scene.signer();
    let mut node = scene.sekai.start();
    node.wait_for_exit(PATIENCE);
    scene
        .look()
        .has("home.chain_id_differs", "broken", "\"testnet-1\" for `id`")
        .has("signer.wrong_chain", "broken", "genesis.json");
    signer.stop();

    scene.edit_config("testnet-9", CHAIN_ID);
    // In the place of the validator's: what a decoy that was imported looks like.
    run(Command::new(tmkms())
        .args(["softsign", "keygen", "--force"])
        .arg(
            scene
                .dir
                .path()
                .join("tmkms/secrets/priv_validator_key.json"),
        ));
    let signer = scene.signer();
    let mut node: Process = scene.sekai.start();
    node.wait_for_output("This node is not a validator", PATIENCE);
    until("the RPC answers", Duration::from_secs(20), || {
        scene.look().find("node.rpc_silent").is_none().then_some(())
    });
    let found = scene.look();
    found.has("signer.connected", "fine", "").has(
        "node.not_validator",
        "broken",
        "tmkms softsign import",
    );
    node.kill();
    signer.stop();
}
