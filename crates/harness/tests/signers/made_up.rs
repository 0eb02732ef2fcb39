//! A made-up signer, honest but for one defect. It is no model of ours: it has the rule of
//! CometBFT's FilePV in a few lines.

use std::collections::HashMap;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use ed25519_dalek::{Signer as _, SigningKey, hazmat};
use k256::ecdsa;
use privval::{
    Canonical, Deframer, PublicKey, RemoteError, Reply, Request, SignVote, Subject, Timestamp,
    extension_sign_bytes,
};
use secret_connection::{Identity, SecretStream};

/// What is wrong with a signer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Defect {
    Nothing,
    SignsConflicts,
    SignsConflictsAfterReconnecting,
    StepsBack,
    SignsForEveryChain,
    ForgetsProofOfLock,
    DropsOnRefusal,
    AnswersThenDrops,
    RefusesWithAnotherKind,
    DropsOnMalformed,
    SignsNoExtension,
    SignsEmptyExtension,
    SignsEveryExtension,
    EchoesExtension,
    SignsRepeatsAnew,
    SignsLaterAnew,
    RefusesOtherBlock,
    TellsWrongKey,
    TellsOldKeyOnly,
    BadSignature,
    NeverAnswers,
    NeverPongs,
    NeverComesBack,
    ReadsWholeRequestsOnly,
    SignsRawBytes,
    LetsHeightsPass,
}

/// Where it dials.
#[derive(Clone)]
pub(crate) enum Node {
    Tcp(SocketAddr),
    Unix(PathBuf),
}

/// Its key.
#[derive(Clone)]
pub(crate) enum Key {
    Ed25519(SigningKey),
    Secp256k1(ecdsa::SigningKey),
}

impl Key {
    pub(crate) fn public(&self) -> PublicKey {
        match self {
            Self::Ed25519(key) => PublicKey::Ed25519(key.verifying_key().to_bytes()),
            Self::Secp256k1(key) => {
                let point = key.verifying_key().to_encoded_point(true);
                PublicKey::Secp256k1(point.as_bytes().try_into().unwrap())
            }
        }
    }

    fn sign(&self, bytes: &[u8]) -> [u8; 64] {
        match self {
            Self::Ed25519(key) => key.sign(bytes).to_bytes(),
            Self::Secp256k1(key) => {
                let signature: ecdsa::Signature = key.sign(bytes);
                signature
                    .normalize_s()
                    .unwrap_or(signature)
                    .to_bytes()
                    .into()
            }
        }
    }

    /// Another signature over the same bytes, which verifies too: with another nonce.
    fn sign_otherwise(&self, bytes: &[u8]) -> [u8; 64] {
        let Self::Ed25519(key) = self else {
            return self.sign(bytes);
        };
        let mut expanded = hazmat::ExpandedSecretKey::from(&key.to_bytes());
        expanded.hash_prefix = [1; 32];
        hazmat::raw_sign::<sha2::Sha512>(&expanded, bytes, &key.verifying_key()).to_bytes()
    }
}

/// A signer that dials until it is dropped.
pub(crate) struct MadeUp {
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl MadeUp {
    pub(crate) fn start(node: Node, chain: &str, key: Key, defect: Defect) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let brain = Brain {
            chain: chain.to_owned(),
            key,
            defect,
            last: None,
            seen: HashMap::new(),
            born: Instant::now(),
        };
        let stopped = Arc::clone(&stop);
        let thread = thread::spawn(move || dial(&node, brain, &stopped));
        Self {
            stop,
            thread: Some(thread),
        }
    }
}

impl Drop for MadeUp {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        // A panic of the signer is a mistake in the test.
        let ended = self.thread.take().map(JoinHandle::join);
        assert!(thread::panicking() || matches!(ended, Some(Ok(()))));
    }
}

trait Stream: Read + Write {}
impl<T: Read + Write> Stream for T {}

fn dial(node: &Node, mut brain: Brain, stop: &AtomicBool) {
    let mut connections = 0;
    while !stop.load(Ordering::Relaxed) {
        if let Some(stream) = connect(node) {
            connections += 1;
            serve(stream, &mut brain, stop);
            if brain.defect == Defect::SignsConflictsAfterReconnecting {
                brain.last = None;
            }
        }
        if brain.defect == Defect::NeverComesBack && connections > 0 {
            return;
        }
        thread::sleep(Duration::from_millis(10));
    }
}

fn connect(node: &Node) -> Option<Box<dyn Stream>> {
    let tick = Some(Duration::from_millis(50));
    match node {
        Node::Unix(path) => {
            let stream = UnixStream::connect(path).ok()?;
            stream.set_read_timeout(tick).unwrap();
            Some(Box::new(stream))
        }
        Node::Tcp(address) => {
            let stream = TcpStream::connect(address).ok()?;
            stream.set_nodelay(true).unwrap();
            stream.set_read_timeout(tick).unwrap();
            let begun = Instant::now();
            let patience = Duration::from_secs(3);
            let identity = Identity::from_seed(&random());
            let wait = |_, _| begun.elapsed() < patience;
            let stream = SecretStream::connect_while(stream, &identity, random(), wait).ok()?;
            Some(Box::new(stream))
        }
    }
}

