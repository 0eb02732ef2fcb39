//! What people do: they start the signer, put backups in its way, go back to tmkms for a while,
//! and import marks.
//!
//! Never done, because nothing could detect it: both files restored, or one of them while the
//! other may be behind (a document after a loss of power, a ring after tmkms ran).

use guard::Mark;
use privval::{Canonical, Hrs, Round, Step};
use store::{OpenError, StateFile};

use crate::home::SimHome;
use crate::node;
use crate::oracle::Violation;
use crate::schedule::{Running, Schedule, describe, place};
use crate::subject::{StartError, Subject};

impl<S: Subject> Schedule<S> {
    /// How it was before the first start: a new chain, a chain with an unknown past, or a state
    /// that tmkms left.
    pub(crate) fn begin(&mut self) {
        if self.rng.one_in(4) {
            self.plan_start();
        }
        match self.rng.below(3) {
            0 => {}
            1 => self.begin_with_unknown_past(),
            _ => {
                self.view.tip = place(1 + self.small());
                self.run_tmkms();
            }
        }
    }

    /// Another machine signed up to somewhere in this height, and no state came along.
    fn begin_with_unknown_past(&mut self) {
        let height = 2 + self.small();
        self.view.tip = place(height);
        self.view.lowest = node::height(height);
        let last = Hrs {
            round: Round::try_from(1).unwrap_or_default(),
            step: Step::Prevote,
            ..place(height)
        };
        let mut at = place(height - 1);
        while at <= last {
            let signed = node::elsewhere(&mut self.rng, at, &self.view);
            self.oracle.signed_elsewhere(&signed);
            at = match at.step {
                Step::Precommit if at.height.value() == height => Hrs {
                    round: last.round,
                    step: Step::Propose,
                    ..at
                },
                _ => node::next_step(at),
            };
        }
    }

    /// No process runs: something is done about it.
    pub(crate) fn operate(&mut self) -> Result<(), Violation> {
        match self.rng.below(12) {
            0 => self.replace(),
            1 => self.run_tmkms(),
            2 => self.import(),
            3 => self.plan_start(),
            _ => return self.start(),
        }
        Ok(())
    }

    /// The start itself meets an incident.
    fn plan_start(&mut self) {
        let after = self.rng.index(14);
        let incident = self.incident();
        self.machine.plan(after, incident);
    }

    pub(crate) fn start(&mut self) -> Result<(), Violation> {
        let id = self.next_id;
        self.next_id += 1;
        self.machine.take_struck();
        self.machine.note(|| format!("process {id}: starts"));
        let home = SimHome::new(&self.machine);
        let result = S::start(home, &self.view.chain_id, self.floor.as_ref());
        let died = self.machine.take_died();
        if let Some(crash) = died {
            drop(result);
            self.crash(crash, id);
            return Ok(());
        }
        let struck = self.machine.take_struck();
        self.stats.faults += u64::from(struck);
        match result {
            Ok(started) => {
                self.machine
                    .note(|| format!("process {id}: found {:?}", started.knowledge));
                self.machine.has_recovered();
                self.has_old_ring = false;
                if let Some(floor) = self.floor.take() {
                    self.oracle.must_be_found(floor.hrs());
                }
                self.stats.starts += 1;
                let past = self.oracle.found(&started.knowledge)?;
                self.running.push(Running {
                    id,
                    process: started.process,
                    past,
                    halted: false,
                    inodes: self.machine.inodes(),
                });
                Ok(())
            }
            Err(error) => {
                self.machine
                    .note(|| format!("process {id}: {}", text(&error)));
                self.stats.failed_starts += 1;
                if struck {
                    return Ok(());
                }
                self.explain(&error)
            }
        }
    }

    /// A start may fail without a fault only where a person has to decide.
    fn explain(&mut self, error: &StartError) -> Result<(), Violation> {
        let needs_person = match error {
            StartError::Open(OpenError::Disagreement { .. }) => {
                self.tmkms_contradicts || self.has_old_ring
            }
            StartError::Open(OpenError::DamagedDocument { .. }) => self.machine.is_place_cut(),
            _ => false,
        };
        if !needs_person {
            return Err(Violation::DoesNotStart(text(error)));
        }
        self.stats.stops += 1;
        self.is_stopped = true;
        Ok(())
    }

    /// Somebody starts a second signer. It must not come up beside a first one in good order.
    pub(crate) fn start_another(&mut self) -> Result<(), Violation> {
        let now = self.machine.inodes();
        let [ring, _] = now;
        let in_order = self.running.iter().any(|r| r.inodes.first() == Some(&ring));
        if !in_order {
            return if self.running.len() < 2 {
                self.start()
            } else {
                Ok(())
            };
        }
        self.machine.note(|| "a second process starts".to_owned());
        let home = SimHome::new(&self.machine);
        let result = S::start(home, &self.view.chain_id, None);
        if let Some(crash) = self.machine.take_died() {
            drop(result);
            self.crash(crash, u64::MAX);
            return Ok(());
        }
        self.stats.failed_starts += 1;
        self.stats.faults += u64::from(self.machine.take_struck());
        match result {
            Ok(_) => Err(Violation::TwoProcesses),
            Err(_) => Ok(()),
        }
    }

