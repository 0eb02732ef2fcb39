//! Where the time of a signature goes, stage by stage: the same code as in the signer, on one
//! thread, without a node.
//!
//! ```sh
//! cargo run --release -p tmkms --example stages [DIRECTORY]
//! ```
//!
//! The directory chooses the disk; it is the current one otherwise.
#![allow(clippy::print_stdout)]

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::fs::TryLockError;
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use guard::{Guard, Permit, RawBytesPolicy};
use keys::{Algorithm, ConsensusKey, Provider as _, Softsign};
use privval::{Canonical, ChainId, Deframer, Height, Reply, Request, Timestamp, Vote, node_side};
use secret_connection::{Handshake, Identity, Opener, Sealer};
use store::{Directory, Disk, FileDisk, FileStore, Home, Memory, StateFile};

type Failure = Box<dyn std::error::Error>;

const REQUESTS: i64 = 3_000;

thread_local! {
    static TIMES: RefCell<BTreeMap<&'static str, Vec<Duration>>> = RefCell::default();
}

fn main() -> Result<(), Failure> {
    let place = std::env::args_os()
        .nth(1)
        .map_or_else(|| PathBuf::from("."), PathBuf::from);
    let place = tempfile::tempdir_in(place)?;
    let mut signer = Signer::new(place.path())?;
    let (mut node, mut records) = records()?;
    for height in 1..=REQUESTS {
        let height = Height::try_from(height)?;
        let asked = testnode::precommit(
            &signer.chain,
            height,
            Timestamp {
                seconds: 0,
                nanos: 7,
            },
        );
        let Canonical::Vote(vote) = asked else {
            return Err("a precommit is a vote".into());
        };
        signer.answer(&vote, &mut node, &mut records)?;
    }
    print();
    Ok(())
}

/// The signing path of one chain.
struct Signer {
    chain: ChainId,
    guard: Guard<FileStore<Timed>>,
    provider: Softsign,
}

impl Signer {
    fn new(place: &Path) -> Result<Self, Failure> {
        let chain = ChainId::new("testnet-1")?;
        let state_file = place.join("state.json");
        let mut home = TimedHome(Directory::of(&state_file)?);
        let mut opened = FileStore::open_in(&mut home, &chain)?;
        let memory = Memory::open(&place.join("run"), &chain, &[7; 32], &state_file)?;
        opened.store.remember(memory, None)?;
        let key = ConsensusKey::from_bytes(Algorithm::Ed25519, &[7; 32], None)?;
        Ok(Self {
            guard: Guard::new(
                chain.clone(),
                opened.knowledge,
                RawBytesPolicy::Off,
                opened.store,
            ),
            provider: Softsign::new(key),
            chain,
        })
    }

    fn answer(
        &mut self,
        vote: &Vote,
        node: &mut Sealer,
        (sealer, opener): &mut (Sealer, Opener),
    ) -> Result<(), Failure> {
        let request = node_side::sign_vote_request(vote, b"", false);
        let mut frame = Vec::new();
        node.seal(&request, &mut frame)?;
        let mut frame = frame.as_slice().try_into()?;

        let started = Instant::now();
        let data = timed("open the frame", || {
            opener.open(&mut frame).map(<[u8]>::to_vec)
        })?;
        let request = timed("read the request", || {
            let mut deframer = Deframer::new();
            deframer.push(&data);
            deframer
                .next_message()
                .map(|message| message.map(|m| Request::parse(&m)))
        })?;
        let Some(Request::SignVote(request)) = request else {
            return Err("the request is not read".into());
        };
        let asked = request.canonical();
        let permit = timed("judge and commit, all of it", || {
            self.guard.permit(&asked, None, Instant::now())
        })?;
        let signature = timed("sign", || self.provider.sign(Permit::from(permit)))?;
        let reply = timed("make the answer", || {
            Reply::signed_vote(&request, asked.timestamp(), &signature.to_bytes(), None).encode()
        });
        let mut out = Vec::new();
        timed("seal the frame", || sealer.seal(&reply, &mut out))?;
        note("in all, without the socket", started.elapsed());
        Ok(())
    }
}

/// What the node seals with, and both directions of the signer.
fn records() -> Result<(Sealer, (Sealer, Opener)), Failure> {
    let [node, signer] = [[1; 32], [2; 32]].map(|seed| Identity::from_seed(&seed));
    let (a, first_of_a) = Handshake::start(&node, [3; 32]);
    let (b, first_of_b) = Handshake::start(&signer, [4; 32]);
    let (a, proof_of_a) = a.handle(&first_of_b)?;
    let (b, proof_of_b) = b.handle(&first_of_a)?;
    let (sealer, _) = a.handle(&proof_of_b)?.into_records();
    Ok((sealer, b.handle(&proof_of_a)?.into_records()))
}

fn timed<T>(stage: &'static str, work: impl FnOnce() -> T) -> T {
    let started = Instant::now();
    let done = work();
    note(stage, started.elapsed());
    done
}

fn note(stage: &'static str, took: Duration) {
    TIMES.with_borrow_mut(|times| times.entry(stage).or_default().push(took));
}

/// The median is what a request waits for; the least is what the work takes undisturbed.
fn print() {
    println!("{:<40} {:>8} {:>8}", "stage", "p50 µs", "least µs");
    TIMES.with_borrow_mut(|times| {
        for (stage, times) in times {
            times.sort();
            let us = |at: usize| times.get(at).map_or(0.0, |t| t.as_secs_f64() * 1e6);
            println!("{stage:<40} {:>8.1} {:>8.1}", us(times.len() / 2), us(0));
        }
    });
}

/// The directory, with a clock at each call.
struct TimedHome(Directory);

struct Timed {
    disk: FileDisk,
    file: StateFile,
}

impl Disk for Timed {
    fn read(&mut self) -> io::Result<Vec<u8>> {
        self.disk.read()
    }

    fn write_at(&mut self, offset: u64, bytes: &[u8]) -> io::Result<()> {
        let stage = match self.file {
            StateFile::Ring => "  commit: write the ring",
            StateFile::Document => "  commit: write the document",
        };
        timed(stage, || self.disk.write_at(offset, bytes))
    }

    fn sync(&mut self) -> io::Result<()> {
        timed("  commit: fdatasync", || self.disk.sync())
    }

    fn check_in_place(&mut self) -> io::Result<()> {
        timed("  commit: is the file in its place", || {
            self.disk.check_in_place()
        })
    }
}

impl Home for TimedHome {
    type Disk = Timed;

    fn path(&self, file: StateFile) -> &Path {
        self.0.path(file)
    }

    fn read(&mut self, file: StateFile) -> io::Result<Option<Vec<u8>>> {
        self.0.read(file)
    }

    fn open(&mut self, file: StateFile) -> io::Result<Timed> {
        let disk = self.0.open(file)?;
        Ok(Timed { disk, file })
    }

    fn lock(&mut self, ring: &mut Timed) -> Result<(), TryLockError> {
        self.0.lock(&mut ring.disk)
    }

    fn create(&mut self, file: StateFile, bytes: &[u8]) -> io::Result<()> {
        self.0.create(file, bytes)
    }

    fn replace(&mut self, file: StateFile, bytes: &[u8]) -> io::Result<()> {
        self.0.replace(file, bytes)
    }

    fn sync_names(&mut self) -> io::Result<()> {
        self.0.sync_names()
    }

    fn holder(&self) -> String {
        self.0.holder()
    }
}
