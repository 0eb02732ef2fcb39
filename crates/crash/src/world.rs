//! The recording node: asks one signer after another, in all its lives, and judges each answer.
//!
//! Invariants:
//! - One request is on its way at a time, and it is known which when the signer dies.
//! - A request that got no answer is asked again on the next connection before anything else, as
//!   a node does.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use chance::Rng;
use privval::node_side::{self, Answer, Signed};
use privval::{Canonical, Hrs};
use testnode::{Listener, NodeError, Signer};

use crate::error::CrashError;
use crate::home::Home;
use crate::ledger::{Ask, Ledger};
use crate::process::Handle;
use crate::rule::{Expected, expected};
use crate::script::Script;

/// How long a signer may take to connect, under `strace` on a busy machine too.
const CONNECT_PATIENCE: Duration = Duration::from_secs(20);

/// The refusal of the request whose mark could not be written.
pub const NOT_WRITTEN: &str = "nothing was signed because the state could not be written";

/// The refusal of all later ones.
pub const HALTED: &str = "nothing more is signed since the state could not be written";

/// Over what the node talks to its signer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Transport {
    /// A Unix socket, in plain.
    Unix,
    /// TCP with SecretConnection.
    Tcp,
}

/// What the node does in one life of the signer.
#[derive(Clone, Copy, Debug)]
pub struct Plan {
    /// How many requests, beside those that test the restart.
    pub asks: u64,
    /// Only the plain course of consensus, for tracing.
    pub is_plain: bool,
    /// The disk is broken on purpose, so the signer may stop signing.
    pub has_faults: bool,
}

impl Plan {
    /// Anything, until the signer dies.
    pub const ENDLESS: Self = Self::mixed(u64::MAX);

    /// So many requests of every kind.
    #[must_use]
    pub const fn mixed(asks: u64) -> Self {
        Self {
            asks,
            is_plain: false,
            has_faults: false,
        }
    }

    /// So many requests as a node without trouble has them.
    #[must_use]
    pub const fn plain(asks: u64) -> Self {
        Self {
            asks,
            is_plain: true,
            has_faults: false,
        }
    }

    /// The same with a broken disk.
    #[must_use]
    pub const fn with_faults(self) -> Self {
        Self {
            has_faults: true,
            ..self
        }
    }
}

/// How a life ended for the node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// The signer is gone.
    Died,
    /// All was asked, and the signer lives.
    Done,
}

/// What the node believes of the signer.
#[derive(Debug, Default)]
pub struct Model {
    /// What the signer committed last.
    pub mark: Option<Canonical>,
    /// Asked, and not answered yet.
    pub pending: Option<Ask>,
    /// What may have been committed without an answer that says so.
    pub maybe: Vec<Canonical>,
    /// The signer has said that it signs nothing more.
    pub has_halted: bool,
    /// What to ask first in the next life.
    pub opening: Vec<Ask>,
}

/// A signer's directory, its node, and all that is known of them.
pub struct World {
    /// The directory.
    pub home: Home,
    /// What was released.
    pub ledger: Ledger,
    /// What is believed.
    pub model: Model,
    /// What is asked.
    pub script: Script,
    /// The signer's binary, for its own account of its state.
    pub(crate) binary: PathBuf,
    listener: Listener,
}

impl World {
    /// A new signer with an empty state.
    ///
    /// # Errors
    /// [`CrashError`].
    pub fn new(binary: &Path, transport: Transport, rng: Rng) -> Result<Self, CrashError> {
        let home = Home::new()?;
        let (listener, address) = listen(&home, transport)?;
        home.configure(&[address])?;
        Ok(Self {
            ledger: Ledger::new(home.key()),
            model: Model::default(),
            script: Script::new(rng, home.chain_id().clone()),
            binary: binary.to_owned(),
            listener,
            home,
        })
    }

    /// A new chain with the same key and an empty state.
    ///
    /// # Errors
    /// [`CrashError`].
    pub fn begin_anew(&mut self) -> Result<(), CrashError> {
        self.home.clear_state()?;
        self.home.forget_boot()?;
        self.ledger.begin_new_chain();
        self.model = Model::default();
        Ok(())
    }

    /// Asks until the signer dies or the plan is through.
    ///
    /// # Errors
    /// [`CrashError`] when the node itself fails.
    pub fn drive(&mut self, signer: &Handle, plan: &Plan) -> Result<Ending, CrashError> {
        while let Some(mut connection) = self.accept(signer)? {
            match self.talk(&mut connection, signer, plan) {
                Ok(()) => return Ok(Ending::Done),
                Err(trouble) => self.tell(&trouble, signer),
            }
        }
        Ok(Ending::Died)
    }

    /// The next connection; `None` once the signer is gone.
    ///
    /// # Errors
    /// [`CrashError`] when the node itself fails.
    pub fn accept(&mut self, signer: &Handle) -> Result<Option<Signer>, CrashError> {
        let deadline = Instant::now() + CONNECT_PATIENCE;
        loop {
            // Looked at first, so that a connection made before the end is still served.
            let was_running = signer.is_running();
            match self.listener.accept(Duration::from_millis(10)) {
                Ok(connection) => return Ok(Some(connection)),
                Err(_) if !was_running => return Ok(None),
                Err(
                    NodeError::NoSigner(_) | NodeError::Handshake(_) | NodeError::Closed { .. },
                ) => {}
                Err(NodeError::Io(_)) => {}
                Err(error) => return Err(error.into()),
            }
            if Instant::now() >= deadline {
                let seconds = CONNECT_PATIENCE.as_secs();
                self.ledger
                    .violation(format!("the signer did not connect within {seconds} s"));
                signer.kill();
            }
        }
    }

