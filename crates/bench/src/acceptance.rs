//! `bench harness`: every signer tried by the harness, and the table of what came of it.

mod table;

use std::fs;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use ed25519_dalek::SigningKey;
use harness::{CHAIN, Event, Ground, Plan, Report, Severity};
use privval::{ChainId, PublicKey};
use testnode::Listener;

use self::table::Tried;
use crate::client::random;
use crate::contender::{Contender, Programs, Transport};
use crate::error::BenchError;
use crate::options::HarnessOptions;
use crate::process::Process;
use crate::report::put_between;
use crate::scene::{Files, Scene, Socket};
use crate::{machine, run as binaries};

const DOCUMENT: &str = "docs/harness.md";
const BEGIN: &str = "<!-- tried: begin, written by `cargo xtask harness --peers` -->";
const END: &str = "<!-- tried: end -->";

/// How long a signer that has ended stays so, as under a supervisor.
const RESTART_PAUSE: Duration = Duration::from_millis(500);

/// How much longer than the harness a person waits for a signer that does not come back, so that
/// the case is told as failed.
const GRACE: Duration = Duration::from_secs(1);

/// Tries ours, or all signers. Fails when ours does not pass.
pub(crate) fn run(options: &HarnessOptions) -> Result<(), BenchError> {
    fs::create_dir_all(&options.directory).map_err(BenchError::file(&options.directory))?;
    let programs = Programs {
        ours: binaries::our_signer(options.ours.as_deref())?,
        peers: binaries::peers(None)?,
    };
    let contenders = Contender::ALL
        .into_iter()
        .filter(|contender| match contender {
            Contender::Floor => false,
            Contender::Ours => true,
            _ => options.peers,
        });
    let mut all = Vec::new();
    for contender in contenders {
        for transport in [Transport::Tcp, Transport::Unix] {
            if contender.lacks(transport).is_some() {
                continue;
            }
            let tried = one(options, &programs, contender, transport)?;
            println!("{}", tried.line());
            all.push(tried);
        }
    }
    let text = table::text(&all, &machine::date());
    if options.peers {
        put_between(Path::new(DOCUMENT), BEGIN, END, &text)?;
    } else {
        println!("{text}");
    }
    let ours = all
        .iter()
        .filter(|tried| tried.contender == Contender::Ours);
    if ours.clone().all(|tried| passes(&tried.report)) {
        return Ok(());
    }
    Err(std::io::Error::other("ours failed a case, see the table").into())
}

/// Ours is held to what it should do, too.
fn passes(report: &Report) -> bool {
    report.passed && report.count(Severity::Should).failed == 0
}

fn one(
    options: &HarnessOptions,
    programs: &Programs,
    contender: Contender,
    transport: Transport,
) -> Result<Tried, BenchError> {
    let key = SigningKey::from_bytes(&random()?);
    let mut scene = Scene::new(&options.directory, &key, transport, &[CHAIN.to_owned()], 1)?;
    let node = scene.nodes.pop();
    let listener = match node.map(|node| node.socket) {
        Some(Socket::Tcp(listener)) => Listener::from_tcp(listener)?,
        Some(Socket::Unix(listener)) => Listener::from_unix(listener)?,
        None => return Err(std::io::Error::other("a scene without a node").into()),
    };
    let plan = plan(&key)?;
    let stop = AtomicBool::new(false);
    let (came, restarts) = (AtomicBool::new(false), AtomicU32::new(0));
    let (report, ended) = thread::scope(|scope| {
        let supervisor = scope.spawn(|| {
            let supervised = Supervised {
                options,
                programs,
                contender,
                files: &scene.files,
                plan: &plan,
                came: &came,
            };
            let ended = supervise(&supervised, &stop, &restarts);
            if ended.is_err() {
                plan.given_up.store(true, Ordering::Relaxed);
            }
            ended
        });
        let report = harness::run(&plan, &listener, &mut |event| {
            if matches!(event, Event::Connected) {
                came.store(true, Ordering::Relaxed);
            }
        });
        stop.store(true, Ordering::Relaxed);
        (report, supervisor.join())
    });
    ended.map_err(|_| std::io::Error::other("the supervisor ended with a bug"))??;
    Ok(Tried {
        contender,
        transport,
        report: report.map_err(std::io::Error::other)?,
        restarts: restarts.into_inner(),
    })
}

/// Everything, with vote extensions: a signer that does not know them serves no such chain.
fn plan(key: &SigningKey) -> Result<Plan, BenchError> {
    let chain = ChainId::new(CHAIN).map_err(std::io::Error::other)?;
    let ground = Ground::new(chain, None, false).map_err(std::io::Error::other)?;
    let mut plan = Plan::new(ground);
    plan.extensions = true;
    plan.expected_key = Some(PublicKey::Ed25519(key.verifying_key().to_bytes()));
    Ok(plan)
}

/// What a supervisor knows.
struct Supervised<'a> {
    options: &'a HarnessOptions,
    programs: &'a Programs,
    contender: Contender,
    files: &'a Files,
    plan: &'a Plan,
    /// Whether it has ever connected.
    came: &'a AtomicBool,
}

/// Runs the signer, and again when it has ended, as a service manager does; or when it does not
/// connect any more, as a person does who looks after it. One that ends before it has ever connected
/// is told at once.
fn supervise(
    supervised: &Supervised<'_>,
    stop: &AtomicBool,
    restarts: &AtomicU32,
) -> Result<(), BenchError> {
    let Supervised {
        programs,
        files,
        plan,
        came,
        ..
    } = supervised;
    loop {
        let mut command = supervised.contender.command(programs, files)?;
        let mut process = Process::start(&mut command, supervised.options.logs)?;
        let mut connected = Instant::now();
        while !process.has_ended() && connected.elapsed() < plan.return_timeout + GRACE {
            if stop.load(Ordering::Relaxed) {
                return Ok(());
            }
            if !plan.is_waiting.load(Ordering::Relaxed) {
                connected = Instant::now();
            }
            thread::sleep(Duration::from_millis(20));
        }
        let status = process.end();
        if stop.load(Ordering::Relaxed) {
            return Ok(());
        }
        if !came.load(Ordering::Relaxed) {
            let reason = format!(
                "it ended before it had connected ({status}); run with --logs to see what it says"
            );
            return Err(BenchError::program(command.get_program().as_ref(), &reason));
        }
        restarts.fetch_add(1, Ordering::Relaxed);
        thread::sleep(RESTART_PAUSE);
    }
}
