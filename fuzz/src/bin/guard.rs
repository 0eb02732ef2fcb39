//! The guard over a long life: requests, failing commits, restarts, pauses and raw bytes in any
//! order. No two permits ever contradict each other, nothing is permitted that the store does not
//! hold, and what is given or refused is what the rule says (`fuzz::rule`).
//!
//! Longest input: 160 bytes.
#![no_main]

use std::collections::BTreeMap;
use std::sync::{Arc, LazyLock, Mutex};
use std::time::{Duration, Instant};

use fuzz::input::Input;
use fuzz::rule::{Due, Past};
use fuzz::samples;
use guard::{
    Guard, Knowledge, Mark, Permit, RawBytesPolicy, Refusal, SignPermit, Store, StoreError,
};
use libfuzzer_sys::fuzz_target;
use privval::{Canonical, ChainId, Height, Hrs, NODE_READ_LIMIT, RawBytes, Reply, Subject};

static BEGINNING: LazyLock<Instant> = LazyLock::new(Instant::now);

fuzz_target!(|bytes: &[u8]| {
    let mut input = Input::new(bytes);
    let mut world = World::begin(&mut input);
    while !input.is_empty() {
        match input.byte() {
            0..=199 => world.ask(&mut input, &samples::chain()),
            200..=207 => world.ask(&mut input, &ChainId::new("other").expect("a chain id")),
            208..=215 => world.restart(),
            216..=223 => world.now_s += u64::from(input.byte() % 64),
            224..=231 => world.disk().fault = Fault::Lost,
            232..=239 => world.disk().fault = Fault::Kept,
            240..=247 => world.max_height = Some(samples::place(input.byte()).height),
            _ => world.ask_raw(&mut input),
        }
    }
});

/// What the next commit does.
#[derive(Clone, Copy, Default, PartialEq)]
enum Fault {
    #[default]
    None,
    /// It fails and nothing is kept.
    Lost,
    /// It fails, and a start finds it all the same.
    Kept,
}

#[derive(Default)]
struct Disk {
    mark: Option<Mark>,
    fault: Fault,
}

#[derive(Clone, Default)]
struct Memory(Arc<Mutex<Disk>>);

impl Store for Memory {
    fn commit(&mut self, signed: &Canonical) -> Result<(), StoreError> {
        let mut disk = self.0.lock().expect("one thread");
        let fault = std::mem::take(&mut disk.fault);
        if fault != Fault::Lost {
            disk.mark = Some(Mark::Signed(signed.clone()));
        }
        match fault {
            Fault::None => Ok(()),
            _ => Err(StoreError("no space left on device".to_owned())),
        }
    }
}

struct World {
    memory: Memory,
    guard: Guard<Memory>,
    policy: RawBytesPolicy,
    /// The mark beside the key, which every start without a state goes on from.
    imported: Option<Mark>,
    max_height: Option<Height>,
    /// A commit failed, and nothing was restarted since.
    halted: bool,
    /// Since when it listens, from a start without a mark, and the highest height it heard of.
    waiting: Option<(u64, Height)>,
    /// Seconds since the beginning.
    now_s: u64,
    /// Every signature of every life.
    released: BTreeMap<Hrs, Vec<u8>>,
}

impl World {
    fn begin(input: &mut Input<'_>) -> Self {
        let start = input.byte();
        let place = samples::place((start >> 3 & 3) << 4 | start >> 5 & 3);
        let floor = Mark::Floor {
            hrs: place,
            block_id: (start & 1 << 7 != 0).then(|| samples::block(1)),
        };
        let signed = samples::message_at(place, &mut Input::new(&[1, 7]), &samples::chain());
        let (mark, imported) = match start & 3 {
            0 => (None, None),
            1 => (Some(floor), None),
            2 => (None, Some(floor)),
            _ => (None, Some(Mark::Signed(signed))),
        };
        let policy = match start & 4 {
            0 => RawBytesPolicy::On,
            _ => RawBytesPolicy::Off,
        };
        let fault = Fault::None;
        let memory = Memory(Arc::new(Mutex::new(Disk { mark, fault })));
        Self {
            guard: start_on(&memory, imported.as_ref(), policy),
            memory,
            policy,
            imported,
            max_height: None,
            halted: false,
            waiting: None,
            now_s: 0,
            released: BTreeMap::new(),
        }
    }

