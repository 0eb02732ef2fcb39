//! `tmkms start`.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;

use tracing::{info, warn};

use super::args::StartArgs;
use super::key::permissions;
use super::{Failure, Outcome, config};
use crate::audit::Trail;
use crate::config::Config;
use crate::hardening;
use crate::observe::http::listener::Listener;
use crate::observe::{server::Server, socket::Socket, source::Source};
use crate::sandbox::{self, Needs, Threads};
use crate::service::{self, Metrics, Notify, Reach, Reload, Sessions};
use crate::session::Node;
use crate::signer::{self, BootMemory};

/// Signs until SIGTERM or SIGINT, or until a node with `reconnect = false` is gone.
pub(super) fn run(args: &StartArgs) -> Outcome {
    let config = config::load(&args.config.path)?;
    let mut logs = args.log.start(&config.log)?;
    hardening::before_keys();
    let permissions = permissions(args.allow_insecure_permissions);
    let tunnels = config::load_tunnels(&config, permissions)?;
    let signer = signer::load(&config, permissions, BootMemory::Kept)
        .map_err(|errors| Failure::listed(&errors))?;
    for way in tunnels.ways(&config) {
        info!(target: "tmkms::tunnel", "{way}");
    }
    let names = tunnels.has_names();
    let tunnels = tunnels.prepare()?;
    hardening::after_keys();
    let trail = audit_log(&config)?;
    let socket = status_socket(&config);
    let listener = metrics_listener(&config);
    let notify = Notify::from_environment();
    let may_rotate = args.no_sandbox
        || trail
            .as_ref()
            .is_some_and(|it| it.own_directory().is_some());
    let (events, arriving) = service::events();
    let mut sessions = Sessions::new(events.clone());
    let mut source = Source::of(sessions.roster());
    // Before any thread is started: each inherits it.
    let opened = Opened {
        config: &config,
        nodes: &signer.nodes,
        names,
        socket: socket.as_ref(),
        listens: listener.is_some(),
        trail: trail.as_ref(),
    };
    let reach = restrict(&opened, args);
    logs.spawn()?;
    let signals = service::on_signals(&events, true)?;
    info!(target: "tmkms::commands::start", "tmkms {} starting up...", env!("CARGO_PKG_VERSION"));
    let tunnels = Arc::new(tunnels.start()?);
    let audit = trail.as_ref().map(Trail::audit).unwrap_or_default();
    let _writing = trail.map(|trail| trail.start(may_rotate)).transpose()?;
    let mut taken_over = BTreeSet::new();
    for mut node in signer.nodes {
        node.tunnels = Arc::clone(&tunnels);
        node.audit = audit.clone();
        // Before its first node asks.
        if taken_over.insert(node.chain.id().clone()) {
            service::mark(&audit, &node.chain);
        }
        sessions.add(node)?;
    }
    tunnels
        .sources()
        .for_each(|tunnel| source.add_tunnel(tunnel));
    let source = Arc::new(source);
    let _status = socket.and_then(|socket| answer(socket, &source));
    let running = Arc::clone(&tunnels);
    let mut reload = Reload {
        path: args.config.path.clone(),
        config,
        permissions,
        reach,
        tunnels,
        audit,
        metrics: Metrics::start(source, listener),
        level: (!args.log.verbose).then(|| logs.threshold()),
    };
    let reload = (!args.no_reload).then_some(&mut reload);
    let outcome = service::run(sessions, &arriving, reload, &notify);
    signals.close();
    // Whoever tells of them may still hold them.
    running.stop();
    Ok(outcome?)
}

/// The audit log, which is there or the signer does not start.
fn audit_log(config: &Config) -> Result<Option<Trail>, Failure> {
    let Some(audit) = &config.audit else {
        return Ok(None);
    };
    let trail = Trail::open(&audit.file.value, audit.rotate_len);
    trail
        .map(Some)
        .map_err(|error| Failure::new(format!("{}: {error}", audit.file.at)))
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

/// The port of `[metrics]`, taken before the sandbox goes on. Where it is not to be had, signing
/// goes on without.
fn metrics_listener(config: &Config) -> Option<Listener> {
    let listen = config.metrics.as_ref()?;
    Listener::bind(listen.value)
        .inspect_err(|error| warn!(target: "tmkms::metrics", "{}: no metrics: {error}", listen.at))
        .ok()
}

/// What is open when the sandbox goes on.
struct Opened<'a> {
    config: &'a Config,
    nodes: &'a [Node],
    /// A tunnel leads to a host name.
    names: bool,
    socket: Option<&'a Socket>,
    /// A port of `[metrics]` is listened to.
    listens: bool,
    trail: Option<&'a Trail>,
}

/// Keeps what dialling these nodes, answering on this socket, rotating this log and reloading this
/// configuration takes, and tells what that is.
fn restrict(opened: &Opened<'_>, args: &StartArgs) -> Reach {
    let mut needs = Needs::of(opened.nodes);
    needs.names |= opened.names;
    needs.accept |= opened.listens;
    needs
        .write
        .extend(opened.trail.and_then(Trail::own_directory));
    if !args.no_reload {
        Reach::require(opened.config, &mut needs);
    }
    keep(needs, opened.socket, args.no_sandbox)
}

/// Keeps what is needed and what answering on a socket takes, and tells what that is.
pub(super) fn keep(mut needs: Needs, socket: Option<&Socket>, no_sandbox: bool) -> Reach {
    if no_sandbox {
        sandbox::tell_off();
        return Reach::everything();
    }
    if let Some(socket) = socket {
        needs.accept = true;
        needs
            .remove
            .extend(socket.own_directory().map(Path::to_owned));
    }
    sandbox::apply(&needs, Threads::All).tell();
    Reach::of(needs)
}
