//! The nodes that the signer serves at the moment, for whoever tells of them.

use std::sync::{Arc, Mutex, PoisonError};

use crate::observe::document::NodeState;
use crate::session::Node;
use crate::signer::Chain;

/// Clones are the same list.
#[derive(Clone, Default)]
pub struct Roster(Arc<Mutex<Vec<Arc<Node>>>>);

impl Roster {
    /// These nodes, in this order.
    #[must_use]
    pub fn of(nodes: Vec<Arc<Node>>) -> Self {
        Self(Arc::new(Mutex::new(nodes)))
    }

    /// All nodes, in the order in which they came.
    #[must_use]
    pub fn nodes(&self) -> Vec<Arc<Node>> {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// All chains, each once.
    #[must_use]
    pub fn chains(&self) -> Vec<Arc<Chain>> {
        let mut chains: Vec<Arc<Chain>> = Vec::new();
        for node in self.nodes() {
            if !chains.iter().any(|it| it.id() == node.chain.id()) {
                chains.push(Arc::clone(&node.chain));
            }
        }
        chains
    }

    /// In a few words, for the service manager.
    #[must_use]
    pub fn summary(&self) -> String {
        let nodes = self.nodes();
        let is_connected = |node: &&Arc<Node>| node.record.state() == NodeState::Connected;
        let connected = nodes.iter().filter(is_connected).count();
        let chains = self.chains();
        let stopped = chains.iter().filter(|it| it.record().is_stopped()).count();
        let mut text = format!(
            "signing for {}, {connected} of {} connected",
            counted(chains.len(), "chain"),
            counted(nodes.len(), "node")
        );
        if stopped > 0 {
            text.push_str(&format!(", {} stopped", counted(stopped, "chain")));
        }
        text
    }

    pub(super) fn add(&self, node: Arc<Node>) {
        let mut nodes = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        nodes.push(node);
    }

    pub(super) fn remove(&self, name: &str) {
        let mut nodes = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        nodes.retain(|node| node.to_string() != name);
    }
}

fn counted(count: usize, what: &str) -> String {
    let plural = if count == 1 { "" } else { "s" };
    format!("{count} {what}{plural}")
}
