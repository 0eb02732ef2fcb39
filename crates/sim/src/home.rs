//! The simulated directory and its open files, as the store sees them.

use std::fs::TryLockError;
use std::io;
use std::path::{Path, PathBuf};

use store::{Disk, Home, StateFile};

use crate::inode::Inode;
use crate::machine::{Machine, Operation, State, Verdict};

/// The directory in which a process finds its state.
#[derive(Debug)]
pub struct SimHome {
    machine: Machine,
    ring: PathBuf,
    document: PathBuf,
}

/// An open file.
#[derive(Debug)]
pub struct SimDisk {
    machine: Machine,
    file: StateFile,
    inode: usize,
    holds_lock: bool,
}

impl SimHome {
    pub(crate) fn new(machine: &Machine) -> Self {
        Self {
            machine: machine.clone(),
            ring: PathBuf::from("state.json.ring"),
            document: PathBuf::from("state.json"),
        }
    }

    /// A temporary file, written and synced; then its name; then the directory synced.
    fn name_new(&mut self, file: StateFile, bytes: &[u8], is_over_old: bool) -> io::Result<()> {
        let mut state = self.machine.state();
        state.note(|| format!("    make {file:?}"));
        undisturbed(state.step(Operation::Write))?;
        undisturbed(state.step(Operation::Sync))?;
        let verdict = state.step(Operation::Name);
        let is_free = is_over_old || state.name(file).now.is_none();
        if is_free && !matches!(verdict, Verdict::Refuse(_)) {
            let index = state.inodes.len();
            state.inodes.push(Inode::synced(bytes.to_vec()));
            state.name_mut(file).now = Some(index);
        }
        undisturbed(verdict)?;
        drop(state);
        self.sync_names()
    }
}

impl Home for SimHome {
    type Disk = SimDisk;

    fn path(&self, file: StateFile) -> &Path {
        match file {
            StateFile::Ring => &self.ring,
            StateFile::Document => &self.document,
        }
    }

    fn read(&mut self, file: StateFile) -> io::Result<Option<Vec<u8>>> {
        let mut state = self.machine.state();
        undisturbed(state.step(Operation::Read))?;
        let inode = state.name(file).now;
        Ok(inode
            .and_then(|index| state.inodes.get(index))
            .map(Inode::read))
    }

    fn open(&mut self, file: StateFile) -> io::Result<SimDisk> {
        let mut state = self.machine.state();
        undisturbed(state.step(Operation::Name))?;
        let inode = state.name(file).now.ok_or(io::ErrorKind::NotFound)?;
        Ok(SimDisk {
            machine: self.machine.clone(),
            file,
            inode,
            holds_lock: false,
        })
    }

    fn lock(&mut self, ring: &mut SimDisk) -> Result<(), TryLockError> {
        let mut state = self.machine.state();
        undisturbed(state.step(Operation::Name)).map_err(TryLockError::Error)?;
        let inode = state.inodes.get_mut(ring.inode);
        match inode {
            Some(inode) if !inode.is_locked => {
                inode.is_locked = true;
                ring.holds_lock = true;
                Ok(())
            }
            _ => Err(TryLockError::WouldBlock),
        }
    }

    fn create(&mut self, file: StateFile, bytes: &[u8]) -> io::Result<()> {
        self.name_new(file, bytes, false)
    }

    fn replace(&mut self, file: StateFile, bytes: &[u8]) -> io::Result<()> {
        self.name_new(file, bytes, true)
    }

    fn sync_names(&mut self) -> io::Result<()> {
        let mut state = self.machine.state();
        state.note(|| "    sync the directory".to_owned());
        let verdict = state.step(Operation::Sync);
        if matches!(verdict, Verdict::GoOn | Verdict::Afterwards(_)) {
            state.sync_names();
        }
        undisturbed(verdict)
    }

    fn holder(&self) -> String {
        "the simulator".to_owned()
    }
}

impl Disk for SimDisk {
    fn read(&mut self) -> io::Result<Vec<u8>> {
        let mut state = self.machine.state();
        undisturbed(state.step(Operation::Read))?;
        Ok(state
            .inodes
            .get(self.inode)
            .map(Inode::read)
            .unwrap_or_default())
    }

