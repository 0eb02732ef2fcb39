//! A disk that does not answer for a while: the session that waits for it cannot be woken.
//!
//! The signer must say so to whoever asks (`/healthz`, `/readyz`) and to the watchdog of the service
//! manager, and once the disk is back the node gets its answer on the connection that it has.

use std::net::SocketAddr;
use std::os::unix::net::UnixDatagram;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use super::life::{Connected, Lost, connected, live_well};
use super::{Context, Mode};
use crate::error::CrashError;
use crate::http;
use crate::mounts::Mount;
use crate::namespace;
use crate::report::Report;
use crate::world::{Plan, Transport, World};

/// The mode.
pub const MODE: Mode = Mode {
    name: "hung-disk",
    help: "the disk hangs under a request and comes back (ext4, frozen)",
    left_out: |_| namespace::unavailable(),
    run,
};

const EXT4_KIB: u32 = 4096;

/// From then on a session that answers counts as stuck.
const ANSWER: Duration = Duration::from_secs(5);

/// How long it may take until it is told, on a busy machine.
const PATIENCE: Duration = Duration::from_secs(20);

/// How often the watchdog is to hear that all is well: twice within this time.
const WATCHDOG: Duration = Duration::from_millis(500);

fn run(context: &Context, report: &mut Report) -> Result<(), CrashError> {
    let mut world = context.world(Transport::Unix, context.rng(MODE.name))?;
    world.ledger.enter(context.place(MODE.name));
    let image = world.home.path().join("disk.ext4");
    let mounted = match Mount::ext4(&image, &world.home.state_directory(), EXT4_KIB) {
        Ok(mounted) => mounted,
        Err(error) => {
            report.skipped.push(format!("ext4: {error}"));
            return Ok(());
        }
    };
    world
        .home
        .configure_more("\n[metrics]\nlisten = \"127.0.0.1:0\"\n")?;
    let manager = Manager::new(world.home.path().join("manager.sock"))?;
    let launch = context.launch.under(manager.environment());
    let log = world.home.log();
    let mut hung = Duration::ZERO;
    connected(&mut world, &launch, report, |signer| {
        signer.talk(&Plan::mixed(10))?;
        let at = measured_at(&log)?;
        hung = hang(signer, &mounted, at, &manager)?;
        signer.talk(&Plan::mixed(20))
    })?;
    report.faults += 1;
    report.notes.push(format!(
        "the disk hung for {} s under a request, which was answered then",
        hung.as_secs()
    ));
    live_well(context, &mut world, report)?;
    drop(mounted);
    report.add(&world.ledger);
    Ok(())
}

/// How long it hung.
fn hang(
    signer: &mut Connected<'_>,
    disk: &Mount,
    at: SocketAddr,
    manager: &Manager,
) -> Result<Duration, Lost> {
    expect(signer.world, at, "/healthz", 200, ": alive\n")?;
    expect(signer.world, at, "/readyz", 200, ": ready: ")?;
    let next = signer.world.script.plain(signer.world.model.mark.as_ref());
    let frozen = disk.freeze()?;
    let begun = Instant::now();
    signer.send(&next)?;
    expect(
        signer.world,
        at,
        "/healthz",
        503,
        ": stuck: nothing was heard of its thread",
    )?;
    if begun.elapsed() < ANSWER {
        signer.world.ledger.violation("called stuck too early");
    }
    expect(signer.world, at, "/readyz", 503, " is stuck, for ")?;
    manager.forget();
    std::thread::sleep(4 * WATCHDOG);
    if manager.hears_that_all_is_well()? {
        let text = "the watchdog was told that all is well while the disk hung";
        signer.world.ledger.violation(text);
    }
    drop(frozen);
    let hung = begun.elapsed();
    signer.receive(&next, &Plan::mixed(0))?;
    expect(signer.world, at, "/healthz", 200, ": alive\n")?;
    expect(signer.world, at, "/readyz", 200, ": ready: ")?;
    manager.forget();
    std::thread::sleep(4 * WATCHDOG);
    if !manager.hears_that_all_is_well()? {
        let text = "the watchdog was not told that all is well again";
        signer.world.ledger.violation(text);
    }
    Ok(hung)
}

/// Asks until the answer has this status and says this.
fn expect(
    world: &mut World,
    at: SocketAddr,
    path: &str,
    status: u16,
    text: &str,
) -> Result<(), CrashError> {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let got = http::get(at, path).map_err(CrashError::doing(format!("get {path}")))?;
        if got.0 == status && got.1.contains(text) {
            return Ok(());
        }
        if Instant::now() >= deadline {
            world
                .ledger
                .violation(format!("{path} is {got:?} instead of {status}, {text:?}"));
            return Ok(());
        }
        std::thread::sleep(Duration::from_millis(50));
    }
}

/// Where it is measured, from its log.
fn measured_at(log: &std::path::Path) -> Result<SocketAddr, CrashError> {
    let text = std::fs::read_to_string(log).map_err(CrashError::doing("read the log"))?;
    let found = text.split("a page to look at: http://").nth(1);
    let found = found.and_then(|rest| rest.split('/').next()?.parse().ok());
    found.ok_or_else(|| CrashError::Signer("it is measured nowhere".to_owned()))
}

/// The service manager's side of sd_notify(3).
struct Manager {
    socket: UnixDatagram,
    path: PathBuf,
}

impl Manager {
    fn new(path: PathBuf) -> Result<Self, CrashError> {
        let doing = || CrashError::doing("listen as a service manager");
        let socket = UnixDatagram::bind(&path).map_err(doing())?;
        socket.set_nonblocking(true).map_err(doing())?;
        Ok(Self { socket, path })
    }

    fn environment(&self) -> Vec<String> {
        vec![
            "env".to_owned(),
            format!("NOTIFY_SOCKET={}", self.path.display()),
            format!("WATCHDOG_USEC={}", WATCHDOG.as_micros()),
        ]
    }

    /// Passes over what was said so far.
    fn forget(&self) {
        while self.socket.recv(&mut [0; 256]).is_ok() {}
    }

    /// Whether anything that was said since is that.
    fn hears_that_all_is_well(&self) -> Result<bool, CrashError> {
        let mut buffer = [0; 256];
        let mut is_well = false;
        loop {
            match self.socket.recv(&mut buffer) {
                Ok(count) => {
                    let said = buffer.get(..count).unwrap_or_default();
                    is_well |= said.starts_with(b"WATCHDOG=1");
                }
                Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => {
                    return Ok(is_well);
                }
                Err(error) => return Err(CrashError::doing("hear the signer")(error)),
            }
        }
    }
}