    /// Asks on one connection until the plan is through.
    ///
    /// # Errors
    /// [`NodeError`] when the connection is lost.
    pub fn talk(
        &mut self,
        connection: &mut Signer,
        signer: &Handle,
        plan: &Plan,
    ) -> Result<(), NodeError> {
        let key = connection.public_key(self.home.chain_id().as_str())?;
        if key != self.home.key() {
            self.ledger.violation("the signer shows another key");
        }
        if let Some(pending) = self.model.pending.clone() {
            self.ask(connection, signer, &pending, plan)?;
        }
        while let Some(first) = self.model.opening.pop() {
            self.ask(connection, signer, &first, plan)?;
        }
        for _ in 0..plan.asks {
            let mark = self.model.mark.as_ref();
            let next = if plan.is_plain {
                self.script.plain(mark)
            } else {
                self.script.mixed(mark)
            };
            self.ask(connection, signer, &next, plan)?;
        }
        Ok(())
    }

    /// Asks one thing and judges the answer.
    ///
    /// # Errors
    /// [`NodeError`] when the connection is lost; the request stays pending.
    pub fn ask(
        &mut self,
        connection: &mut Signer,
        signer: &Handle,
        ask: &Ask,
        plan: &Plan,
    ) -> Result<(), NodeError> {
        self.send(connection, ask)?;
        self.receive(connection, signer, ask, plan)
    }

    /// The first half of [`Self::ask`].
    ///
    /// # Errors
    /// [`NodeError`] when the connection is lost.
    pub fn send(&mut self, connection: &mut Signer, ask: &Ask) -> Result<(), NodeError> {
        self.model.pending = Some(ask.clone());
        connection.send(&framed(ask))
    }

    /// The second half of [`Self::ask`].
    ///
    /// # Errors
    /// [`NodeError`] when the connection is lost; the request stays pending.
    pub fn receive(
        &mut self,
        connection: &mut Signer,
        signer: &Handle,
        ask: &Ask,
        plan: &Plan,
    ) -> Result<(), NodeError> {
        let highest = self.ledger.highest_place();
        let answer = Answer::parse(&connection.receive()?);
        signer.count_answer();
        self.model.pending = None;
        match answer {
            Answer::Vote(signed) | Answer::Proposal(signed) => self.signed(ask, &signed, highest),
            Answer::Refused { description, .. } => self.refused(ask, &description, plan),
            other => {
                let place = ask.canonical.hrs();
                self.ledger
                    .violation(format!("{place} was answered with {other:?}"));
            }
        }
        Ok(())
    }

    fn signed(&mut self, ask: &Ask, signed: &Signed, highest: Option<Hrs>) {
        let got = self.ledger.record(ask, signed, highest);
        let place = got.hrs();
        if self.model.has_halted {
            self.ledger.violation(format!(
                "{place} was signed after the signer had said that it signs nothing more"
            ));
        }
        match expected(self.model.mark.as_ref(), &ask.canonical) {
            Expected::SignatureOver(want) if *want == got => self.model.mark = Some(got),
            Expected::SignatureOver(_) => self.ledger.violation(format!(
                "{place} was signed with another time than expected"
            )),
            Expected::Refusal => self
                .ledger
                .violation(format!("{place} was signed instead of refused")),
        }
    }

    fn refused(&mut self, ask: &Ask, why: &str, plan: &Plan) {
        self.ledger.refusals += 1;
        let place = ask.canonical.hrs();
        if self.model.has_halted {
            if !why.contains(HALTED) {
                self.ledger.violation(format!(
                    "{place} was refused after the halt, but with another reason: {why}"
                ));
            }
            return;
        }
        let Expected::SignatureOver(_) = expected(self.model.mark.as_ref(), &ask.canonical) else {
            return;
        };
        if plan.has_faults && why.contains(NOT_WRITTEN) {
            self.model.has_halted = true;
            self.model.maybe.push(ask.canonical.clone());
        } else {
            self.ledger
                .violation(format!("{place} was refused although it is due: {why}"));
        }
    }

    /// A lost connection is no news; a signer that lives and says nothing is.
    fn tell(&mut self, trouble: &NodeError, signer: &Handle) {
        let is_timeout = matches!(
            trouble,
            NodeError::Io(e) if matches!(
                e.kind(),
                std::io::ErrorKind::WouldBlock | std::io::ErrorKind::TimedOut
            )
        );
        if is_timeout && signer.is_running() {
            self.ledger.violation("no answer within 5 s");
        } else if matches!(trouble, NodeError::Frame(_)) {
            self.ledger.violation(trouble.to_string());
        }
    }
}

/// A request as it goes over the wire.
#[must_use]
pub fn framed(ask: &Ask) -> Vec<u8> {
    match &ask.canonical {
        Canonical::Vote(vote) => node_side::sign_vote_request(vote, &ask.extension, false),
        Canonical::Proposal(proposal) => node_side::sign_proposal_request(proposal),
    }
}

/// Listens for the signer of a home, and tells where.
///
/// # Errors
/// [`CrashError::Node`].
pub fn listen(home: &Home, transport: Transport) -> Result<(Listener, String), CrashError> {
    match transport {
        Transport::Unix => listen_at(home, "node.sock"),
        Transport::Tcp => {
            let listener = Listener::tcp()?;
            let address = listener
                .tcp_addr()
                .ok_or_else(|| CrashError::Home("the node has no address".to_owned()))?;
            Ok((listener, format!("tcp://{address}")))
        }
    }
}

/// Listens on a Unix socket with this name in the home, and tells where.
///
/// # Errors
/// [`CrashError::Node`].
pub fn listen_at(home: &Home, name: &str) -> Result<(Listener, String), CrashError> {
    let path = home.path().join(name);
    let listener = Listener::unix(&path)?;
    Ok((listener, format!("unix://{}", path.display())))
}
