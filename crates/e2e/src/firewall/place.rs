//! A machine between the internet and a tunnel, with what listens on it.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpStream};
use std::path::Path;
use std::thread;
use std::time::Duration;

use super::docker::{CONTAINER, CONTAINER_V6, Docker};
use super::echo::Echo;
use super::probe::{ask, dial, talk};
use super::rows::{From, HTTPS, Plan, Protocol, Row, To, WIREGUARD};
use crate::machine::Slack;
use crate::namespace::{self, Namespace};
use crate::{Outcome, doing};

/// How long a packet that passes may take, and for how long one that must not is waited for.
const LONG: Duration = Duration::from_secs(4);
const SHORT: Duration = Duration::from_millis(700);

/// One address of each family.
type Addresses = (Ipv4Addr, Ipv6Addr);

const MACHINE: Addresses = addresses([203, 0, 113, 2], 0x2);
const ADMIN: Addresses = addresses([203, 0, 113, 7], 0x7);
const STRANGER: Addresses = addresses([203, 0, 113, 9], 0x9);
const TUNNEL: Addresses = tunnel(1);
const SIGNER: Addresses = tunnel(2);
const NEIGHBOUR: Addresses = tunnel(3);
/// For the settings: from where SSH may come.
pub(super) const SSH_FROM: Addresses = ADMIN;
pub(super) const SSH_NOT_FROM: Addresses = STRANGER;

const fn addresses(v4: [u8; 4], v6: u16) -> Addresses {
    let [a, b, c, d] = v4;
    (
        Ipv4Addr::new(a, b, c, d),
        Ipv6Addr::new(0x2001, 0xdb8, 1, 0, 0, 0, 0, v6),
    )
}

const fn tunnel(last: u8) -> Addresses {
    (
        Ipv4Addr::new(10, 200, 0, last),
        Ipv6Addr::new(0xfd00, 0x200, 0, 0, 0, 0, 0, last as u16),
    )
}

/// The namespaces, and the servers in them.
pub(super) struct Place {
    // The servers and Docker end before what they are in.
    _echoes: Vec<Echo>,
    _docker: Option<Docker>,
    container: Option<namespace::Place>,
    pub(super) machine: Namespace,
    internet: Namespace,
    tunnel: Namespace,
    pub(super) dir: tempfile::TempDir,
}

impl Place {
    /// Builds it.
    pub(super) fn build(plan: &Plan) -> Outcome<Self> {
        let dir = tempfile::Builder::new()
            .prefix(&format!("{}{}-", namespace::PREFIX, std::process::id()))
            .tempdir()
            .map_err(doing("make a directory"))?;
        let machine = Namespace::create(&format!("{}-machine", plan.name))?;
        let internet = Namespace::create(&format!("{}-internet", plan.name))?;
        let tunnel = Namespace::create(&format!("{}-tunnel", plan.name))?;
        machine.wire("eth0", &internet, "eth0")?;
        machine.wire("wg0", &tunnel, "wg0")?;
        give(&machine, "eth0", &[MACHINE], 24)?;
        give(&machine, "wg0", &[TUNNEL], 24)?;
        give(&internet, "eth0", &[STRANGER, ADMIN], 24)?;
        give(&tunnel, "wg0", &[SIGNER, NEIGHBOUR], 24)?;
        // Whoever is on the same link may try a container's own address, and the tunnel's.
        let (v4, v6) = MACHINE;
        internet.ip(&format!(
            "route add 10.0.0.0/8 via {v4}\nroute add fd00::/8 via {v6}"
        ))?;
        let mut echoes = vec![
            Echo::start(&internet.place(), &[HTTPS], &[WIREGUARD])?,
            Echo::start(&machine.place(), plan.tcp, plan.udp)?,
        ];
        let (docker, container) = docker(plan, &machine, dir.path())?;
        if let Some(container) = &container {
            let (tcp, udp) = inside(plan)?;
            echoes.push(Echo::start(container, &tcp, &udp)?);
        }
        Ok(Self {
            _echoes: echoes,
            _docker: docker,
            container,
            machine,
            internet,
            tunnel,
            dir,
        })
    }

    /// Without rules, each way must be open: only then do the rules close it. An address of a new
    /// container is asked after first (duplicate address detection), on a busy machine for seconds.
    pub(super) fn expect_everything_open(&self, plan: &Plan) -> Outcome {
        const TRIES: u32 = 5;
        let play = || self.play(plan, "without rules", |_| true).map(drop);
        (1..TRIES).fold(play(), |played, _| played.or_else(|_| play()))
    }

    /// Tries each way of the plan, all at once; returns how many there were.
    pub(super) fn expect(&self, plan: &Plan, when: &str) -> Outcome<usize> {
        self.play(plan, when, |row| row.must_pass)
    }

    fn play(&self, plan: &Plan, when: &str, must_pass: fn(&Row) -> bool) -> Outcome<usize> {
        let ways: Vec<Way<'_>> = plan
            .rows
            .iter()
            .flat_map(|row| Way::of(row, plan))
            .collect();
        let wrong: Vec<String> = thread::scope(|scope| {
            let tries: Vec<_> = ways
                .iter()
                .map(|way| scope.spawn(|| self.judge(way, must_pass(way.row))))
                .collect();
            let judged = tries.into_iter().map(|t| t.join());
            judged
                .filter_map(|wrong| wrong.unwrap_or_else(|_| Some("a probe panicked".to_owned())))
                .collect()
        });
        if wrong.is_empty() {
            return Ok(ways.len());
        }
        Err(format!("{when}: {}", wrong.join("; ")))
    }

