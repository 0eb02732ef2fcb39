//! `tmkms gateway`.

use std::sync::Arc;
use std::sync::mpsc::Receiver;
use std::time::Duration;

use tracing::info;
use tunnel::Spec;
use tunnel::gateway::{self, ForwardStatus, State};

use super::args_tunnel::GatewayArgs;
use super::key::permissions;
use super::{Failure, Outcome, config, start};
use crate::config::{Forward, Gateway, Log};
use crate::hardening;
use crate::observe::document;
use crate::observe::source::Source;
use crate::sandbox::Needs;
use crate::service::{self, Event};
use crate::tunnels::{Tunnel, Up};

/// How often it is made sure that the tunnel still runs.
const LOOK: Duration = Duration::from_secs(1);

/// Forwards until SIGTERM or SIGINT.
pub(super) fn run(args: &GatewayArgs) -> Outcome {
    let mut logs = args.log.start(&Log::default())?;
    let gateway = configuration(args)?;
    hardening::before_keys();
    let tunnel = tunnel(&gateway, args)?;
    let forwards = forwards(&gateway, &tunnel.spec)?;
    let needs = needs(&gateway.forwards, &tunnel);
    let tunnel = tunnel.prepare()?;
    hardening::after_keys();
    let socket = gateway
        .status_socket()
        .and_then(|path| start::listen(&path));
    // Before any thread is started: each inherits it.
    start::keep(needs, socket.as_ref(), args.no_sandbox);
    logs.spawn()?;
    let (events, arriving) = service::events();
    let signals = service::on_signals(&events, false)?;
    info!(target: "tmkms::gateway", "tmkms {} starting up...", env!("CARGO_PKG_VERSION"));
    let up = Arc::new(tunnel.start()?);
    let running = Arc::new(gateway::Gateway::start(&up.tunnel, forwards)?);
    for forward in running.status() {
        info!(target: "tmkms::gateway", "{}", announced(&forward.forward));
    }
    let _status = socket.and_then(|socket| start::answer(socket, &Arc::new(source(&up, &running))));
    let outcome = watch(&up, &arriving);
    running.stop();
    up.tunnel.stop();
    signals.close();
    outcome
}

/// The flags, or the file.
fn configuration(args: &GatewayArgs) -> Result<Gateway, Failure> {
    if let Some(gateway) = args.gateway() {
        return gateway.map_err(Failure::Usage);
    }
    config::load_gateway(&args.config)
}

fn tunnel(gateway: &Gateway, args: &GatewayArgs) -> Result<Tunnel, Failure> {
    let permissions = permissions(args.allow_insecure_permissions);
    let tunnel = Tunnel::load_alone(gateway.wireguard.clone(), None, permissions);
    let tunnel = tunnel.map_err(|errors| config::rendered(&errors))?;
    config::tell(&tunnel);
    Ok(tunnel)
}

fn forwards(gateway: &Gateway, spec: &Spec) -> Result<Vec<gateway::Forward>, Failure> {
    let mut errors = Vec::new();
    let mut forwards = Vec::new();
    for forward in &gateway.forwards {
        match forward.allowed_by(spec) {
            Ok(allowed) => forwards.push(gateway::Forward {
                port: forward.listen,
                upstream: forward.upstream.to_string(),
                allowed,
            }),
            Err(error) => errors.push(error),
        }
    }
    match errors.is_empty() {
        true => Ok(forwards),
        false => Err(Failure::listed(&errors)),
    }
}

/// What dialling the nodes takes, again and again.
fn needs(forwards: &[Forward], tunnel: &Tunnel) -> Needs {
    let is_name = |forward: &Forward| forward.upstream.host.parse::<std::net::IpAddr>().is_err();
    Needs {
        connect_ports: forwards.iter().map(|it| it.upstream.port).collect(),
        names: tunnel.has_names() || forwards.iter().any(is_name),
        ..Needs::default()
    }
}

fn announced(forward: &gateway::Forward) -> String {
    let allowed: Vec<String> = forward.allowed.iter().map(ToString::to_string).collect();
    format!(
        "port {} inside the tunnel leads to {}, for {} and nobody else",
        forward.port,
        forward.upstream,
        allowed.join(", ")
    )
}

/// Until it is told to end.
///
/// # Errors
/// The tunnel has ended by itself, which is a bug.
fn watch(up: &Up, arriving: &Receiver<Event>) -> Outcome {
    loop {
        up.tunnel.status()?;
        if let Ok(Event::Stop(name)) = arriving.recv_timeout(LOOK) {
            if let Some(name) = name {
                info!(target: "tmkms::gateway", "{name}: finishing the requests in hand");
            }
            return Ok(());
        }
    }
}

fn source(up: &Arc<Up>, running: &Arc<gateway::Gateway>) -> Source {
    let mut source = Source::default();
    let (up, running) = (Arc::clone(up), Arc::clone(running));
    source.add_tunnel(Box::new(move || up.told()));
    source.set_forwards(Box::new(move || {
        running.status().iter().map(told).collect()
    }));
    source
}

fn told(status: &ForwardStatus) -> document::Forward {
    let (state, signer, why) = match &status.state {
        State::Idle => (document::ForwardState::Idle, None, None),
        State::Holding(why) => (document::ForwardState::Holding, None, Some(why.clone())),
        State::Forwarding(signer) => (
            document::ForwardState::Forwarding,
            Some(signer.to_string()),
            None,
        ),
    };
    document::Forward {
        listen: status.forward.port,
        upstream: status.forward.upstream.clone(),
        allowed: status
            .forward
            .allowed
            .iter()
            .map(ToString::to_string)
            .collect(),
        state,
        signer,
        why,
        sessions: status.sessions,
        refused: status.refused,
        strangers: status.strangers,
    }
}
