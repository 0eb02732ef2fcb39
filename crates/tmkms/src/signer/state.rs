//! A chain's state at the start: opened, and raised to everything that is known to be signed.

use guard::{Knowledge, Mark, WAIT};
use privval::PublicKey;
use store::{FileStore, Memory, MemoryError, OpenError, Opened};
use tracing::{info, warn};

use super::load::LoadError;
use super::memory::BootMemory;
use super::{hook, mark, memory};
use crate::config;

/// How far ahead of a known mark a hook's height may be. A number beyond it is more likely a
/// mistake (another chain's height, say), and believing it would stop the signing.
const HOOK_LIMIT: i64 = 9_000;

/// Opens the state of a chain, takes every floor, and tells where signing goes on.
pub(super) fn open(
    chain: &config::Chain,
    key: &config::Softsign,
    public_key: &PublicKey,
    boot_memory: BootMemory,
) -> Result<Opened, LoadError> {
    let memory = match boot_memory {
        BootMemory::Kept => memory::open(&chain.id, public_key, &chain.state_file.value)
            .map_err(|e| memory_error(chain, e))?,
        BootMemory::Off => None,
    };
    let opened =
        FileStore::open(&chain.state_file.value, &chain.id).map_err(|e| state_error(chain, e))?;
    for note in &opened.notes {
        warn!("[{}] {note}", chain.id);
    }
    let mut state = State { chain, opened };
    state.take_mark_beside(key)?;
    state.take_hook()?;
    state.remember(memory)?;
    state.tell();
    Ok(state.opened)
}

/// What `start` would go on from, but for a hook.
pub(super) fn look(chain: &config::Chain, key: &config::Softsign) -> Result<String, LoadError> {
    let state =
        store::inspect(&chain.state_file.value, &chain.id).map_err(|e| state_error(chain, e))?;
    let floor = mark::floor(&key.path.value, &chain.id).map_err(|e| mark_error(key, e))?;
    let mark = match (state, floor) {
        (Some(Knowledge::Mark(state)), Some(floor)) if floor.hrs() > state.hrs() => Some(floor),
        (Some(Knowledge::Mark(state)), _) => Some(state),
        (_, floor) => floor,
    };
    Ok(match mark {
        Some(mark) => format!("last signed at h/r/s {}", mark.hrs()),
        None => "nothing signed that is known of".to_owned(),
    })
}

/// A chain's opened state on its way up to its highest floor.
struct State<'a> {
    chain: &'a config::Chain,
    opened: Opened,
}

