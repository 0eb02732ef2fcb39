//! What a signer finds when it starts: its files, and nodes that listen.

use std::fs;
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ed25519_dalek::SigningKey;
use privval::ChainId;
use sha2::{Digest as _, Sha256};
use tempfile::TempDir;

use crate::contender::Transport;
use crate::error::BenchError;
use crate::requests::address;

/// The files of all signers, in a directory of their own.
pub(crate) struct Files {
    root: TempDir,
    run: TempDir,
}

/// A listening node.
pub(crate) struct Node {
    /// The chain it belongs to.
    pub(crate) chain: ChainId,
    /// Where signers dial.
    pub(crate) address: String,
    /// Its socket.
    pub(crate) socket: Socket,
}

/// A node's socket; accepts do not block.
pub(crate) enum Socket {
    /// For `tcp://`.
    Tcp(TcpListener),
    /// For `unix://`.
    Unix(UnixListener),
}

/// Files and nodes.
pub(crate) struct Scene {
    /// The files.
    pub(crate) files: Files,
    /// The nodes, chain after chain.
    pub(crate) nodes: Vec<Node>,
}

impl Files {
    /// Where they all are.
    pub(crate) fn root(&self) -> &Path {
        self.root.path()
    }

    /// For what ours remembers until the next boot: in memory, as where it runs in earnest.
    pub(crate) fn run(&self) -> &Path {
        self.run.path()
    }

    /// The directory for states. Its name is that which horcrux expects.
    pub(crate) fn state(&self) -> PathBuf {
        self.root().join("state")
    }

    /// The nodes: chain id and address.
    pub(crate) fn nodes(&self) -> PathBuf {
        self.root().join("nodes")
    }

    /// The configuration that ours and tmkms share.
    pub(crate) fn tmkms_toml(&self) -> PathBuf {
        self.root().join("tmkms.toml")
    }

    /// The key in tmkms' form.
    pub(crate) fn seed(&self) -> PathBuf {
        self.root().join("consensus.key")
    }

    /// The key in CometBFT's form.
    pub(crate) fn go_key(&self) -> PathBuf {
        self.root().join("priv_validator_key.json")
    }
}

impl Scene {
    /// Makes nodes that listen, and the files of a signer that never signed before.
    pub(crate) fn new(
        directory: &Path,
        key: &SigningKey,
        transport: Transport,
        names: &[String],
        nodes_per_chain: u32,
    ) -> Result<Self, BenchError> {
        let root = tempfile::Builder::new().prefix("b").tempdir_in(directory);
        let memory = Path::new("/dev/shm");
        let run = tempfile::Builder::new().prefix("b").tempdir_in(memory);
        let files = Files {
            root: root.map_err(BenchError::file(directory))?,
            run: run.map_err(BenchError::file(memory))?,
        };
        let mut nodes = Vec::new();
        for (chain, name) in (1..).zip(names) {
            for node in 1..=nodes_per_chain {
                let socket = files.root().join(format!("{chain}-{node}.sock"));
                nodes.push(Node::new(name, transport, &socket)?);
            }
        }
        let scene = Self { files, nodes };
        scene.write(key)?;
        Ok(scene)
    }

    /// The chains, each once.
    pub(crate) fn chains(&self) -> Vec<&ChainId> {
        let mut chains: Vec<&ChainId> = self.nodes.iter().map(|node| &node.chain).collect();
        chains.dedup();
        chains
    }

    fn write(&self, key: &SigningKey) -> Result<(), BenchError> {
        let files = &self.files;
        fs::create_dir(files.state()).map_err(BenchError::file(&files.state()))?;
        let nodes = self.nodes.iter();
        let nodes: String = nodes
            .map(|node| format!("{} {}\n", node.chain, node.address))
            .collect();
        write(&files.nodes(), &nodes)?;
        write(&files.seed(), &STANDARD.encode(key.to_bytes()))?;
        let identity = STANDARD.encode(Sha256::digest(key.to_bytes()));
        write(&files.root().join("identity.key"), &identity)?;
        write(&files.tmkms_toml(), &self.tmkms_toml())?;
        write(&files.go_key(), &go_key(key))?;
        self.write_horcrux(key)
    }

    fn tmkms_toml(&self) -> String {
        let root = self.files.root().display();
        let mut text = String::new();
        for chain in self.chains() {
            text.push_str(&format!(
                "[[chain]]\nid = \"{chain}\"\nkey_format = {{ type = \"hex\" }}\n\
                 state_file = \"{root}/state/{chain}.json\"\n\n"
            ));
        }
        for Node { chain, address, .. } in &self.nodes {
            text.push_str(&format!(
                "[[validator]]\nchain_id = \"{chain}\"\naddr = \"{address}\"\n\
                 secret_key = \"{root}/identity.key\"\nprotocol_version = \"v0.34\"\n\
                 reconnect = true\n\n"
            ));
        }
        let ids: Vec<String> = self.chains().iter().map(|id| format!("\"{id}\"")).collect();
        text.push_str(&format!(
            "[[providers.softsign]]\nchain_ids = [{}]\nkey_type = \"consensus\"\n\
             path = \"{root}/consensus.key\"\n",
            ids.join(", ")
        ));
        text
    }

    fn write_horcrux(&self, key: &SigningKey) -> Result<(), BenchError> {
        let root = self.files.root();
        let mut text = "signMode: single\nchainNodes:\n".to_owned();
        for node in &self.nodes {
            text.push_str(&format!("- privValAddr: {}\n", node.address));
        }
        text.push_str("debugAddr: \"\"\ngrpcAddr: \"\"\nmaxReadSize: 1048576\n");
        write(&root.join("config.yaml"), &text)?;
        for chain in self.chains() {
            let file = root.join(format!("{chain}_priv_validator_key.json"));
            write(&file, &go_key(key))?;
        }
        Ok(())
    }
}

impl Node {
    fn new(chain: &str, transport: Transport, path: &Path) -> Result<Self, BenchError> {
        let chain = ChainId::new(chain).map_err(std::io::Error::other)?;
        let (address, socket) = match transport {
            Transport::Tcp => {
                let listener = TcpListener::bind("127.0.0.1:0")?;
                listener.set_nonblocking(true)?;
                let address = format!("tcp://{}", listener.local_addr()?);
                (address, Socket::Tcp(listener))
            }
            Transport::Unix => {
                let listener = UnixListener::bind(path).map_err(BenchError::file(path))?;
                listener.set_nonblocking(true)?;
                (format!("unix://{}", path.display()), Socket::Unix(listener))
            }
        };
        Ok(Self {
            chain,
            address,
            socket,
        })
    }
}

/// The key file of a node (CometBFT `privval/file.go`, `FilePVKey`).
fn go_key(key: &SigningKey) -> String {
    let public = key.verifying_key();
    let address = address(&public).map(|byte| format!("{byte:02X}")).concat();
    format!(
        "{{\"address\":\"{address}\",\
         \"pub_key\":{{\"type\":\"tendermint/PubKeyEd25519\",\"value\":\"{}\"}},\
         \"priv_key\":{{\"type\":\"tendermint/PrivKeyEd25519\",\"value\":\"{}\"}}}}",
        STANDARD.encode(public.as_bytes()),
        STANDARD.encode(key.to_keypair_bytes())
    )
}

/// All of these files may hold the key, so none is for others to read.
fn write(path: &Path, text: &str) -> Result<(), BenchError> {
    fs::write(path, text).map_err(BenchError::file(path))?;
    let mode = fs::Permissions::from_mode(0o600);
    fs::set_permissions(path, mode).map_err(BenchError::file(path))
}
