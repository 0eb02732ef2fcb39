//! The listener of `[metrics]`, which a reload opens, moves and closes.
//!
//! Invariant: whoever is answered at the old address is so until the new one is.

use std::net::SocketAddr;
use std::sync::Arc;

use diagnostics::Located;
use tracing::{info, warn};

use crate::observe::http::listener::Listener;
use crate::observe::http::server::Server;
use crate::observe::source::Source;

/// The target of the log's lines.
const TARGET: &str = "tmkms::metrics";

/// Where the signer is measured, if anywhere.
#[derive(Debug)]
pub struct Metrics {
    source: Arc<Source>,
    server: Option<Server>,
}

/// What a reload does with it.
#[derive(Debug, Default)]
pub(super) enum Step {
    #[default]
    Keep,
    Close,
    Open(Server),
}

impl Metrics {
    /// Answers on a listener, where there is one. Where that cannot be, signing goes on without.
    #[must_use]
    pub fn start(source: Arc<Source>, listener: Option<Listener>) -> Self {
        let server = listener.and_then(|listener| {
            Server::start(listener, &source)
                .inspect_err(|error| warn!(target: TARGET, "no metrics: {error}"))
                .ok()
        });
        Self { source, server }
    }

    /// Opens what is new. Dropping the step closes that again.
    ///
    /// # Errors
    /// Why it cannot be opened. Where it could not be at the start either, that is no news: it is
    /// tried again and told, and the rest is applied.
    pub(super) fn prepare(
        &self,
        old: Option<&Located<SocketAddr>>,
        new: Option<&Located<SocketAddr>>,
    ) -> Result<Step, String> {
        let is_same = old.map(|it| it.value) == new.map(|it| it.value);
        match (new, &self.server) {
            (None, None) => Ok(Step::Keep),
            (None, Some(_)) => Ok(Step::Close),
            (Some(_), Some(_)) if is_same => Ok(Step::Keep),
            (Some(listen), server) => match self.open(listen.value, server.as_ref()) {
                Ok(server) => Ok(Step::Open(server)),
                Err(why) if is_same => {
                    warn!(target: TARGET, "{}: no metrics: {why}", listen.at);
                    Ok(Step::Keep)
                }
                Err(why) => Err(format!("{}: {why}", listen.at)),
            },
        }
    }

    fn open(
        &self,
        address: SocketAddr,
        beside: Option<&Server>,
    ) -> Result<Server, Box<dyn std::error::Error>> {
        let listener = match beside {
            Some(server) => Listener::bind_beside(address, server),
            None => Listener::bind(address),
        };
        Ok(Server::start(listener?, &self.source)?)
    }

    /// Takes a step, and says it.
    pub(super) fn apply(&mut self, step: Step) -> String {
        match step {
            Step::Keep => String::new(),
            Step::Close => {
                if let Some(server) = self.server.take() {
                    info!(target: TARGET, "http://{}/ is closed", server.address());
                }
                ", metrics closed".to_owned()
            }
            Step::Open(server) => {
                let told = format!(", metrics on {}", server.address());
                self.server = Some(server);
                told
            }
        }
    }
}
