//! One schedule: what happens, in which order, all of it from one seed.
//!
//! Requests go through arrival, permit, signature and reply one step at a time, so that other
//! requests, crashes and restarts fall between any two of them.

use std::time::{Duration, Instant};

use chance::Rng;
use guard::Mark;
use privval::{Canonical, ChainId, Height, Hrs, Round, Step};
use store::StateFile;

use crate::machine::{Crash, Incident, Machine};
use crate::node::{self, Node, View};
use crate::oracle::{Expected, Health, Oracle, Past, Violation};
use crate::stats::Stats;
use crate::subject::{Permitted, Process, Subject};

/// A schedule in the making.
pub(crate) struct Schedule<S: Subject> {
    pub(crate) rng: Rng,
    pub(crate) machine: Machine,
    pub(crate) view: View,
    pub(crate) oracle: Oracle,
    pub(crate) stats: Stats,
    pub(crate) running: Vec<Running<S::Process>>,
    /// Older contents of the ring and of the document.
    pub(crate) backups: [Vec<Vec<u8>>; 2],
    /// An import that the operator repeats until it succeeds.
    pub(crate) floor: Option<Mark>,
    /// tmkms signed something else where this signer had committed without releasing.
    pub(crate) tmkms_contradicts: bool,
    /// A ring was put back since the last start that succeeded. It may hold a record that was
    /// never released, where another message was signed after the ring had been removed.
    pub(crate) has_old_ring: bool,
    /// The state waits for a person, as it must: the schedule is over.
    pub(crate) is_stopped: bool,
    /// What the virtual clock counts from.
    origin: Instant,
    nodes: Vec<Node>,
    in_flight: Vec<InFlight<<S::Process as Process>::Ticket>>,
    pub(crate) next_id: u64,
}

/// A process that runs.
pub(crate) struct Running<P> {
    pub(crate) id: u64,
    pub(crate) process: P,
    pub(crate) past: Past,
    /// A write or sync failed.
    pub(crate) halted: bool,
    /// The inodes of ring and document at its start.
    pub(crate) inodes: [Option<usize>; 2],
}

struct InFlight<T> {
    process: u64,
    asked: Canonical,
    max_height: Option<Height>,
    phase: Phase<T>,
}

enum Phase<T> {
    Arrived(T),
    Permitted(Permitted),
    Signed(Permitted),
}

#[derive(Clone, Copy)]
enum Event {
    Ask,
    Advance,
    /// A node hangs up: whatever its request came to, nobody hears of it.
    HangUp,
    Plan,
    Crash,
    Backup,
    Replace,
    SecondProcess,
    WriteBack,
}

const EVENTS: [(u64, Event); 9] = [
    (400, Event::Ask),
    (900, Event::Advance),
    (20, Event::HangUp),
    (40, Event::Plan),
    (15, Event::Crash),
    (20, Event::Backup),
    (8, Event::Replace),
    (6, Event::SecondProcess),
    (25, Event::WriteBack),
];

impl<S: Subject> Schedule<S> {
    pub(crate) fn new(seed: u64, is_traced: bool) -> Self {
        let mut rng = Rng::new(seed);
        let chain_id = chain_id();
        let machine = Machine::new(Rng::new(rng.bits()), is_traced);
        let mut schedule = Self {
            view: View {
                chain_id: chain_id.clone(),
                tip: place(1),
                lowest: Height::FIRST,
                now_nanos: 0,
            },
            oracle: Oracle::new(chain_id),
            stats: Stats::default(),
            running: Vec::new(),
            backups: [Vec::new(), Vec::new()],
            floor: None,
            tmkms_contradicts: false,
            has_old_ring: false,
            is_stopped: false,
            origin: Instant::now(),
            nodes: Vec::new(),
            in_flight: Vec::new(),
            next_id: 0,
            machine,
            rng,
        };
        schedule.begin();
        for _ in 0..schedule.rng.between(1, 3) {
            let node = Node::new(&mut schedule.rng, &schedule.view);
            schedule.nodes.push(node);
        }
        schedule
    }

    /// Runs it to its end.
    pub(crate) fn run(&mut self) -> Result<(), Violation> {
        for _ in 0..self.rng.between(20, 100) {
            self.view.now_nanos += i64::try_from(self.rng.below(2_000_000_000)).unwrap_or_default();
            if self.running.is_empty() {
                self.operate()?;
            } else {
                self.happen()?;
            }
            if self.is_stopped {
                return Ok(());
            }
        }
        self.end_well()
    }