    /// What is wrong with a way.
    fn judge(&self, way: &Way<'_>, must_pass: bool) -> Option<String> {
        let patience = Slack::now().grown(if must_pass { LONG } else { SHORT });
        let tried = self.at(way.row.from).and_then(|place| {
            place.enter()?;
            let (from, to) = (way.from, way.to);
            let passed = match way.row.protocol {
                Protocol::Tcp => dial(from, to, patience).map(drop),
                Protocol::Udp => ask(from, to, patience),
            };
            Ok(passed)
        });
        let passed = match tried {
            Ok(passed) => passed,
            Err(text) => return Some(text),
        };
        let what = format!("{:?} → {} {:?}", way.row.from, way.to, way.row.protocol);
        match (passed, must_pass) {
            (Ok(()), false) => Some(format!("{what} must not pass, and does")),
            (Err(error), true) => Some(format!("{what} must pass, and does not: {error}")),
            _ => None,
        }
    }

    /// Connections over every way that must pass.
    pub(super) fn connect(&self, plan: &Plan) -> Outcome<Standing> {
        let wanted = |row: &&Row| row.must_pass && row.protocol == Protocol::Tcp;
        let mut streams = Vec::new();
        for way in plan
            .rows
            .iter()
            .filter(wanted)
            .flat_map(|row| Way::of(row, plan))
        {
            let place = self.at(way.row.from)?;
            let what = format!("{:?} → {}", way.row.from, way.to);
            let dialled = thread::scope(|scope| {
                let thread = scope.spawn(|| {
                    place.enter()?;
                    let patience = Slack::now().grown(LONG);
                    dial(way.from, way.to, patience).map_err(doing(&what))
                });
                thread.join().unwrap_or_else(|_| Err("panicked".to_owned()))
            })?;
            streams.push((what, dialled));
        }
        Ok(Standing(streams))
    }

    fn at(&self, from: From) -> Outcome<namespace::Place> {
        match from {
            From::Admin | From::Stranger => Ok(self.internet.place()),
            From::Signer | From::Neighbour => Ok(self.tunnel.place()),
            From::Machine => Ok(self.machine.place()),
            From::Container => self
                .container
                .clone()
                .ok_or("there is no container".to_owned()),
        }
    }
}

/// Connections that were made before something happened.
pub(super) struct Standing(Vec<(String, TcpStream)>);

impl Standing {
    /// They still carry words.
    pub(super) fn expect_alive(self, what: &str) -> Outcome {
        for (name, mut stream) in self.0 {
            talk(&mut stream, Slack::now().grown(LONG))
                .map_err(|error| format!("{name}: the connection is gone after {what}: {error}"))?;
        }
        Ok(())
    }
}

/// A row in one family of addresses.
struct Way<'a> {
    row: &'a Row,
    from: IpAddr,
    to: SocketAddr,
}

impl<'a> Way<'a> {
    fn of(row: &'a Row, plan: &Plan) -> Vec<Self> {
        let from = match row.from {
            From::Admin => ADMIN,
            From::Stranger => STRANGER,
            From::Signer => SIGNER,
            From::Neighbour => NEIGHBOUR,
            // Whichever the route has.
            From::Machine | From::Container => (Ipv4Addr::UNSPECIFIED, Ipv6Addr::UNSPECIFIED),
        };
        let container_v6 = CONTAINER_V6.parse().unwrap_or(Ipv6Addr::UNSPECIFIED);
        let to = match row.to {
            To::Machine => MACHINE,
            To::Tunnel => TUNNEL,
            To::Container => (CONTAINER.into(), container_v6),
            To::Internet => STRANGER,
        };
        let touches_container = row.to == To::Container || row.from == From::Container;
        let has_v6 = plan.has_container_v6 || !touches_container;
        let v4 = Self {
            row,
            from: from.0.into(),
            to: (to.0, row.port).into(),
        };
        let v6 = Self {
            row,
            from: from.1.into(),
            to: (to.1, row.port).into(),
        };
        std::iter::once(v4).chain(has_v6.then_some(v6)).collect()
    }
}

/// Addresses for an interface; what it sends by itself comes from the first.
fn give(namespace: &Namespace, interface: &str, all: &[Addresses], v4_bits: u8) -> Outcome {
    for (number, (v4, v6)) in all.iter().enumerate() {
        // IPv4 takes the first anyway; IPv6 would take the last, but never a deprecated one.
        let lifetime = if number > 0 { "preferred_lft 0" } else { "" };
        namespace.ip(&format!(
            "address add {v4}/{v4_bits} dev {interface}\n\
             address add {v6}/64 dev {interface} nodad {lifetime}"
        ))?;
    }
    Ok(())
}

fn docker(
    plan: &Plan,
    machine: &Namespace,
    dir: &Path,
) -> Outcome<(Option<Docker>, Option<namespace::Place>)> {
    if plan.published.is_empty() {
        return Ok((None, None));
    }
    let docker = Docker::start(machine, dir, plan.has_container_v6)?;
    let container = docker.publish(plan.published, plan.has_container_v6)?;
    Ok((Some(docker), Some(container)))
}

/// What listens in the container: the ports behind those that it publishes.
fn inside(plan: &Plan) -> Outcome<(Vec<u16>, Vec<u16>)> {
    let (mut tcp, mut udp) = (Vec::new(), Vec::new());
    for published in plan.published {
        let (_, inner) = published.rsplit_once(':').ok_or("no port")?;
        let (list, number) = match inner.strip_suffix("/udp") {
            Some(number) => (&mut udp, number),
            None => (&mut tcp, inner),
        };
        list.push(number.parse().map_err(doing("read a port"))?);
    }
    Ok((tcp, udp))
}
