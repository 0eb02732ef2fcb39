//! The simulated machine: a directory with two files, its faults and its crashes.
//!
//! Every operation on the disk goes through [`Machine::step`], which is where a planned incident
//! strikes: a crash before, after or in the middle of any operation, or an error. After a crash
//! all operations fail and change nothing, until the schedule has buried the process.

use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use chance::Rng;
use store::StateFile;

use crate::inode::Inode;

/// How a process ends without wanting to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Crash {
    /// One process is gone; what it wrote can still be read.
    Kill,
    /// All are gone, and what was not synced is lost, kept or torn.
    PowerLoss,
}

/// What happens at an operation of the disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Incident {
    Crash(Crash),
    /// The operation returns an error, whichever it is.
    Error,
    /// The next sync returns an error.
    SyncError,
}

/// An operation, as far as incidents tell them apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Operation {
    Read,
    Write,
    Sync,
    Name,
}

/// What the schedule planned for this operation.
pub(crate) enum Verdict {
    GoOn,
    /// Nothing happens, and an error is returned.
    Refuse(io::Error),
    /// It happens in part, and an error is returned.
    Partly(io::Error),
    /// It happens, and an error is returned.
    Afterwards(io::Error),
}

/// A handle on the machine; clones share it.
#[derive(Clone, Debug)]
pub(crate) struct Machine(Arc<Mutex<State>>);

#[derive(Debug)]
pub(crate) struct State {
    pub(crate) rng: Rng,
    pub(crate) inodes: Vec<Inode>,
    /// The directory as it is read, and as it would be found after a loss of power.
    pub(crate) names: [Names; 2],
    plan: Option<(usize, Incident)>,
    died: Option<Crash>,
    struck: bool,
    pub(crate) trace: Option<Vec<String>>,
}

/// Which inode a name leads to.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Names {
    pub(crate) now: Option<usize>,
    pub(crate) durable: Option<usize>,
    /// False when this file alone might not cover all that was signed, through no fault of the
    /// store: it was restored, or the power went before the document was synced.
    pub(crate) covers_all: bool,
}

impl Machine {
    pub(crate) fn new(rng: Rng, is_traced: bool) -> Self {
        let empty = Names {
            covers_all: true,
            ..Names::default()
        };
        Self(Arc::new(Mutex::new(State {
            rng,
            inodes: Vec::new(),
            names: [empty; 2],
            plan: None,
            died: None,
            struck: false,
            trace: is_traced.then(Vec::new),
        })))
    }

    pub(crate) fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds a line to the trace, if there is one.
    pub(crate) fn note(&self, line: impl FnOnce() -> String) {
        self.state().note(line);
    }

    /// Lets an incident strike after this many operations.
    pub(crate) fn plan(&self, after: usize, incident: Incident) {
        self.state().plan = Some((after, incident));
    }

    /// Whether an incident struck since this was asked last.
    pub(crate) fn take_struck(&self) -> bool {
        std::mem::take(&mut self.state().struck)
    }

    /// The crash that a process died of, if one did since this was asked last.
    pub(crate) fn take_died(&self) -> Option<Crash> {
        self.state().died.take()
    }

    /// No more incidents until the next plan.
    pub(crate) fn calm(&self) {
        self.state().plan = None;
    }

    /// Whether a file is there, and could be relied on if the other were lost.
    pub(crate) fn covers_all(&self, file: StateFile) -> bool {
        let state = self.state();
        let names = state.name(file);
        names.now.is_some() && names.covers_all
    }

    /// Which inodes the names lead to now: the ring's and the document's.
    pub(crate) fn inodes(&self) -> [Option<usize>; 2] {
        self.state().names.map(|names| names.now)
    }

    pub(crate) fn take_trace(&self) -> Vec<String> {
        self.state().trace.take().unwrap_or_default()
    }

    /// From now on this file alone may not cover all that was signed.
    pub(crate) fn may_be_behind(&self, file: StateFile) {
        self.state().name_mut(file).covers_all = false;
    }

    /// A start that succeeded has put the same into both files.
    pub(crate) fn has_recovered(&self) {
        let mut state = self.state();
        for names in &mut state.names {
            names.covers_all = true;
        }
        for inode in &mut state.inodes {
            inode.is_cut_at_its_place = false;
        }
    }

    /// Whether the document may name a place that nobody wrote.
    pub(crate) fn is_place_cut(&self) -> bool {
        let state = self.state();
        let document = state.name(StateFile::Document).now;
        document
            .and_then(|index| state.inodes.get(index))
            .is_some_and(|i| i.is_cut_at_its_place)
    }

