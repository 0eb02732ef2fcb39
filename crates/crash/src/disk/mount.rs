//! The mount: a [`VolatileDisk`] under a real directory, with a switch for its power.
//!
//! Invariant: from the moment the power is off no operation is answered before the process that
//! asked has been killed, so nobody lives to see an answer.

use std::path::Path;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use chance::Rng;
use fuser::{BackgroundSession, Config, MountOption};

use super::fuse::Files;
use super::loss::Loss;
use super::volatile::{Errno, Image, VolatileDisk};
use crate::error::CrashError;
use crate::process::Handle;

/// Before or after an operation has taken effect.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum When {
    /// It is never done.
    Before,
    /// It is done, and nobody hears of it.
    After,
}

/// The operation at which the power goes off: the `nth` that changes or syncs, from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Trap {
    /// Which operation.
    pub nth: u64,
    /// Before or after it.
    pub when: When,
}

/// How one operation fails, or does less than it was asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The `nth` write writes a part and says so, which POSIX allows.
    ShortWrite(u64),
    /// The `nth` write writes a part and then fails.
    FailedWrite(u64, Errno),
    /// The `nth` sync of a file fails, and what it was to keep is gone from disk and cache.
    FailedSync(u64, Errno),
    /// The same, but the cache goes on showing it.
    FailedSyncShown(u64, Errno),
}

/// What the mount and the harness share.
#[derive(Debug, Default)]
pub(super) struct Shared {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct State {
    disk: VolatileDisk,
    trap: Option<Trap>,
    fault: Option<Fault>,
    operations: u64,
    writes: u64,
    syncs: u64,
    is_off: bool,
    is_released: bool,
}

/// What an operation is, for counting.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Names,
    Write,
    Sync,
}

impl Shared {
    /// Looks at the disk, as long as there is power.
    pub(super) fn look<T>(
        &self,
        look: impl FnOnce(&Image) -> Result<T, Errno>,
    ) -> Result<T, Errno> {
        let state = self.wait_while_off(self.lock())?;
        look(state.disk.current())
    }

    /// Changes or syncs, unless the power goes off or the operation is to fail.
    pub(super) fn change<T>(
        &self,
        kind: Kind,
        change: impl FnOnce(&mut VolatileDisk, Option<Fault>) -> Result<T, Errno>,
    ) -> Result<T, Errno> {
        let mut state = self.wait_while_off(self.lock())?;
        state.operations += 1;
        state.writes += u64::from(kind == Kind::Write);
        state.syncs += u64::from(kind == Kind::Sync);
        let trap = state.trap.filter(|trap| trap.nth == state.operations);
        if trap.is_some_and(|trap| trap.when == When::Before) {
            self.switch_off(&mut state);
            state = self.wait_while_off(state)?;
        }
        let fault = state.due_fault(kind);
        let result = change(&mut state.disk, fault);
        if trap.is_some_and(|trap| trap.when == When::After) {
            self.switch_off(&mut state);
            drop(self.wait_while_off(state)?);
        }
        result
    }

    fn switch_off(&self, state: &mut State) {
        state.is_off = true;
        self.changed.notify_all();
    }

    /// With the power off nothing is answered until the asking process is dead, and then with an
    /// error that it does not see.
    fn wait_while_off<'a>(
        &self,
        mut state: MutexGuard<'a, State>,
    ) -> Result<MutexGuard<'a, State>, Errno> {
        if !state.is_off {
            return Ok(state);
        }
        while !state.is_released {
            state = self
                .changed
                .wait(state)
                .unwrap_or_else(PoisonError::into_inner);
        }
        Err(Errno::Io)
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn due_fault(&self, kind: Kind) -> Option<Fault> {
        self.fault.filter(|fault| match fault {
            Fault::ShortWrite(nth) | Fault::FailedWrite(nth, _) => {
                kind == Kind::Write && self.writes == *nth
            }
            Fault::FailedSync(nth, _) | Fault::FailedSyncShown(nth, _) => {
                kind == Kind::Sync && self.syncs == *nth
            }
        })
    }
}

/// The switch, for another thread.
#[derive(Clone, Debug)]
pub struct Switch(Arc<Shared>);