    fn write_at(&mut self, offset: u64, bytes: &[u8]) -> io::Result<()> {
        let mut state = self.machine.state();
        let file = self.file;
        let verdict = state.step(Operation::Write);
        state.note(|| format!("    write {file:?} at {offset}, {} bytes", bytes.len()));
        let len = match &verdict {
            Verdict::GoOn | Verdict::Afterwards(_) => bytes.len(),
            Verdict::Partly(_) => state.rng.index(bytes.len()),
            Verdict::Refuse(_) => 0,
        };
        if 0 < len && len < bytes.len() && file == StateFile::Document {
            state.name_mut(file).covers_all = false;
        }
        let offset = usize::try_from(offset).unwrap_or(usize::MAX);
        if let (Some(inode), Some(written)) = (state.inodes.get_mut(self.inode), bytes.get(..len)) {
            inode.write(offset, written);
        }
        undisturbed(verdict)
    }

    fn sync(&mut self) -> io::Result<()> {
        let mut state = self.machine.state();
        let file = self.file;
        let verdict = state.step(Operation::Sync);
        state.note(|| format!("    sync {file:?}"));
        let is_dead = state.is_dead();
        let State { rng, inodes, .. } = &mut *state;
        let Some(inode) = inodes.get_mut(self.inode) else {
            return undisturbed(verdict);
        };
        match &verdict {
            Verdict::GoOn | Verdict::Afterwards(_) => inode.sync(),
            Verdict::Refuse(_) => {}
            Verdict::Partly(_) if is_dead => inode.write_back(rng),
            Verdict::Partly(_) => {
                inode.fail_sync(rng);
                if file == StateFile::Document {
                    state.name_mut(file).covers_all = false;
                }
            }
        }
        undisturbed(verdict)
    }

    fn check_in_place(&mut self) -> io::Result<()> {
        let mut state = self.machine.state();
        undisturbed(state.step(Operation::Name))?;
        match state.name(self.file).now {
            Some(inode) if inode == self.inode => Ok(()),
            Some(_) => Err(io::Error::other("the file was replaced by another one")),
            None => Err(io::ErrorKind::NotFound.into()),
        }
    }
}

impl Drop for SimDisk {
    fn drop(&mut self) {
        if self.holds_lock
            && let Some(inode) = self.machine.state().inodes.get_mut(self.inode)
        {
            inode.is_locked = false;
        }
    }
}

fn undisturbed(verdict: Verdict) -> io::Result<()> {
    match verdict {
        Verdict::GoOn => Ok(()),
        Verdict::Refuse(e) | Verdict::Partly(e) | Verdict::Afterwards(e) => Err(e),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::schedule::chain_id;
    use crate::subject::open;
    use chance::Rng;

    /// What a start does, after this was done to the files that an earlier one left.
    fn second_start(meanwhile: impl Fn(&Machine)) -> Vec<String> {
        let machine = Machine::new(Rng::new(1), true);
        let first = open(SimHome::new(&machine), &chain_id(), None);
        assert!(first.is_ok());
        drop(first);
        meanwhile(&machine);
        let before = machine.state().trace.iter().flatten().count();
        assert!(open(SimHome::new(&machine), &chain_id(), None).is_ok());
        let lines = machine.take_trace().split_off(before);
        lines.iter().map(|line| line.trim().to_owned()).collect()
    }

    #[test]
    fn start_syncs_each_file_before_it_writes_the_other() {
        let expected = [
            "sync the directory",
            "write Ring at 4096, 512 bytes",
            "sync Document",
            "write Ring at 12288, 4096 bytes",
            "sync Ring",
            "write Document at 0, 4096 bytes",
            "sync Document",
        ];
        assert_eq!(second_start(|_| {}), expected);
    }

    #[test]
    fn start_puts_the_mark_of_tmkms_into_the_ring_before_it_replaces_the_document() {
        let by_tmkms = br#"{"height":"9","round":"0","step":2,"block_id":null}"#;
        let done = second_start(|machine| {
            machine.put(StateFile::Document, Some(by_tmkms.to_vec()), true);
        });
        let expected = [
            "sync the directory",
            "write Ring at 4096, 512 bytes",
            "sync Document",
            "write Ring at 12288, 4096 bytes",
            "sync Ring",
            "write Ring at 16384, 4096 bytes",
            "sync Ring",
            "make Document",
            "sync the directory",
        ];
        assert_eq!(done, expected);
    }
}
