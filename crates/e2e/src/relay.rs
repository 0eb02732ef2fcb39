//! The "internet": takes the signer's datagrams at one address and passes them on to the
//! validator from another, as a NAT does, over a path with faults.
//!
//! A thread of this program with sockets in the namespace between the machines. The kernel's own
//! means for it (netem) is not everywhere.

use std::collections::BTreeMap;
use std::io;
use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4, UdpSocket};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};

use crate::namespace::Namespace;
use crate::path::{Lane, Path};
use crate::{Outcome, doing};

/// How long a changed setting may go unnoticed.
const PULSE: Duration = Duration::from_millis(20);
/// The largest datagram.
const DATAGRAM: usize = 65_535;

/// A relay that runs. It ends when dropped.
#[derive(Debug)]
pub struct Relay {
    control: Arc<Mutex<Control>>,
    thread: Option<JoinHandle<()>>,
}

/// How many datagrams went which way.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// That reached the relay.
    pub taken: u64,
    /// That left it; doubled ones count twice.
    pub passed: u64,
}

#[derive(Debug)]
struct Control {
    path: Path,
    front: SocketAddr,
    rebinds: u64,
    counts: Counts,
    is_over: bool,
}

impl Relay {
    /// Takes datagrams at `front` and passes them on to `validator` from `back`, both addresses
    /// of `internet`.
    ///
    /// # Errors
    /// When a socket cannot be bound.
    pub fn start(
        internet: &Namespace,
        front: SocketAddr,
        back: Ipv4Addr,
        validator: SocketAddrV4,
        seed: u64,
    ) -> Outcome<Self> {
        let control = Arc::new(Mutex::new(Control {
            path: Path::GOOD,
            front,
            rebinds: 0,
            counts: Counts::default(),
            is_over: false,
        }));
        let shared = Arc::clone(&control);
        let place = internet.place();
        let mut pump = internet.inside(|| Pump::new(front, back, validator, seed))?;
        let thread = thread::spawn(move || {
            // A relay that ends is noticed: nothing is signed any more. Its last words say why.
            if let Err(text) = place.enter().and_then(|()| pump.run(&shared)) {
                eprintln!("the relay ended: {text}");
            }
        });
        Ok(Self {
            control,
            thread: Some(thread),
        })
    }

    /// From now on the path has these faults.
    pub fn set(&self, path: Path) {
        self.lock().path = path;
    }

    /// The signer's NAT forgets it: its datagrams come to the validator from another port.
    pub fn rebind(&self) {
        self.lock().rebinds += 1;
    }

    /// The validator gets another address: it is reached there only, and what it sends comes
    /// from there.
    pub fn move_front(&self, front: SocketAddr) {
        self.lock().front = front;
    }

    /// What it has done so far.
    pub fn counts(&self) -> Counts {
        self.lock().counts
    }

    fn lock(&self) -> MutexGuard<'_, Control> {
        self.control.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Relay {
    fn drop(&mut self) {
        self.lock().is_over = true;
        if let Some(thread) = self.thread.take() {
            // It has said what there was to say.
            let _ = thread.join();
        }
    }
}

/// The two sockets, and the datagrams on their way between them.
struct Pump {
    front: UdpSocket,
    front_address: SocketAddr,
    back: UdpSocket,
    back_address: Ipv4Addr,
    rebinds: u64,
    validator: SocketAddr,
    signer: Option<SocketAddr>,
    lanes: [Lane; 2],
    /// By the time they are due; the number keeps those of one time apart and in order.
    waiting: BTreeMap<(Instant, u64), (Way, Vec<u8>)>,
    number: u64,
}

#[derive(Clone, Copy)]
enum Way {
    ToValidator,
    ToSigner,
}

impl Pump {
    fn new(front: SocketAddr, back: Ipv4Addr, validator: SocketAddrV4, seed: u64) -> Outcome<Self> {
        Ok(Self {
            front: bind(front)?,
            front_address: front,
            back: bind(SocketAddr::new(back.into(), 0))?,
            back_address: back,
            rebinds: 0,
            validator: validator.into(),
            signer: None,
            lanes: [Lane::new(seed), Lane::new(!seed)],
            waiting: BTreeMap::new(),
            number: 0,
        })
    }