    fn happen(&mut self) -> Result<(), Violation> {
        self.restart_the_halted();
        match self.rng.weighted(&EVENTS).unwrap_or(Event::Ask) {
            Event::Ask => self.ask(),
            Event::Advance => {
                let index = self.rng.index(self.in_flight.len());
                return self.advance(index);
            }
            Event::HangUp => self.hang_up(),
            Event::Plan => self.plan(),
            Event::Crash => self.crash_now(),
            Event::Backup => self.back_up(),
            Event::Replace => self.replace(),
            Event::SecondProcess => return self.start_another(),
            Event::WriteBack => self.machine.write_back(),
        }
        Ok(())
    }

    fn ask(&mut self) {
        let index = self.rng.index(self.nodes.len());
        let Some(node) = self.nodes.get_mut(index) else {
            return;
        };
        let asked = node.ask(&mut self.rng, &mut self.view);
        let max_height = self.rng.one_in(20).then(|| {
            let bound = self.view.tip.height.value() - 1;
            node::height(bound + i64::try_from(self.rng.below(3)).unwrap_or_default())
        });
        self.send(asked, max_height);
    }

    /// The signers' clock: virtual, and set back by nothing.
    fn now(&self) -> Instant {
        let nanos = u64::try_from(self.view.now_nanos).unwrap_or_default();
        self.origin + Duration::from_nanos(nanos)
    }

    /// A request reaches one of the processes.
    fn send(&mut self, asked: Canonical, max_height: Option<Height>) {
        let now = self.now();
        let index = self.rng.index(self.running.len());
        let Some(running) = self.running.get_mut(index) else {
            return;
        };
        self.oracle.heard(&asked);
        self.stats.requests += 1;
        self.machine
            .note(|| format!("process {}: asked for {}", running.id, describe(&asked)));
        self.in_flight.push(InFlight {
            process: running.id,
            phase: Phase::Arrived(running.process.arrive(&asked, now)),
            asked,
            max_height,
        });
    }

    /// One step of one request: permit, signature, reply.
    fn advance(&mut self, index: usize) -> Result<(), Violation> {
        if index >= self.in_flight.len() {
            return Ok(());
        }
        let mut request = self.in_flight.swap_remove(index);
        request.phase = match request.phase {
            Phase::Arrived(ticket) => {
                let (process, asked) = (request.process, &request.asked);
                match self.permit(process, ticket, asked, request.max_height)? {
                    Some(permitted) => Phase::Permitted(permitted),
                    None => return Ok(()),
                }
            }
            Phase::Permitted(permitted) => Phase::Signed(permitted),
            Phase::Signed(permitted) => {
                self.machine.note(|| {
                    format!(
                        "process {}: released {}",
                        request.process,
                        describe(&request.asked)
                    )
                });
                self.stats.signatures += 1;
                return self.oracle.released(&permitted);
            }
        };
        self.in_flight.push(request);
        Ok(())
    }

    fn hang_up(&mut self) {
        if !self.in_flight.is_empty() {
            let index = self.rng.index(self.in_flight.len());
            self.in_flight.swap_remove(index);
        }
    }

    fn permit(
        &mut self,
        process: u64,
        ticket: <S::Process as Process>::Ticket,
        asked: &Canonical,
        max_height: Option<Height>,
    ) -> Result<Option<Permitted>, Violation> {
        let inodes = self.machine.inodes();
        let now = self.now();
        let Some(running) = self.running.iter_mut().find(|r| r.id == process) else {
            return Ok(None);
        };
        self.machine.take_struck();
        self.machine
            .note(|| format!("process {process}: the turn of {}", describe(asked)));
        let answer = running.process.permit(ticket, asked, max_height, now);
        if let Some(crash) = self.machine.take_died() {
            self.crash(crash, process);
            return Ok(None);
        }
        let struck = self.machine.take_struck();
        self.stats.faults += u64::from(struck);
        let health = Health {
            halted: running.halted,
            struck,
            displaced: running.inodes != inodes,
        };
        self.machine
            .note(|| format!("process {process}: {}", outcome(&answer)));
        let was_signed = matches!(&running.past, Past::Signed(s) if s.hrs() == asked.hrs());
        let expected =
            self.oracle
                .answered(&mut running.past, asked, max_height, now, &answer, health)?;
        running.halted |= expected == Expected::New && answer.is_err();
        self.stats.refusals += u64::from(answer.is_err());
        self.stats.repeats += u64::from(answer.is_ok() && was_signed);
        Ok(answer.ok())
    }

