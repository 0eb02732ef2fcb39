//! A CometBFT node with its home directory.

use crate::PATIENCE;
use crate::binaries::{CometBft, cometbft};
use crate::config_file::ConfigFile;
use crate::ports::free_port;
use crate::process::{Process, run};
use crate::rpc::Rpc;
use crate::wait::until;
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus};

/// A node of one release line. It is configured in place and can be started
/// and stopped any number of times on the same home directory.
pub struct Node {
    /// Its RPC server.
    pub rpc: Rpc,
    /// `tcp://` or `unix://` address at which it waits for a signer, if it does.
    pub signer_address: Option<String>,
    release: CometBft,
    app: String,
    home: PathBuf,
    p2p_port: u16,
    process: Option<Process>,
}

impl Node {
    /// `cometbft init` in `home`, with a key of its own, the genesis of a
    /// single-validator chain `chain_id`, and short consensus timeouts.
    pub fn init(release: CometBft, home: PathBuf, chain_id: &str) -> Self {
        run(Command::new(cometbft(release))
            .arg("init")
            .arg("--home")
            .arg(&home));
        let node = Self {
            rpc: Rpc { port: free_port() },
            signer_address: None,
            release,
            app: "persistent_kvstore".to_owned(),
            home,
            p2p_port: free_port(),
            process: None,
        };
        fast_chain(
            &node.path("config/config.toml"),
            node.rpc.port,
            node.p2p_port,
        );
        node.edit_genesis(|genesis| genesis["chain_id"] = json!(chain_id));
        node
    }

    /// Lets the node wait for a signer at `address` instead of signing itself.
    pub fn use_signer(&mut self, address: &str) {
        self.config()
            .set("", "priv_validator_laddr", &format!("{address:?}"))
            .save();
        self.signer_address = Some(address.to_owned());
    }

    /// The same at a free TCP port of the loopback interface; returns the address.
    pub fn use_tcp_signer(&mut self) -> String {
        let address = format!("tcp://127.0.0.1:{}", free_port());
        self.use_signer(&address);
        address
    }

    /// Serves the ABCI application at `address` instead of the built-in store.
    pub fn use_app(&mut self, address: &str) {
        address.clone_into(&mut self.app);
    }

    /// Connects to exactly these peers (`id@host:port`).
    pub fn use_peers(&self, peers: &[String]) {
        self.config()
            .set("p2p", "persistent_peers", &format!("{:?}", peers.join(",")))
            .save();
    }

    /// Pauses between blocks, so that a stop falls into a pause and not into the
    /// middle of a height.
    pub fn use_pauses(&self) {
        self.config()
            .set("consensus", "timeout_commit", "\"400ms\"")
            .set("consensus", "skip_timeout_commit", "false")
            .save();
    }

    /// `id@host:port` for other nodes to connect to.
    pub fn peer_address(&self) -> String {
        let id = run(Command::new(cometbft(self.release))
            .arg("show-node-id")
            .arg("--home")
            .arg(&self.home));
        format!("{}@127.0.0.1:{}", id.trim(), self.p2p_port)
    }

    /// Changes the genesis file.
    pub fn edit_genesis(&self, change: impl FnOnce(&mut Value)) {
        let path = self.path("config/genesis.json");
        let mut genesis = self.read_json("config/genesis.json");
        change(&mut genesis);
        std::fs::write(path, genesis.to_string()).unwrap();
    }

    /// A JSON file of the home directory.
    pub fn read_json(&self, name: &str) -> Value {
        let text = std::fs::read_to_string(self.path(name)).unwrap();
        serde_json::from_str(&text).unwrap()
    }

    /// The address of the validator key in the home directory, upper-case hex.
    pub fn validator_address(&self) -> String {
        let key = self.read_json("config/priv_validator_key.json");
        key["address"].as_str().unwrap().to_owned()
    }