    fn disk(&self) -> std::sync::MutexGuard<'_, Disk> {
        self.memory.0.lock().expect("one thread")
    }

    fn restart(&mut self) {
        self.guard = start_on(&self.memory, self.imported.as_ref(), self.policy);
        (self.halted, self.waiting) = (false, None);
        self.disk().fault = Fault::None;
    }

    fn ask(&mut self, input: &mut Input<'_>, chain_id: &ChainId) {
        let asked = samples::message(input, chain_id);
        let (due, fails) = (self.due(&asked), self.disk().fault != Fault::None);
        let before = self.past().believed(asked.hrs().height).cloned();
        match self.guard.permit(&asked, self.max_height, self.now()) {
            Ok(permit) => {
                let expected = if permit.is_replay() {
                    Due::Repeat
                } else {
                    Due::New
                };
                assert!(due == expected && (permit.is_replay() || !fails));
                self.is_on_disk(&asked, &permit, before);
                self.waiting = None;
                self.extension(&asked, &permit);
                self.release(asked.hrs(), permit.into());
            }
            Err(refusal) => {
                let failed = matches!(refusal, Refusal::Store(_));
                assert_eq!(failed, due == Due::New && fails, "{asked:?}: {refusal}");
                assert!(failed || matches!(due, Due::Wait(_) | Due::Refusal));
                self.halted |= failed;
                if let Due::Wait(highest) = due {
                    let since_s = self.waiting.map_or(self.now_s, |(since_s, _)| since_s);
                    self.waiting = Some((since_s, highest));
                }
                is_answer(&refusal);
            }
        }
    }

    /// What a healthy signer owes its node, and nothing else.
    fn due(&self, asked: &Canonical) -> Due {
        let past_max = |max| asked.hrs().height > max;
        let other_chain = *asked.chain_id() != samples::chain();
        if other_chain || self.halted || self.max_height.is_some_and(past_max) {
            return Due::Refusal;
        }
        self.past().due(asked, self.now_s)
    }

    fn now(&self) -> Instant {
        *BEGINNING + Duration::from_secs(self.now_s)
    }

    fn past(&self) -> Past {
        Past {
            mark: self.disk().mark.clone(),
            imported: self.imported.clone(),
            waiting: self.waiting,
        }
    }

    /// A permit is for what was asked, and the disk holds it; `before` is what was there before.
    fn is_on_disk(&self, asked: &Canonical, permit: &SignPermit, before: Option<Mark>) {
        let on_disk = self.disk().mark.clone();
        let Some(Mark::Signed(signed)) = on_disk.or_else(|| self.imported.clone()) else {
            panic!("a permit without a mark");
        };
        assert_eq!(signed.timestamp(), permit.timestamp());
        if permit.is_replay() {
            assert_eq!(before, Some(Mark::Signed(signed)));
        } else {
            assert_eq!(signed, *asked);
        }
        // Whatever was let pass in between.
        let old = self.imported.as_ref().map(Mark::hrs);
        assert!(old.is_none_or(|old| old < asked.hrs() || permit.is_replay()));
    }

    fn extension(&self, asked: &Canonical, permit: &SignPermit) {
        let extended = permit.extension(b"extension");
        let expected = matches!(asked, Canonical::Vote(vote) if vote.may_be_extended());
        assert_eq!(extended.is_some(), expected);
        if let Some(extended) = extended.map(Permit::from) {
            assert!(Canonical::parse(extended.sign_bytes()).is_err());
        }
    }

    fn release(&mut self, place: Hrs, permit: Permit) {
        let bytes = permit.sign_bytes().to_vec();
        let parsed = Canonical::parse(&bytes).expect("sign bytes of a vote or a proposal");
        assert_eq!(parsed.hrs(), place);
        let last = self.released.last_key_value().map(|(last, _)| *last);
        match self.released.insert(place, bytes.clone()) {
            Some(earlier) => assert_eq!(earlier, bytes, "a double sign at {place}"),
            None => assert!(
                last.is_none_or(|last| last < place),
                "{place} after {last:?}"
            ),
        }
    }

    /// Raw bytes: noise, or a message that was signed or would be, a little changed.
    fn ask_raw(&mut self, input: &mut Input<'_>) {
        let mut bytes = match input.byte() & 1 {
            0 => samples::message(input, &samples::chain()).sign_bytes(),
            _ => input.take(16).to_vec(),
        };
        let (at, change) = (usize::from(input.byte()), input.byte());
        if let Some(byte) = bytes.get_mut(at) {
            *byte ^= change;
        }
        let raw = raw_bytes(input.byte(), bytes);
        match self.guard.permit_raw_bytes(raw.clone()) {
            Ok(permit) => {
                let permit = Permit::from(permit);
                assert_eq!(permit.sign_bytes(), raw.sign_bytes);
                assert!(self.policy == RawBytesPolicy::On && !self.halted);
                let other = |id: &str| id != samples::chain().as_str();
                assert!(!raw.chain_id.as_deref().is_some_and(other));
                for bytes in [&raw.content, &raw.sign_bytes] {
                    assert!(Canonical::parse(bytes).is_err(), "a vote as raw bytes");
                }
            }
            Err(refusal) => is_answer(&refusal),
        }
    }
}

/// As CometBFT 1.0 has it, or as Celestia has it for this chain or another.
fn raw_bytes(choice: u8, content: Vec<u8>) -> RawBytes {
    let chain_id = match choice & 3 {
        0 | 1 => None,
        2 => Some(samples::chain().to_string()),
        _ => Some("other".to_owned()),
    };
    let prefix: &[u8] = match chain_id {
        None => b"",
        Some(_) => b"PREFIX",
    };
    RawBytes {
        chain_id,
        sign_bytes: [prefix, &content].concat(),
        content,
    }
}

fn start_on(memory: &Memory, imported: Option<&Mark>, policy: RawBytesPolicy) -> Guard<Memory> {
    let mark = memory.0.lock().expect("one thread").mark.clone();
    let knowledge = match (mark, imported) {
        (Some(mark), _) => Knowledge::Mark(mark),
        (None, Some(mark)) => Knowledge::Imported(mark.clone()),
        (None, None) => Knowledge::Nothing,
    };
    Guard::new(samples::chain(), knowledge, policy, memory.clone())
}

/// A refusal is something a node can read.
fn is_answer(refusal: &Refusal) {
    assert!(!refusal.to_string().is_empty() && !refusal.cause().is_empty());
    let reply = Reply::refusal(Subject::Vote, &refusal.remote_error());
    assert!(reply.encode().len() <= NODE_READ_LIMIT);
}
