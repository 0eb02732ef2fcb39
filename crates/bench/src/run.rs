//! A whole run: prepares the programs, lets the signers take turns, writes the report.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use ed25519_dalek::SigningKey;

use crate::client::random;
use crate::contender::{Contender, Programs, Transport};
use crate::error::BenchError;
use crate::load::Bench;
use crate::machine;
use crate::options::Options;
use crate::report::{self, Frame};
use crate::results::{Load, Results};

/// Where static binaries are built for.
const TARGET: &str = "x86_64-unknown-linux-gnu";

/// What the compiler is told for it.
const STATICALLY: &str = "-C target-feature=+crt-static";

/// Measures and reports.
pub(crate) fn run(options: &Options) -> Result<(), BenchError> {
    let (ours, static_binary) = binaries(options)?;
    fs::create_dir_all(&options.directory).map_err(BenchError::file(&options.directory))?;
    let bench = Bench {
        options,
        programs: Programs {
            ours,
            peers: peers(options.peers.as_deref())?,
        },
        key: SigningKey::from_bytes(&random()?),
    };
    let contenders = contenders(options);
    for contender in &contenders {
        contender.program(&bench.programs)?;
    }
    let load_before = machine::load();
    let mut results = Results::default();
    for round in 0..options.rounds {
        println!("round {} of {}", round.saturating_add(1), options.rounds);
        measure(&bench, &contenders, round, &mut results)?;
    }
    let text = report::text(
        &Frame {
            options,
            contenders: &contenders,
            date: machine::date(),
            machine: machine::describe(&options.directory),
            load_before,
            load_after: machine::load(),
            static_binary_mib: static_binary.as_deref().map(mib).transpose()?,
        },
        &results,
    );
    match &options.output {
        Some(document) => report::put_into(document, &text),
        None => {
            println!("{text}");
            Ok(())
        }
    }
}

fn contenders(options: &Options) -> Vec<Contender> {
    let wanted =
        |contender: &Contender| options.only.is_empty() || options.only.contains(contender);
    Contender::ALL.into_iter().filter(wanted).collect()
}

/// One turn of each signer under each load. Another signer begins each round.
fn measure(
    bench: &Bench<'_>,
    contenders: &[Contender],
    round: u32,
    results: &mut Results,
) -> Result<(), BenchError> {
    let mut order = contenders.to_vec();
    let first = usize::try_from(round).unwrap_or_default() % order.len().max(1);
    order.rotate_left(first);
    for transport in [Transport::Tcp, Transport::Unix] {
        let able = order.iter().filter(|c| c.lacks(transport).is_none());
        for contender in able.clone() {
            back_to_back(bench, *contender, transport, results)?;
        }
        for contender in able.filter(|_| !bench.options.quick) {
            for (load, chains) in [
                (Load::OneChain, 1),
                (Load::ManyChains, bench.options.chains),
            ] {
                let turn = bench
                    .paced(*contender, transport, chains)
                    .map_err(phase(*contender, transport, load))?;
                results.add((load, transport, *contender), turn);
            }
        }
    }
    Ok(())
}

fn back_to_back(
    bench: &Bench<'_>,
    contender: Contender,
    transport: Transport,
    results: &mut Results,
) -> Result<(), BenchError> {
    let load = Load::BackToBack;
    let found = bench
        .back_to_back(contender, transport)
        .map_err(phase(contender, transport, load))?;
    println!(
        "  {contender}, {transport}: {:.0} µs, p99 {:.0} µs",
        found.turn.p50_us, found.turn.p99_us
    );
    results.add((load, transport, contender), found.turn);
    let starts = (found.fresh_start_ms, found.restart_ms);
    results.add_starts((transport, contender), starts);
    Ok(())
}

fn phase(
    contender: Contender,
    transport: Transport,
    load: Load,
) -> impl FnOnce(BenchError) -> BenchError {
    move |source| BenchError::Phase {
        what: format!("{contender}, {transport}, {load:?}"),
        source: Box::new(source),
    }
}

/// Ours, as released and linked statically: those of the command line, or built now. A run that
/// writes no document has the second only if it is named.
fn binaries(options: &Options) -> Result<(PathBuf, Option<PathBuf>), BenchError> {
    let ours = our_signer(options.ours.as_deref())?;
    let linked = match &options.static_binary {
        Some(path) => Some(path.clone()),
        None if options.output.is_none() => None,
        None => Some(build(
            &target_directory()?.join("static"),
            Some(STATICALLY),
        )?),
    };
    Ok((ours, linked))
}

/// Our signer as released: that of the command line, or built now.
pub(crate) fn our_signer(named: Option<&Path>) -> Result<PathBuf, BenchError> {
    let ours = match named {
        Some(path) => path.to_owned(),
        None => build(&target_directory()?, None)?,
    };
    fs::canonicalize(&ours).map_err(BenchError::file(&ours))
}

/// Builds the signer. With `flags` for the compiler it takes a target directory of its own, so
/// that the usual one stays as it is.
fn build(target: &Path, flags: Option<&str>) -> Result<PathBuf, BenchError> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = Command::new(&cargo);
    command.args([
        "build",
        "--release",
        "--quiet",
        "--package",
        "tmkms",
        "--target-dir",
    ]);
    command.arg(target);
    let mut product = target.join("release/tmkms");
    if let Some(flags) = flags {
        command.env("RUSTFLAGS", flags).args(["--target", TARGET]);
        product = target.join(TARGET).join("release/tmkms");
    }
    let status = command
        .status()
        .map_err(|e| BenchError::program(cargo.as_ref(), &e))?;
    if status.success() {
        return Ok(product);
    }
    Err(BenchError::program(cargo.as_ref(), &"the build failed"))
}

/// This program is `TARGET/PROFILE/bench`.
fn target_directory() -> Result<PathBuf, BenchError> {
    let own = std::env::current_exe()?;
    let target = own.ancestors().nth(2).map(Path::to_owned);
    target.ok_or_else(|| BenchError::program(&own, &"it stands in no target directory"))
}

/// Where `cargo xtask peers` leaves them.
pub(crate) fn peers(named: Option<&Path>) -> Result<PathBuf, BenchError> {
    if let Some(path) = named {
        return fs::canonicalize(path).map_err(BenchError::file(path));
    }
    let cache = std::env::var_os("XDG_CACHE_HOME")
        .map(PathBuf::from)
        .or_else(|| std::env::var_os("HOME").map(|home| Path::new(&home).join(".cache")));
    Ok(cache.unwrap_or_default().join("tmkms-xtask/peers"))
}

fn mib(path: &Path) -> Result<f64, BenchError> {
    let len = fs::metadata(path).map_err(BenchError::file(path))?.len();
    Ok(len as f64 / 1024.0 / 1024.0)
}
