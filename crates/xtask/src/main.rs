//! `cargo xtask`: what the project does with itself. No dependencies, so that
//! it builds in a second.
//!
//! Invariants:
//! - Each command does all of its own set-up.
//! - Whatever is left out is named on the screen, and is a failure where `CI` is set.
//! - Nothing is written outside the target directory and the user's cache.
#![allow(
    clippy::print_stdout,
    reason = "a command line program for developers talks on standard output"
)]

mod bench;
mod cache;
mod dist;
mod docker;
mod e2e;
mod fuzz;
mod harness;
mod interop;
mod nodes;
mod package;
mod paths;
mod peers;
mod progress;
mod terraform;
mod test;
mod totals;

use std::process::ExitCode;

/// What a command ends with: a text for the developer, or nothing.
type Outcome = Result<(), String>;

struct Command {
    name: &'static str,
    arguments: &'static str,
    help: &'static str,
    run: fn(&[String]) -> Outcome,
}

const COMMANDS: &[Command] = &[
    Command {
        name: "test",
        arguments: "",
        help: "all tests: unit, property, CLI, documentation, then the signer against real nodes",
        run: test::run,
    },
    Command {
        name: "interop",
        arguments: "[NAME…]",
        help: "only the tests against real nodes; NAME is a part of a test's name, such as sekaid or cometbft-0.38",
        run: interop::run,
    },
    Command {
        name: "nodes",
        arguments: "",
        help: "builds the real nodes (needs Go)",
        run: nodes::run,
    },
    Command {
        name: "peers",
        arguments: "",
        help: "builds the signers that ours is compared with (needs Go)",
        run: peers::run,
    },
    Command {
        name: "sim",
        arguments: "[--schedules N]",
        help: "guard and store over a simulated disk that fails, in a process that crashes (--help)",
        run: |arguments| package::run("sim", arguments),
    },
    Command {
        name: "crash",
        arguments: "[--kills N]",
        help: "the real process, killed at every system call and on disks that fail or lose power (--help)",
        run: |arguments| package::run("crash", arguments),
    },
    Command {
        name: "e2e",
        arguments: "[tunnel|docker|firewall|systemd]",
        help: "two machines with WireGuard and a bad network between them; the deployment kit with real Docker; the firewall's rules with packets; the units under systemd; a real node; needs root (--help)",
        run: e2e::run,
    },
    Command {
        name: "dist",
        arguments: "[--check]",
        help: "a release: static archives, sums, bills of materials, a Debian package; --check builds it twice (--help)",
        run: dist::run,
    },
    Command {
        name: "terraform",
        arguments: "",
        help: "deploy/tmkms/terraform, as far as it can be checked without an account (needs Go, cloud-init and nft)",
        run: terraform::run,
    },
    Command {
        name: "bench",
        arguments: "[--short]",
        help: "measures ours beside the peers and rewrites docs/benchmarks.md (--help)",
        run: bench::run,
    },
    Command {
        name: "harness",
        arguments: "[--peers]",
        help: "tries ours as `tmkms harness` does; with --peers the others too, into docs/harness.md (--help)",
        run: harness::run,
    },
    Command {
        name: "fuzz",
        arguments: "[--seconds N] [TARGET…]",
        help: "everything that reads foreign bytes, with bytes that a fuzzer makes up; --minimise reduces the corpus",
        run: fuzz::run,
    },
    Command {
        name: "help",
        arguments: "",
        help: "this text",
        run: help,
    },
];

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let (name, rest) = arguments
        .split_first()
        .map_or(("help", arguments.as_slice()), |(name, rest)| {
            (name.as_str(), rest)
        });
    let Some(command) = COMMANDS.iter().find(|command| command.name == name) else {
        eprintln!("there is no `cargo xtask {name}`; `cargo xtask help` lists the commands");
        return ExitCode::from(2);
    };
    match (command.run)(rest) {
        Ok(()) => ExitCode::SUCCESS,
        Err(text) => {
            eprintln!("{text}");
            ExitCode::FAILURE
        }
    }
}

fn help(_: &[String]) -> Outcome {
    println!("cargo xtask COMMAND\n");
    for command in COMMANDS {
        let usage = format!("{} {}", command.name, command.arguments);
        println!("  {usage:<30} {}", command.help);
    }
    println!(
        "\nBuilt nodes and peers stay in {}; delete it to build them anew.",
        paths::cache()?.display()
    );
    Ok(())
}

/// Commands without arguments say so instead of ignoring them.
fn no_arguments(arguments: &[String]) -> Outcome {
    match arguments.first() {
        None => Ok(()),
        Some(extra) => Err(format!("this command takes no arguments, got `{extra}`")),
    }
}