    fn plan(&mut self) {
        let after = self.rng.index(8);
        let incident = self.incident();
        self.machine
            .note(|| format!("planned after {after} operations: {incident:?}"));
        self.machine.plan(after, incident);
    }

    pub(crate) fn incident(&mut self) -> Incident {
        match self.rng.below(4) {
            0 => Incident::Crash(Crash::Kill),
            1 => Incident::Crash(Crash::PowerLoss),
            2 => Incident::Error,
            _ => Incident::SyncError,
        }
    }

    fn crash_now(&mut self) {
        let index = self.rng.index(self.running.len());
        let crash = if self.rng.one_in(2) {
            Crash::Kill
        } else {
            Crash::PowerLoss
        };
        if let Some(id) = self.running.get(index).map(|r| r.id) {
            self.crash(crash, id);
        }
    }

    /// A process is gone, and with it what it was about to send.
    pub(crate) fn crash(&mut self, crash: Crash, process: u64) {
        self.machine
            .note(|| format!("process {process}: {crash:?}"));
        match crash {
            Crash::Kill => {
                self.stats.kills += 1;
                self.running.retain(|r| r.id != process);
                self.in_flight.retain(|r| r.process != process);
            }
            Crash::PowerLoss => {
                self.stats.power_losses += 1;
                self.running.clear();
                self.in_flight.clear();
                self.machine.lose_power();
            }
        }
    }

    /// The operator sees the log and restarts a signer that signs nothing more.
    fn restart_the_halted(&mut self) {
        let halted = self.running.iter().find(|r| r.halted).map(|r| r.id);
        if let Some(id) = halted.filter(|_| self.rng.one_in(5)) {
            self.machine
                .note(|| format!("process {id}: stopped by the operator"));
            self.stop(id);
        }
    }

    pub(crate) fn stop(&mut self, process: u64) {
        self.running.retain(|r| r.id != process);
        self.in_flight.retain(|r| r.process != process);
    }

    fn back_up(&mut self) {
        for (file, backups) in [StateFile::Ring, StateFile::Document]
            .into_iter()
            .zip(&mut self.backups)
        {
            if self.rng.one_in(2)
                && let Some(content) = self.machine.content(file)
            {
                backups.push(content);
            }
        }
    }

    /// Without faults the signer starts, and signs whatever is new.
    fn end_well(&mut self) -> Result<(), Violation> {
        self.machine.calm();
        while let Some(id) = self.running.first().map(|r| r.id) {
            self.stop(id);
        }
        if self.rng.one_in(2) {
            self.machine.note(|| "the power goes at the end".to_owned());
            self.machine.lose_power();
        }
        self.start()?;
        for _ in 0..3 {
            self.view.tip = node::next_height(self.view.tip, 1);
            let asked = node::elsewhere(&mut self.rng, self.view.tip, &self.view);
            self.send(asked, None);
            while !self.in_flight.is_empty() {
                self.advance(0)?;
            }
        }
        Ok(())
    }
}

pub(crate) fn chain_id() -> ChainId {
    // Never empty nor too long, so the fallback cannot happen.
    ChainId::new("testnet-1").unwrap_or_else(|_| unreachable!())
}

pub(crate) fn place(height: i64) -> Hrs {
    Hrs {
        height: node::height(height),
        round: Round::default(),
        step: Step::Propose,
    }
}

pub(crate) fn describe(asked: &Canonical) -> String {
    let block = asked.block_id().map_or("nil".to_owned(), |id| id.prefix());
    let time = asked.timestamp();
    format!(
        "{} {block} at {}.{:09} on {}",
        asked.hrs(),
        time.seconds,
        time.nanos,
        asked.chain_id()
    )
}

fn outcome(answer: &Result<Permitted, String>) -> String {
    match answer {
        Ok(p) => format!(
            "permitted at {}.{:09}",
            p.timestamp.seconds, p.timestamp.nanos
        ),
        Err(why) => format!("refused: {why}"),
    }
}