fn random() -> [u8; 32] {
    let mut bytes = [0; 32];
    getrandom::fill(&mut bytes).unwrap();
    bytes
}

/// Until either end has had enough.
fn serve(mut stream: Box<dyn Stream>, brain: &mut Brain, stop: &AtomicBool) {
    let mut deframer = Deframer::new();
    let mut buffer = vec![0; 1 << 16];
    while !stop.load(Ordering::Relaxed) {
        match stream.read(&mut buffer) {
            Ok(0) => return,
            Ok(count) => deframer.push(&buffer[..count]),
            Err(e) if e.kind() == std::io::ErrorKind::WouldBlock => continue,
            Err(_) => return,
        }
        while let Some(message) = match deframer.next_message() {
            Ok(message) => message,
            Err(_) => return,
        } {
            let Then { reply, goes_on } = brain.answer(&Request::parse(&message));
            if reply.is_some_and(|reply| stream.write_all(&reply).is_err()) || !goes_on {
                return;
            }
        }
        let halved = deframer.is_mid_message();
        if halved && brain.defect == Defect::ReadsWholeRequestsOnly {
            return;
        }
    }
}

/// What it signed, and what it makes of a request.
struct Brain {
    chain: String,
    key: Key,
    defect: Defect,
    last: Option<(Canonical, [u8; 64])>,
    seen: HashMap<Vec<u8>, u32>,
    born: Instant,
}

/// What it answers, and whether it goes on.
struct Then {
    reply: Option<Vec<u8>>,
    goes_on: bool,
}

impl Brain {
    fn is(&self, defect: Defect) -> bool {
        self.defect == defect
    }

    fn answer(&mut self, request: &Request) -> Then {
        let says = |reply: Reply| Then {
            reply: Some(reply.encode()),
            goes_on: true,
        };
        if self.is(Defect::NeverAnswers) {
            return Then {
                reply: None,
                goes_on: true,
            };
        }
        match request {
            Request::Ping if self.is(Defect::NeverPongs) => Then {
                reply: None,
                goes_on: true,
            },
            Request::Ping => says(Reply::pong()),
            Request::PubKey { .. } => Then {
                reply: Some(self.public_key()),
                goes_on: true,
            },
            Request::SignVote(request) => self.vote(request),
            Request::SignProposal(request) => {
                let asked = request.canonical();
                match self.decide(&asked) {
                    Ok((timestamp, signature)) => {
                        says(Reply::signed_proposal(request, timestamp, &signature))
                    }
                    Err(why) => self.refuse(Subject::Proposal, why),
                }
            }
            Request::RawBytes(request) if self.is(Defect::SignsRawBytes) => {
                let raw = request.as_cometbft().unwrap();
                says(Reply::signed_raw_bytes(&self.key.sign(&raw.sign_bytes)))
            }
            Request::RawBytes(_) => self.refuse(Subject::RawBytes, "no raw bytes"),
            Request::Malformed { subject, .. } => Then {
                goes_on: !self.is(Defect::DropsOnMalformed),
                reply: (!self.is(Defect::DropsOnMalformed))
                    .then(|| Reply::refusal(*subject, &error("malformed")).encode()),
            },
            Request::Unknown => Then {
                reply: None,
                goes_on: !self.is(Defect::DropsOnMalformed),
            },
        }
    }

    fn public_key(&self) -> Vec<u8> {
        let mut key = self.key.public();
        if self.is(Defect::TellsWrongKey) {
            key = PublicKey::Ed25519(SigningKey::from_bytes(&[9; 32]).verifying_key().to_bytes());
        }
        if self.is(Defect::TellsOldKeyOnly) {
            let old = testnode::Fields::new().bytes(1, key.as_bytes());
            let response = testnode::Fields::new().bytes(1, old);
            return testnode::Fields::new().bytes(2, response).framed();
        }
        Reply::public_key(&key).encode()
    }

    fn refuse(&self, subject: Subject, why: &str) -> Then {
        let subject = match subject {
            Subject::Vote if self.is(Defect::RefusesWithAnotherKind) => Subject::Proposal,
            subject => subject,
        };
        Then {
            reply: (!self.is(Defect::DropsOnRefusal))
                .then(|| Reply::refusal(subject, &error(why)).encode()),
            goes_on: !self.is(Defect::DropsOnRefusal) && !self.is(Defect::AnswersThenDrops),
        }
    }