    /// What reads of a file find.
    pub(crate) fn content(&self, file: StateFile) -> Option<Vec<u8>> {
        let state = self.state();
        let inode = state.inodes.get(state.name(file).now?)?;
        Some(inode.read())
    }

    /// Somebody puts another file in the place of this one, or removes it, and syncs the disk.
    /// From then on the other file is all there is to rely on.
    pub(crate) fn put(&self, file: StateFile, content: Option<Vec<u8>>, covers_all: bool) {
        let mut state = self.state();
        for inode in &mut state.inodes {
            inode.sync();
        }
        let index = state.inodes.len();
        let there = content.map(|bytes| {
            state.inodes.push(Inode::synced(bytes));
            index
        });
        *state.name_mut(file) = Names {
            now: there,
            durable: None,
            covers_all,
        };
        state.sync_names();
    }

    /// The kernel writes back what it likes.
    pub(crate) fn write_back(&self) {
        let mut state = self.state();
        let State { rng, inodes, .. } = &mut *state;
        for inode in inodes {
            inode.write_back(rng);
        }
    }

    /// The power goes and comes back.
    pub(crate) fn lose_power(&self) {
        let mut state = self.state();
        state.document_may_be_behind();
        let State {
            rng, inodes, names, ..
        } = &mut *state;
        for inode in inodes {
            inode.lose_power(rng);
        }
        for names in names {
            names.now = names.durable;
        }
        state.died = None;
        state.plan = None;
    }
}

impl State {
    pub(crate) fn note(&mut self, line: impl FnOnce() -> String) {
        if let Some(trace) = &mut self.trace {
            trace.push(line());
        }
    }

    pub(crate) fn name(&self, file: StateFile) -> &Names {
        let [ring, document] = &self.names;
        match file {
            StateFile::Ring => ring,
            StateFile::Document => document,
        }
    }

    pub(crate) fn name_mut(&mut self, file: StateFile) -> &mut Names {
        let [ring, document] = &mut self.names;
        match file {
            StateFile::Ring => ring,
            StateFile::Document => document,
        }
    }

    /// The next operation: as planned, or undisturbed.
    pub(crate) fn step(&mut self, operation: Operation) -> Verdict {
        if self.died.is_some() {
            return Verdict::Refuse(io::Error::other("the process is dead"));
        }
        let Some((left, incident)) = &mut self.plan else {
            return Verdict::GoOn;
        };
        if *left > 0 {
            *left -= 1;
            return Verdict::GoOn;
        }
        let incident = *incident;
        if incident == Incident::SyncError && operation != Operation::Sync {
            return Verdict::GoOn;
        }
        self.strike(operation, incident)
    }

    fn strike(&mut self, operation: Operation, incident: Incident) -> Verdict {
        self.plan = None;
        self.struck = true;
        self.note(|| format!("    {incident:?} strikes at:"));
        let Incident::Crash(crash) = incident else {
            let error = match self.rng.below(2) {
                0 => io::Error::other("input/output error"),
                _ => io::Error::new(io::ErrorKind::StorageFull, "no space left on device"),
            };
            return match (operation, self.rng.below(2)) {
                (Operation::Read | Operation::Name, _) | (Operation::Write, 0) => {
                    Verdict::Refuse(error)
                }
                _ => Verdict::Partly(error),
            };
        };
        self.died = Some(crash);
        let error = io::Error::other("the process died");
        match self.rng.below(3) {
            0 => Verdict::Refuse(error),
            1 => Verdict::Partly(error),
            _ => Verdict::Afterwards(error),
        }
    }

    /// The directory's entries are what they are, whatever happens.
    pub(crate) fn sync_names(&mut self) {
        for names in &mut self.names {
            names.durable = names.now;
        }
    }

    /// Whether the process that acts has died and does not know it yet.
    pub(crate) fn is_dead(&self) -> bool {
        self.died.is_some()
    }

    /// After a loss of power, the document alone may know less than was signed: it is written
    /// and not synced.
    fn document_may_be_behind(&mut self) {
        let names = *self.name(StateFile::Document);
        let inode = names.now.and_then(|index| self.inodes.get(index));
        if names.now != names.durable || inode.is_some_and(Inode::has_unsynced) {
            self.name_mut(StateFile::Document).covers_all = false;
        }
    }
}
