//! The usual arrangement: one chain, one node on TCP, one signer.

use testnode::Listener;

use super::{Asker, CHAIN, Home, PATIENCE, Tmkms};

/// A signer that dials a node. The process ends first when dropped.
pub(crate) struct Rig {
    /// The signer.
    pub(crate) tmkms: Tmkms,
    /// The node.
    pub(crate) node: Listener,
    /// The signer's directory.
    pub(crate) home: Home,
}

impl Rig {
    /// A new chain: signing begins at height 1.
    pub(crate) fn new() -> Self {
        Self::with("", "")
    }

    /// With lines for `[[chain]]` and `[[validator]]`.
    pub(crate) fn with(chain_lines: &str, node_lines: &str) -> Self {
        Self::prepared(chain_lines, node_lines, |_| ())
    }

    /// A chain whose heights up to this one are signed.
    pub(crate) fn after(height: i64) -> Self {
        Self::prepared("", "", |home| home.put_state(CHAIN, height))
    }

    /// A new chain, measured on any free port.
    pub(crate) fn measured() -> Self {
        let node = Listener::tcp().unwrap();
        let mut home = Home::of_node(&node);
        home.add_metrics();
        Self {
            tmkms: home.start(),
            node,
            home,
        }
    }

    /// With a last touch to the directory before the start.
    pub(crate) fn prepared(chain_lines: &str, node_lines: &str, touch: impl FnOnce(&Home)) -> Self {
        let node = Listener::tcp().unwrap();
        let mut home = Home::new();
        home.add_chain(CHAIN, chain_lines);
        home.add_node(CHAIN, &address(&node), node_lines);
        touch(&home);
        Self {
            tmkms: home.start(),
            node,
            home,
        }
    }

    /// Takes the signer's next connection.
    pub(crate) fn accept(&self) -> Asker {
        Asker::new(self.node.accept(PATIENCE).unwrap())
    }

    /// The name of the node in the log.
    pub(crate) fn origin(&self) -> String {
        format!("{CHAIN}@{}", address(&self.node))
    }
}

/// The node's address as tmkms.toml has it.
pub(crate) fn address(node: &Listener) -> String {
    format!("tcp://{}", node.tcp_addr().unwrap())
}
