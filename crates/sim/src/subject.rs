//! What is tested: the real guard and store, or, in tests of the simulator, broken ones.

use std::time::Instant;

use guard::{Guard, Knowledge, Mark, Permit, RawBytesPolicy, Store, StoreError};
use privval::{Canonical, ChainId, Height, Timestamp};
use store::{FileStore, Home, OpenError, Opened};

use crate::home::SimHome;

/// A way to start a signer.
pub trait Subject {
    /// The running signer.
    type Process: Process;

    /// Opens the state, raises it to `floor` if that is higher, and is ready to sign.
    ///
    /// # Errors
    /// [`StartError`] when it cannot.
    fn start(
        home: SimHome,
        chain_id: &ChainId,
        floor: Option<&Mark>,
    ) -> Result<Started<Self::Process>, StartError>;
}

/// A signer that has started.
#[derive(Debug)]
pub struct Started<P> {
    /// The signer.
    pub process: P,
    /// What it found.
    pub knowledge: Knowledge,
}

/// Why a signer did not start.
#[derive(Debug)]
pub enum StartError {
    /// The state did not open.
    Open(OpenError),
    /// The floor could not be written.
    Raise(StoreError),
}

/// A running signer, from the arrival of a request to the permit.
pub trait Process {
    /// What a request brings along when its turn comes.
    type Ticket;

    /// A request arrives. Others may arrive before its turn comes.
    fn arrive(&mut self, asked: &Canonical, now: Instant) -> Self::Ticket;

    /// The request's turn: nothing else happens to this chain until it returns.
    ///
    /// # Errors
    /// Why it is refused, in words.
    fn permit(
        &mut self,
        ticket: Self::Ticket,
        asked: &Canonical,
        max_height: Option<Height>,
        now: Instant,
    ) -> Result<Permitted, String>;
}

/// What may be signed now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Permitted {
    /// The bytes.
    pub sign_bytes: Vec<u8>,
    /// The timestamp that the reply names.
    pub timestamp: Timestamp,
}

/// The signer as it is.
#[derive(Debug)]
pub struct Real;

impl Subject for Real {
    type Process = Guard<FileStore<<SimHome as Home>::Disk>>;

    fn start(
        home: SimHome,
        chain_id: &ChainId,
        floor: Option<&Mark>,
    ) -> Result<Started<Self::Process>, StartError> {
        let opened = open(home, chain_id, floor)?;
        Ok(guarded(chain_id, opened))
    }
}

/// Opens the real store in any home and raises it, as the signer does at its start.
///
/// # Errors
/// [`StartError`] as for [`Subject::start`].
pub fn open<H: Home>(
    mut home: H,
    chain_id: &ChainId,
    floor: Option<&Mark>,
) -> Result<Opened<H::Disk>, StartError> {
    let mut opened = FileStore::open_in(&mut home, chain_id).map_err(StartError::Open)?;
    if let Some(floor) = floor.filter(|floor| Some(floor.hrs()) > opened.knowledge.hrs()) {
        opened.store.raise(floor).map_err(StartError::Raise)?;
        opened.knowledge = Knowledge::Mark(floor.clone());
    }
    Ok(opened)
}

/// Puts the real guard in front of an opened store.
#[must_use]
pub fn guarded<D: store::Disk>(
    chain_id: &ChainId,
    opened: Opened<D>,
) -> Started<Guard<FileStore<D>>> {
    Started {
        knowledge: opened.knowledge.clone(),
        process: Guard::new(
            chain_id.clone(),
            opened.knowledge,
            RawBytesPolicy::Off,
            opened.store,
        ),
    }
}

impl<S: Store> Process for Guard<S> {
    /// The guard is behind one lock, so nothing is looked at before it is held.
    type Ticket = ();

    fn arrive(&mut self, _: &Canonical, _: Instant) -> Self::Ticket {}

    fn permit(
        &mut self,
        (): Self::Ticket,
        asked: &Canonical,
        max_height: Option<Height>,
        now: Instant,
    ) -> Result<Permitted, String> {
        let permit = Guard::permit(self, asked, max_height, now).map_err(|r| r.to_string())?;
        Ok(Permitted {
            timestamp: permit.timestamp(),
            sign_bytes: Permit::from(permit).sign_bytes().to_vec(),
        })
    }
}
