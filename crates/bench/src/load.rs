//! The turns: start a signer on a scene, load it, read its figures, end it.

use std::thread;
use std::time::{Duration, Instant};

use ed25519_dalek::{SigningKey, VerifyingKey};

use crate::client::{Answered, Link};
use crate::contender::{Contender, Programs, Transport};
use crate::error::BenchError;
use crate::options::Options;
use crate::process::Process;
use crate::requests::{Request, Sequence};
use crate::scene::Scene;
use crate::stats::{self, Turn};

/// Requests before the time is taken: caches and code paths are warm then.
const WARM_UP: u32 = 60;

/// What all turns of a run share.
pub(crate) struct Bench<'a> {
    /// The command line.
    pub(crate) options: &'a Options,
    /// The signers.
    pub(crate) programs: Programs,
    /// The validator's key, that of every signer.
    pub(crate) key: SigningKey,
}

/// A turn back to back, and the times from a process' start to its first signature.
pub(crate) struct BackToBack {
    /// The load.
    pub(crate) turn: Turn,
    /// With no state, in ms.
    pub(crate) fresh_start_ms: f64,
    /// With the state of the load, in ms.
    pub(crate) restart_ms: f64,
}

/// A signer that runs, connected to all nodes of a scene.
struct Running {
    process: Process,
    links: Vec<Link>,
}

impl Bench<'_> {
    /// One chain on one node, one request after the other.
    pub(crate) fn back_to_back(
        &self,
        contender: Contender,
        transport: Transport,
    ) -> Result<BackToBack, BenchError> {
        let scene = self.scene(transport, 1, 1)?;
        let mut sequences = self.sequences(&scene);
        let fresh = self.start(contender, &scene)?;
        let (mut running, fresh_start_ms) = self.first(contender, fresh, &mut sequences)?;
        self.ask_all(contender, &mut running, &mut sequences, WARM_UP, None)?;
        let count = self.options.heights.saturating_mul(3);
        let turn = self.ask_all(contender, &mut running, &mut sequences, count, None)?;
        drop(running);
        let again = self.start(contender, &scene)?;
        let (_, restart_ms) = self.first(contender, again, &mut sequences)?;
        Ok(BackToBack {
            turn,
            fresh_start_ms,
            restart_ms,
        })
    }

    /// Chains on three nodes each, at a steady rate over all. The chains take turns, and so do
    /// the nodes of a chain, so that each request is a new signature.
    pub(crate) fn paced(
        &self,
        contender: Contender,
        transport: Transport,
        chains: u32,
    ) -> Result<Turn, BenchError> {
        let scene = self.scene(transport, chains, 3)?;
        let mut sequences = self.sequences(&scene);
        let mut running = self.start(contender, &scene)?;
        let warm_up = WARM_UP.max(chains.saturating_mul(3));
        self.ask_all(contender, &mut running, &mut sequences, warm_up, None)?;
        let gap = Duration::from_secs(1) / self.options.rate;
        let count = self.options.paced;
        self.ask_all(contender, &mut running, &mut sequences, count, Some(gap))
    }

    fn scene(&self, transport: Transport, chains: u32, nodes: u32) -> Result<Scene, BenchError> {
        let directory = &self.options.directory;
        let names: Vec<String> = (1..=chains).map(|chain| format!("bench-{chain}")).collect();
        Scene::new(directory, &self.key, transport, &names, nodes)
    }

    fn start(&self, contender: Contender, scene: &Scene) -> Result<Running, BenchError> {
        let mut command = contender.command(&self.programs, &scene.files)?;
        let process = Process::start(&mut command, self.options.logs)?;
        let mut links = Vec::new();
        for node in &scene.nodes {
            let mut link = Link::accept(contender, node)?;
            link.greet(node)?;
            links.push(link);
        }
        Ok(Running { process, links })
    }

    /// The first signature of a process, and how long after its start it came, in ms.
    fn first(
        &self,
        contender: Contender,
        mut running: Running,
        sequences: &mut [Sequence],
    ) -> Result<(Running, f64), BenchError> {
        let plan = plan(&running, sequences, 1);
        let answers = ask(&mut running, &plan, None)?;
        let since = running.process.started.elapsed();
        self.verify(contender, &plan, &answers)?;
        Ok((running, since.as_secs_f64() * 1e3))
    }

    /// Sends `count` requests, one at a time, `gap` apart if given; then verifies the answers.
    fn ask_all(
        &self,
        contender: Contender,
        running: &mut Running,
        sequences: &mut [Sequence],
        count: u32,
        gap: Option<Duration>,
    ) -> Result<Turn, BenchError> {
        let plan = plan(running, sequences, count);
        let begun = Instant::now();
        let answers = ask(running, &plan, gap)?;
        let whole = begun.elapsed();
        let memory = running.process.memory_mib()?;
        self.verify(contender, &plan, &answers)?;
        let mut latencies: Vec<Duration> = answers.iter().map(|answer| answer.took).collect();
        Ok(stats::turn(&mut latencies, whole, memory))
    }

    fn sequences(&self, scene: &Scene) -> Vec<Sequence> {
        let key = self.key.verifying_key();
        let chains = scene.chains().into_iter();
        chains.map(|chain| Sequence::new(chain, &key)).collect()
    }

    fn verify(
        &self,
        contender: Contender,
        plan: &[Planned],
        answers: &[Answered],
    ) -> Result<(), BenchError> {
        let key: VerifyingKey = self.key.verifying_key();
        let mut pairs = plan.iter().zip(answers);
        pairs.try_for_each(|(planned, answer)| match contender {
            Contender::Floor => planned.request.verify_floor(&key, answer),
            _ => planned.request.verify(&key, answer),
        })
    }
}

/// A request, and the connection that it goes to.
struct Planned {
    link: usize,
    request: Request,
}

/// The next requests: the chains take turns, and within each chain its nodes.
fn plan(running: &Running, sequences: &mut [Sequence], count: u32) -> Vec<Planned> {
    let count = usize::try_from(count).unwrap_or(usize::MAX);
    let chains = sequences.len().max(1);
    let nodes = (running.links.len() / chains).max(1);
    let mut plan = Vec::with_capacity(count);
    let mut turn = 0;
    while plan.len() < count && !sequences.is_empty() {
        let rest = count - plan.len();
        for (chain, sequence) in sequences.iter_mut().enumerate().take(rest) {
            plan.push(Planned {
                link: chain * nodes + turn % nodes,
                request: sequence.next_request(),
            });
        }
        turn += 1;
    }
    plan
}

/// One request at a time. With a gap, each begins at its place in a fixed timetable, or as soon
/// as the one before is answered if that is later.
fn ask(
    running: &mut Running,
    plan: &[Planned],
    gap: Option<Duration>,
) -> Result<Vec<Answered>, BenchError> {
    let mut answers = Vec::with_capacity(plan.len());
    let mut due = Instant::now();
    for planned in plan {
        if let Some(gap) = gap {
            thread::sleep(due.saturating_duration_since(Instant::now()));
            due += gap;
        }
        let link = running.links.get_mut(planned.link);
        let link = link.ok_or_else(|| std::io::Error::other("a request for no node"))?;
        answers.push(link.ask(&planned.request)?);
    }
    Ok(answers)
}