    /// Moves the validator key out of the node's reach. The node writes a new,
    /// useless one in its place at its start.
    pub fn take_key_away(&self) {
        let key = self.path("config/priv_validator_key.json");
        std::fs::rename(key, self.path("moved-away.json")).unwrap();
    }

    /// A path below the home directory.
    pub fn path(&self, name: &str) -> PathBuf {
        self.home.join(name)
    }

    /// Starts the node. It does not wait for anything.
    pub fn start(&mut self) {
        self.remove_stale_socket();
        let mut command = Command::new(cometbft(self.release));
        command.arg("start").arg("--home").arg(&self.home);
        command.arg(format!("--proxy_app={}", self.app));
        let name = format!("node {} {}", self.release.line(), self.home.display());
        self.process = Some(Process::start(&name, &mut command, &self.path("node.log")));
    }

    /// Ends the node with SIGTERM.
    pub fn stop(&mut self) -> ExitStatus {
        self.process.take().unwrap().terminate()
    }

    /// Ends the node with SIGKILL.
    pub fn kill(&mut self) {
        self.process.take().unwrap().kill();
    }

    /// The running process.
    pub fn process(&mut self) -> &mut Process {
        self.process.as_mut().unwrap()
    }

    /// Waits for the block of `height` to be committed; returns the height reached.
    ///
    /// # Panics
    /// When the node ends first or [`PATIENCE`] passes.
    pub fn wait_for_height(&mut self, height: u64) -> u64 {
        let rpc = self.rpc;
        wait_for_height(rpc, self.process(), height)
    }

    /// Waits for `count` more blocks than there are now; returns the height reached.
    pub fn wait_for_blocks(&mut self, count: u64) -> u64 {
        let now = self.rpc.height().unwrap_or(0);
        self.wait_for_height(now + count)
    }

    /// CometBFT leaves the file of its Unix socket behind and then refuses to
    /// start over it; operators have to remove it too.
    fn remove_stale_socket(&self) {
        let address = self.signer_address.as_deref().unwrap_or_default();
        if let Some(path) = address.strip_prefix("unix://") {
            // Missing at the first start.
            let _ = std::fs::remove_file(path);
        }
    }

    fn config(&self) -> ConfigFile {
        ConfigFile::open(&self.path("config/config.toml"))
    }
}

/// Waits until the node `process` has committed the block of `height`; returns
/// the height reached.
///
/// # Panics
/// When the node ends first or [`PATIENCE`] passes.
pub fn wait_for_height(rpc: Rpc, process: &mut Process, height: u64) -> u64 {
    until(
        &format!("the chain reaches height {height}"),
        PATIENCE,
        || {
            assert!(
                process.is_running(),
                "the node ended before height {height}"
            );
            rpc.height().filter(|reached| *reached >= height)
        },
    )
}

/// Short consensus timeouts, loopback ports, nothing that tests do not need.
/// Works on the config.toml of every release from 0.34 to 1.0 and of sekaid.
pub fn fast_chain(config: &Path, rpc_port: u16, p2p_port: u16) {
    ConfigFile::open(config)
        .set("rpc", "laddr", &format!("\"tcp://127.0.0.1:{rpc_port}\""))
        .set("p2p", "laddr", &format!("\"tcp://127.0.0.1:{p2p_port}\""))
        .set("p2p", "addr_book_strict", "false")
        .set("p2p", "allow_duplicate_ip", "true")
        .set("p2p", "pex", "false")
        .set("consensus", "timeout_propose", "\"500ms\"")
        .set("consensus", "timeout_prevote", "\"200ms\"")
        .set("consensus", "timeout_precommit", "\"200ms\"")
        .set("consensus", "timeout_commit", "\"20ms\"")
        .set("consensus", "skip_timeout_commit", "true")
        .set("consensus", "peer_gossip_sleep_duration", "\"10ms\"")
        .set("tx_index", "indexer", "\"null\"")
        .save();
}