impl State<'_> {
    fn take_mark_beside(&mut self, key: &config::Softsign) -> Result<(), LoadError> {
        let key_file = &key.path.value;
        let floor = mark::floor(key_file, &self.chain.id).map_err(|e| mark_error(key, e))?;
        let Some(mark) = floor.filter(|mark| self.is_higher(mark)) else {
            return Ok(());
        };
        info!(
            "[{}] the node had signed up to {} before its key was imported ({})",
            self.chain.id,
            mark.hrs(),
            mark::mark_path(key_file).display()
        );
        if self.mark().is_some() {
            return self.raise(mark);
        }
        // Not written: when the state is lost later, the mark is still there, and old.
        self.opened.knowledge = Knowledge::Imported(mark);
        Ok(())
    }

    fn take_hook(&mut self) -> Result<(), LoadError> {
        let Some(hook) = &self.chain.state_hook else {
            return Ok(());
        };
        let chain = &self.chain.id;
        match hook::run(hook) {
            Ok(mark) if !self.is_higher(&mark) => {
                warn!(
                    "[{chain}] the state_hook told height {}, which is not past the last \
                     signature: it changes nothing",
                    mark.hrs().height
                );
                Ok(())
            }
            Ok(mark) if self.is_too_far(&mark) => {
                let error = LoadError::HookHeight {
                    at: hook.at.clone(),
                    chain: chain.clone(),
                    height: mark.hrs().height,
                    mark: Box::new(self.mark().map_or(mark.hrs(), Mark::hrs)),
                };
                closed_or_told(hook.fail_closed, error)
            }
            Ok(mark) => {
                info!("[{chain}] the state_hook told height {}", mark.hrs().height);
                self.raise(mark)
            }
            Err(source) => {
                let error = LoadError::Hook {
                    at: hook.at.clone(),
                    chain: chain.clone(),
                    source: Box::new(source),
                };
                closed_or_told(hook.fail_closed, error)
            }
        }
    }

    /// Stops where the state is older than what was signed since the machine booted.
    fn remember(&mut self, memory: Option<Memory>) -> Result<(), LoadError> {
        let Some(memory) = memory else {
            return Ok(());
        };
        memory
            .check(self.opened.knowledge.hrs())
            .map_err(|e| memory_error(self.chain, e))?;
        let mark = self.mark().cloned();
        self.opened
            .store
            .remember(memory, mark.as_ref())
            .map_err(|source| LoadError::Write {
                at: self.chain.state_file.at.clone(),
                source,
            })
    }

    fn mark(&self) -> Option<&Mark> {
        match &self.opened.knowledge {
            Knowledge::Mark(mark) => Some(mark),
            _ => None,
        }
    }

    fn is_higher(&self, floor: &Mark) -> bool {
        Some(floor.hrs()) > self.opened.knowledge.hrs()
    }

    fn is_too_far(&self, floor: &Mark) -> bool {
        self.mark().is_some_and(|mark| {
            let (from, to) = (mark.hrs().height.value(), floor.hrs().height.value());
            to.saturating_sub(from) > HOOK_LIMIT
        })
    }

    fn raise(&mut self, mark: Mark) -> Result<(), LoadError> {
        self.opened
            .store
            .raise(&mark)
            .map_err(|source| LoadError::Write {
                at: self.chain.state_file.at.clone(),
                source,
            })?;
        self.opened.knowledge = Knowledge::Mark(mark);
        Ok(())
    }

    fn tell(&self) {
        let chain = &self.chain.id;
        match &self.opened.knowledge {
            Knowledge::Mark(mark) => info!("[{chain}] last signed at h/r/s {}", mark.hrs()),
            Knowledge::Imported(mark) => warn!(
                "[{chain}] no state: {} is new. Signing goes on after {}; if the chain is more \
                 than one height past it, each height that is asked for in the first {} s is let \
                 pass, because it may have been signed since. If a state or a backup exists, stop \
                 and run `tmkms state import`",
                self.chain.state_file.value.display(),
                mark.hrs(),
                WAIT.as_secs()
            ),
            Knowledge::Nothing => warn!(
                "[{chain}] no state: {} is new. A chain at height 1 is signed at once; on any \
                 other each height that is asked for in the first {} s is let pass, because it may \
                 have been signed elsewhere. If a state or a backup exists, stop and run `tmkms \
                 state import`",
                self.chain.state_file.value.display(),
                WAIT.as_secs()
            ),
        }
    }
}

fn closed_or_told(fail_closed: bool, error: LoadError) -> Result<(), LoadError> {
    if fail_closed {
        return Err(error);
    }
    warn!("{error}; going on without it, because fail_closed is not set");
    Ok(())
}

fn mark_error(key: &config::Softsign, source: mark::MarkError) -> LoadError {
    LoadError::Mark {
        at: key.path.at.clone(),
        source,
    }
}

fn memory_error(chain: &config::Chain, source: MemoryError) -> LoadError {
    LoadError::Memory {
        at: chain.state_file.at.clone(),
        source: Box::new(source),
    }
}

fn state_error(chain: &config::Chain, source: OpenError) -> LoadError {
    LoadError::State {
        at: chain.state_file.at.clone(),
        chain: chain.id.clone(),
        source: Box::new(source),
    }
}
