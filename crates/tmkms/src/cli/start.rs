//! `tmkms start`.

use std::path::Path;
use std::sync::Arc;
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread;
use std::time::Duration;

use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::iterator::Signals;
use tracing::{error, info, warn};

use super::args::StartArgs;
use super::key::permissions;
use super::{Failure, Outcome, config};
use crate::config::Config;
use crate::hardening;
use crate::observe::http::server as metrics;
use crate::observe::{self, server::Server, socket::Socket, source::Source};
use crate::sandbox::{self, Needs, Threads};
use crate::session::{self, Node, Shutdown, Trouble};
use crate::signer::{self, BootMemory};

/// How long sessions may take to finish the request in hand.
const GRACE: Duration = Duration::from_secs(5);

/// Signs until SIGTERM or SIGINT, or until a node with `reconnect = false` is gone.
pub(super) fn run(args: &StartArgs) -> Outcome {
    observe::log_to_stdout(&args.log)?;
    let config = config::load(&args.config.path)?;
    hardening::before_keys();
    let permissions = permissions(args.allow_insecure_permissions);
    let tunnels = config::load_tunnels(&config, permissions)?;
    let mut signer = signer::load(&config, permissions, BootMemory::Kept)
        .map_err(|errors| Failure::listed(&errors))?;
    for way in tunnels.ways(&config) {
        info!(target: "tmkms::tunnel", "{way}");
    }
    let names = tunnels.has_names();
    let tunnels = tunnels.prepare()?;
    hardening::after_keys();
    let socket = status_socket(&config);
    let listener = metrics_listener(&config);
    let mut source = Source::of(&signer.nodes);
    // Before any thread is started: each inherits it.
    let mut needs = Needs::of(&signer.nodes);
    needs.names |= names;
    needs.accept |= listener.is_some();
    keep(needs, socket.as_ref(), args.no_sandbox);
    let shutdown = Shutdown::default();
    let signals = on_signals(&shutdown)?;
    info!(target: "tmkms::commands::start", "tmkms {} starting up...", env!("CARGO_PKG_VERSION"));
    let tunnels = Arc::new(tunnels.start()?);
    for node in &mut signer.nodes {
        node.tunnels = Arc::clone(&tunnels);
    }
    tunnels
        .sources()
        .for_each(|tunnel| source.add_tunnel(tunnel));
    let source = Arc::new(source);
    let _status = socket.and_then(|socket| answer(socket, &source));
    let _metrics = listener.and_then(|listener| measure(listener, &source));
    let outcome = serve(signer.nodes, &shutdown);
    signals.close();
    // Whoever tells of them may still hold them.
    tunnels.stop();
    outcome
}

/// The socket for `tmkms status`. Where there cannot be one, signing goes on without.
fn status_socket(config: &Config) -> Option<Socket> {
    listen(&config.status_socket()?)
}

/// Takes a path for the status. Where that cannot be, the work goes on without.
pub(super) fn listen(path: &Path) -> Option<Socket> {
    Socket::bind(path)
        .inspect_err(|error| warn!(target: "tmkms::status", "no status: {error}"))
        .ok()
}

/// Answers on a socket. Where that cannot be, the work goes on without.
pub(super) fn answer(socket: Socket, source: &Arc<Source>) -> Option<Server> {
    Server::start(socket, Arc::clone(source))
        .inspect_err(|error| warn!(target: "tmkms::status", "no status: {error}"))
        .ok()
}

/// The port of `[metrics]`, which nobody takes later. Where it is not to be had, signing goes on
/// without.
fn metrics_listener(config: &Config) -> Option<metrics::Listener> {
    let listen = config.metrics.as_ref()?;
    metrics::Listener::bind(listen.value)
        .inspect_err(|error| warn!(target: "tmkms::metrics", "{}: no metrics: {error}", listen.at))
        .ok()
}

fn measure(listener: metrics::Listener, source: &Arc<Source>) -> Option<metrics::Server> {
    metrics::Server::start(listener, source)
        .inspect_err(|error| warn!(target: "tmkms::metrics", "no metrics: {error}"))
        .ok()
}

/// Keeps what is needed and what answering on a socket takes, and tells what that is.
pub(super) fn keep(mut needs: Needs, socket: Option<&Socket>, no_sandbox: bool) {
    if no_sandbox {
        return sandbox::tell_off();
    }
    if let Some(socket) = socket {
        needs.accept = true;
        needs
            .remove
            .extend(socket.own_directory().map(Path::to_owned));
    }
    sandbox::apply(&needs, Threads::All).tell();
}

/// Runs a session for each node, to the end of all of them.
///
/// # Errors
/// The trouble of the first node that is not to be dialled again.
pub(super) fn serve(nodes: Vec<Node>, shutdown: &Shutdown) -> Outcome {
    let (ended, endings) = mpsc::channel();
    let mut running = nodes.len();
    for node in nodes {
        let (ended, shutdown) = (ended.clone(), shutdown.clone());
        thread::Builder::new()
            .name(node.to_string())
            .spawn(move || {
                // Fails when nobody waits any more: then the process is about to end.
                let _ = ended.send((node.to_string(), guarded(&node, &shutdown)));
            })?;
    }
    let mut failure = None;
    while running > 0 {
        let Some((node, result)) = next_ending(&endings, shutdown) else {
            break;
        };
        running = running.saturating_sub(1);
        if let Err(trouble) = result {
            let text = format!("[{node}] {trouble}; reconnect = false, so the signer ends");
            failure.get_or_insert(Failure::new(text));
            shutdown.ask();
        }
    }
    failure.map_or(Ok(()), Err)
}

/// The next session that ends; `None` when one has not ended within [`GRACE`] of the request to
/// stop.
fn next_ending<T>(endings: &mpsc::Receiver<T>, shutdown: &Shutdown) -> Option<T> {
    const LOOK: Duration = Duration::from_millis(500);
    loop {
        let asked = shutdown.is_asked();
        let patience = if asked { GRACE } else { LOOK };
        match endings.recv_timeout(patience) {
            Ok(ending) => return Some(ending),
            Err(RecvTimeoutError::Timeout) if !asked => {}
            Err(_) => return None,
        }
    }
}

/// Runs a session again if it panics: a bug in the handling of one message must not silence the
/// signer. The chain itself stops signing if its guard was involved.
fn guarded(node: &Node, shutdown: &Shutdown) -> Result<(), Trouble> {
    loop {
        let run = std::panic::AssertUnwindSafe(|| session::run(node, shutdown));
        match std::panic::catch_unwind(run) {
            Ok(result) => return result,
            Err(_) => {
                error!(target: "tmkms::session", "[{node}] a bug ended the session; dialling again");
                shutdown.sleep(Duration::from_secs(1));
            }
        }
    }
}

/// Asks for an end when the process is told to end.
pub(super) fn on_signals(shutdown: &Shutdown) -> Result<signal_hook::iterator::Handle, Failure> {
    let mut signals = Signals::new([SIGTERM, SIGINT])?;
    let handle = signals.handle();
    let shutdown = shutdown.clone();
    thread::Builder::new()
        .name("signals".to_owned())
        .spawn(move || {
            for signal in &mut signals {
                let name = if signal == SIGTERM {
                    "SIGTERM"
                } else {
                    "SIGINT"
                };
                info!(target: "tmkms::commands::start", "{name}: finishing the requests in hand");
                shutdown.ask();
            }
        })?;
    Ok(handle)
}