    /// A backup is put back, or a file removed. The other file must cover what was signed.
    pub(crate) fn replace(&mut self) {
        let (file, other, index) = match self.rng.below(2) {
            0 => (StateFile::Ring, StateFile::Document, 0),
            _ => (StateFile::Document, StateFile::Ring, 1),
        };
        if !self.machine.covers_all(other) {
            return;
        }
        let backups = self.backups.get(index).map_or(0, Vec::len);
        let choice = self.rng.index(backups + 1);
        let content = self.backups.get(index).and_then(|b| b.get(choice)).cloned();
        self.has_old_ring |= file == StateFile::Ring && content.is_some();
        self.machine.note(|| match &content {
            Some(_) => format!("backup {choice} of the {file:?} is put back"),
            None => format!("the {file:?} is removed"),
        });
        self.stats.replacements += 1;
        self.machine.put(file, content, false);
    }

    /// The operator goes back to tmkms for a while, which reads and writes the document only.
    pub(crate) fn run_tmkms(&mut self) {
        let is_new = self.machine.content(StateFile::Document).is_none()
            && self.machine.content(StateFile::Ring).is_none();
        if !is_new && !self.machine.covers_all(StateFile::Document) {
            return;
        }
        let Some(mut at) = self.document_place() else {
            return;
        };
        for _ in 0..self.rng.between(1, 3) {
            at = if self.rng.one_in(3) {
                node::next_height(at.max(self.view.tip), 1)
            } else {
                node::next_step(at)
            };
            let signed = node::elsewhere(&mut self.rng, at, &self.view);
            self.machine
                .note(|| format!("tmkms signs {}", describe(&signed)));
            self.tmkms_contradicts |= self.oracle.knows_another(&signed);
            self.oracle.signed_elsewhere(&signed);
            self.oracle.must_be_found(at);
            self.stats.replacements += 1;
            self.machine
                .put(StateFile::Document, Some(tmkms_document(&signed)), true);
            self.machine.may_be_behind(StateFile::Ring);
        }
        self.view.tip = self.view.tip.max(at);
    }

    /// Where tmkms would go on from; `None` when it would not go on from what is there.
    fn document_place(&self) -> Option<Hrs> {
        let Some(content) = self.machine.content(StateFile::Document) else {
            let is_new_chain = self.view.lowest.value() == 1;
            return is_new_chain.then_some(self.view.tip);
        };
        let document = store::Document::parse(&content).ok()?;
        match document.knowledge {
            guard::Knowledge::Mark(mark) => Some(mark.hrs()),
            _ => None,
        }
    }

    /// `tmkms state import`, a state hook or the mark beside the key: another signer has signed
    /// here, and the next start is told.
    fn import(&mut self) {
        if self.floor.is_some() {
            return;
        }
        let at = node::next_height(self.view.tip, self.rng.between(1, 3));
        let signed = node::elsewhere(&mut self.rng, at, &self.view);
        self.machine
            .note(|| format!("to import: {}", describe(&signed)));
        self.oracle.signed_elsewhere(&signed);
        self.view.tip = node::next_step(at);
        self.floor = Some(if self.rng.one_in(2) {
            Mark::Signed(signed)
        } else {
            Mark::Floor {
                hrs: at,
                block_id: None,
            }
        });
    }

    fn small(&mut self) -> i64 {
        i64::try_from(self.rng.below(300)).unwrap_or_default()
    }
}

/// The state as tmkms 0.15 writes it: no sign bytes, null for nil.
fn tmkms_document(signed: &Canonical) -> Vec<u8> {
    let hex = |bytes: &[u8]| bytes.iter().map(|b| format!("{b:02X}")).collect::<String>();
    let block_id = signed.block_id().map_or("null".to_owned(), |id| {
        format!(
            r#"{{"hash":"{}","parts":{{"total":{},"hash":"{}"}}}}"#,
            hex(&id.hash),
            id.parts_total,
            hex(&id.parts_hash)
        )
    });
    let hrs = signed.hrs();
    format!(
        r#"{{"height":"{}","round":"{}","step":{},"block_id":{block_id}}}"#,
        hrs.height,
        hrs.round,
        hrs.step.number()
    )
    .into_bytes()
}

fn text(error: &StartError) -> String {
    match error {
        StartError::Open(error) => error.to_string(),
        StartError::Raise(error) => error.to_string(),
    }
}