    fn vote(&mut self, request: &SignVote) -> Then {
        let asked = request.canonical();
        let (timestamp, signature) = match self.decide(&asked) {
            Ok(signed) => signed,
            Err(why) => return self.refuse(Subject::Vote, why),
        };
        let vote = &request.vote;
        let empty = self.is(Defect::SignsEmptyExtension);
        let extension = if empty { &[][..] } else { &request.extension };
        let extension = extension_sign_bytes(&vote.chain_id, vote.height, vote.round, extension);
        let extension = self.key.sign(&extension);
        let extension = (!self.is(Defect::SignsNoExtension)).then_some(&extension);
        let mut reply = Reply::signed_vote(request, timestamp, &signature, extension).encode();
        if self.is(Defect::SignsEveryExtension) && !request.wants_extension_signature() {
            reply = with_extension_signature(timestamp, &signature);
        }
        if self.is(Defect::EchoesExtension) {
            let padding = testnode::Fields::new().bytes(9, &request.extension);
            reply = joined(&reply, padding.as_ref());
        }
        Then {
            reply: Some(reply),
            goes_on: true,
        }
    }

    /// FilePV's rule, but for the defect.
    fn decide(&mut self, asked: &Canonical) -> Result<(Timestamp, [u8; 64]), &'static str> {
        if asked.chain_id().as_str() != self.chain && !self.is(Defect::SignsForEveryChain) {
            return Err("another chain");
        }
        let wait = Duration::from_millis(300);
        if self.is(Defect::LetsHeightsPass) && self.born.elapsed() < wait {
            return Err("heights are let pass");
        }
        if let Some((last, signature)) = self.last.clone() {
            if asked.hrs() < last.hrs() && !self.is(Defect::StepsBack) {
                return Err("a step back");
            }
            if asked.hrs() == last.hrs() {
                return self.decide_again(&last, signature, asked);
            }
            let same_round =
                (asked.hrs().height, asked.hrs().round) == (last.hrs().height, last.hrs().round);
            if self.is(Defect::RefusesOtherBlock)
                && same_round
                && asked.block_id().is_some()
                && last
                    .block_id()
                    .is_some_and(|last| asked.block_id() != Some(last))
            {
                return Err("another block");
            }
        }
        let signature = self.sign(asked);
        Ok((asked.timestamp(), signature))
    }

    fn decide_again(
        &mut self,
        last: &Canonical,
        signature: [u8; 64],
        asked: &Canonical,
    ) -> Result<(Timestamp, [u8; 64]), &'static str> {
        let same = last.same_but_for_timestamp(asked) || self.is_same_but_for_lock(last, asked);
        if !same && !self.is(Defect::SignsConflicts) {
            return Err("a conflict");
        }
        let anew = match self.defect {
            Defect::SignsConflicts => !same,
            Defect::SignsLaterAnew => last.timestamp() != asked.timestamp(),
            Defect::SignsRepeatsAnew => true,
            Defect::ForgetsProofOfLock => !last.same_but_for_timestamp(asked),
            _ => false,
        };
        if !anew {
            return Ok((last.timestamp(), signature));
        }
        Ok((asked.timestamp(), self.sign(asked)))
    }

    fn is_same_but_for_lock(&self, last: &Canonical, asked: &Canonical) -> bool {
        self.is(Defect::ForgetsProofOfLock) && last.block_id() == asked.block_id()
    }

    fn sign(&mut self, asked: &Canonical) -> [u8; 64] {
        let bytes = asked.sign_bytes();
        let times = self.seen.entry(bytes.clone()).or_default();
        *times += 1;
        let signature = match self.defect {
            Defect::BadSignature => [7; 64],
            Defect::SignsRepeatsAnew if *times > 1 => self.key.sign_otherwise(&bytes),
            _ => self.key.sign(&bytes),
        };
        self.last = Some((asked.clone(), signature));
        signature
    }
}

fn error(why: &str) -> RemoteError {
    RemoteError {
        code: 2,
        description: why.to_owned(),
    }
}

/// A signed vote as the wire has it, with more than the node asked for.
fn with_extension_signature(timestamp: Timestamp, signature: &[u8; 64]) -> Vec<u8> {
    use testnode::Fields;
    let time = Fields::new()
        .number(1, timestamp.seconds)
        .number(2, timestamp.nanos.into());
    let vote = Fields::new()
        .bytes(5, time)
        .bytes(8, signature)
        .bytes(10, [1; 64]);
    let response = Fields::new().bytes(1, vote);
    Fields::new().bytes(4, response).framed()
}

/// The reply with more fields after those that it has.
fn joined(reply: &[u8], more: &[u8]) -> Vec<u8> {
    let mut deframer = Deframer::new();
    deframer.push(reply);
    let mut message = deframer.next_message().unwrap().unwrap();
    // Field 15 of the message, which nobody knows.
    let unknown = testnode::Fields::new().bytes(15, more);
    message.extend_from_slice(unknown.as_ref());
    testnode::delimited(&message)
}