    fn run(&mut self, control: &Mutex<Control>) -> Outcome {
        let mut buffer = vec![0; DATAGRAM];
        loop {
            let path = {
                let control = control.lock().unwrap_or_else(PoisonError::into_inner);
                if control.is_over {
                    return Ok(());
                }
                self.follow(&control)?;
                control.path
            };
            self.wait().map_err(doing("wait for datagrams"))?;
            let mut counts = Counts::default();
            counts.taken += self.take(Way::ToValidator, &path, &mut buffer);
            counts.taken += self.take(Way::ToSigner, &path, &mut buffer);
            counts.passed += self.pass();
            let mut control = control.lock().unwrap_or_else(PoisonError::into_inner);
            control.counts.taken += counts.taken;
            control.counts.passed += counts.passed;
        }
    }

    /// Sockets as they are wanted now.
    fn follow(&mut self, control: &Control) -> Outcome {
        if control.front != self.front_address {
            self.front = bind(control.front)?;
            self.front_address = control.front;
        }
        if control.rebinds != self.rebinds {
            self.back = bind(SocketAddr::new(self.back_address.into(), 0))?;
            self.rebinds = control.rebinds;
        }
        Ok(())
    }

    fn wait(&self) -> io::Result<()> {
        let now = Instant::now();
        let next = self.waiting.first_key_value();
        let pause = next.map_or(PULSE, |((due, _), _)| {
            due.saturating_duration_since(now).min(PULSE)
        });
        let pause = Timespec::try_from(pause).map_err(io::Error::other)?;
        let mut sockets = [
            PollFd::new(&self.front, PollFlags::IN),
            PollFd::new(&self.back, PollFlags::IN),
        ];
        match poll(&mut sockets, Some(&pause)) {
            Err(error) if error != rustix::io::Errno::INTR => Err(error.into()),
            _ => Ok(()),
        }
    }

    /// Reads what came for one way and lets the path decide about it.
    fn take(&mut self, way: Way, path: &Path, buffer: &mut [u8]) -> u64 {
        let mut taken = 0;
        loop {
            let socket = match way {
                Way::ToValidator => &self.front,
                Way::ToSigner => &self.back,
            };
            // "Would block" ends it. So does the news that an earlier datagram was not wanted,
            // which is for its sender and not for a relay.
            let Ok((count, from)) = socket.recv_from(buffer) else {
                return taken;
            };
            taken += 1;
            let lane = match way {
                Way::ToValidator => {
                    self.signer = Some(from);
                    &mut self.lanes[0]
                }
                Way::ToSigner => &mut self.lanes[1],
            };
            let bytes = buffer.get(..count).unwrap_or_default();
            for due in lane.arrivals(path, Instant::now(), count) {
                self.number += 1;
                let entry = (way, bytes.to_vec());
                self.waiting.insert((due, self.number), entry);
            }
        }
    }

    /// Sends what is due.
    fn pass(&mut self) -> u64 {
        let mut passed = 0;
        let now = Instant::now();
        while let Some(first) = self.waiting.first_entry() {
            if first.key().0 > now {
                break;
            }
            let (way, bytes) = first.remove();
            let sent = match (way, self.signer) {
                (Way::ToValidator, _) => self.back.send_to(&bytes, self.validator).is_ok(),
                (Way::ToSigner, Some(signer)) => self.front.send_to(&bytes, signer).is_ok(),
                (Way::ToSigner, None) => false,
            };
            passed += u64::from(sent);
        }
        passed
    }
}

fn bind(address: SocketAddr) -> Outcome<UdpSocket> {
    let bound = UdpSocket::bind(address).and_then(|socket| {
        socket.set_nonblocking(true)?;
        Ok(socket)
    });
    bound.map_err(doing(&format!("bind the relay to {address}")))
}