impl Switch {
    /// Waits until the trap has switched the power off, or the signer is gone; kills the signer,
    /// and lets the operations in hand go.
    pub fn wait_and_kill(&self, signer: &Handle) {
        const LOOK: Duration = Duration::from_millis(5);
        let mut state = self.0.lock();
        while !state.is_off && signer.is_running() {
            let waited = self.0.changed.wait_timeout(state, LOOK);
            state = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
        self.off_and_kill(state, signer);
    }

    /// Switches the power off now, and does the same.
    pub fn kill_now(&self, signer: &Handle) {
        self.off_and_kill(self.0.lock(), signer);
    }

    /// The kill comes before the release: who is killed never returns from the kernel.
    fn off_and_kill(&self, mut state: MutexGuard<'_, State>, signer: &Handle) {
        state.is_off = true;
        signer.kill();
        state.is_released = true;
        self.0.changed.notify_all();
    }
}

/// A mounted disk. Unmounted when dropped.
#[derive(Debug)]
pub struct Mounted {
    shared: Arc<Shared>,
    session: Option<BackgroundSession>,
}

impl Mounted {
    /// Mounts a disk on a directory.
    ///
    /// # Errors
    /// [`CrashError::System`] where FUSE is not permitted.
    pub fn new(image: Image, at: &Path) -> Result<Self, CrashError> {
        let shared = Arc::new(Shared::default());
        shared.lock().disk = VolatileDisk::new(image);
        let mut config = Config::default();
        config.mount_options = vec![MountOption::FSName("crash".to_owned())];
        let files = Files::new(Arc::clone(&shared));
        let session = fuser::spawn_mount(files, at, &config).map_err(CrashError::doing(
            format!("mount a FUSE disk on {}", at.display()),
        ))?;
        Ok(Self {
            shared,
            session: Some(session),
        })
    }

    /// Sets where the power goes off; operations are counted from now on.
    pub fn set_trap(&self, trap: Trap) {
        let mut state = self.shared.lock();
        state.operations = 0;
        state.trap = Some(trap);
    }

    /// Sets what fails; writes and syncs are counted from now on.
    pub fn set_fault(&self, fault: Fault) {
        let mut state = self.shared.lock();
        (state.writes, state.syncs) = (0, 0);
        state.fault = Some(fault);
    }

    /// How many operations changed or synced since the mount.
    #[must_use]
    pub fn operations(&self) -> u64 {
        self.shared.lock().operations
    }

    /// Whether the power is off.
    #[must_use]
    pub fn is_off(&self) -> bool {
        self.shared.lock().is_off
    }

    /// Its switch.
    #[must_use]
    pub fn switch(&self) -> Switch {
        Switch(Arc::clone(&self.shared))
    }

    /// Unmounts, and tells what survives.
    ///
    /// # Errors
    /// [`CrashError::System`] when it is still in use.
    pub fn lose_power(mut self, loss: Loss, rng: &mut Rng) -> Result<Image, CrashError> {
        self.unmount()?;
        Ok(self.shared.lock().disk.lose_power(loss, rng))
    }

    fn unmount(&mut self) -> Result<(), CrashError> {
        let Some(session) = self.session.take() else {
            return Ok(());
        };
        self.shared.lock().is_released = true;
        self.shared.changed.notify_all();
        session
            .umount_and_join()
            .map_err(CrashError::doing("unmount the FUSE disk"))
    }
}

impl Drop for Mounted {
    fn drop(&mut self) {
        // Whoever wants to hear of an error calls `lose_power`.
        let _ = self.unmount();
    }
}

/// Why FUSE cannot be used here; `None` when it can.
#[must_use]
pub fn unavailable() -> Option<String> {
    let try_one = || -> Result<(), CrashError> {
        let directory = tempfile::tempdir().map_err(CrashError::doing("make a directory"))?;
        let mounted = Mounted::new(Image::default(), directory.path())?;
        let file = directory.path().join("a");
        std::fs::write(&file, b"x").map_err(CrashError::doing("write to a FUSE disk"))?;
        let read = std::fs::read(&file).map_err(CrashError::doing("read from a FUSE disk"))?;
        drop(mounted);
        if read == b"x" {
            return Ok(());
        }
        Err(CrashError::Home(
            "a FUSE disk does not keep files".to_owned(),
        ))
    };
    try_one().err().map(|error| error.to_string())
}
