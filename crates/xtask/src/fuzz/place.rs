//! Where the targets are built, run, and what they learn is kept: `target/fuzz`.

use super::report::Report;
use super::target::{Target, folder};
use crate::progress::watched;
use crate::{Outcome, paths};
use std::collections::VecDeque;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Stdio};
use std::sync::{Mutex, PoisonError};
use std::thread;

/// Each run has a core of its own.
const AT_ONCE: usize = 2;

/// What `cargo fuzz` gives to a nightly compiler, without the sanitizers: unsafe code is forbidden
/// here, and a panic needs none to be seen.
const RUSTFLAGS: &[&str] = &[
    "-Cpasses=sancov-module",
    "-Cllvm-args=-sanitizer-coverage-level=4",
    "-Cllvm-args=-sanitizer-coverage-inline-8bit-counters",
    "-Cllvm-args=-sanitizer-coverage-pc-table",
    "-Cllvm-args=-sanitizer-coverage-trace-compares",
    "-Ccodegen-units=1",
    "-Cdebug-assertions",
];

/// The target directory of the fuzz workspace.
pub(super) struct Place {
    workspace: PathBuf,
    triple: String,
}

impl Place {
    pub(super) fn new() -> Result<Self, String> {
        let place = Self {
            workspace: paths::workspace(),
            triple: host()?,
        };
        for folder in ["corpus", "findings", "logs"] {
            make_folder(&place.out(folder))?;
        }
        Ok(place)
    }

    /// Builds all targets.
    pub(super) fn build(&self) -> Outcome {
        watched("fuzz targets", self.cargo("build").arg("--bins")).map_err(|text| {
            format!("{text}\nlibFuzzer is built from C++ sources: this needs g++ or clang++")
        })
    }

    /// Runs each target for a while; the reports are in the order of the targets.
    pub(super) fn run_all(&self, targets: &[Target], seconds: u64) -> Result<Vec<Report>, String> {
        println!(
            "{} targets for {seconds} s each, {AT_ONCE} at once",
            targets.len()
        );
        let waiting: Mutex<VecDeque<_>> = Mutex::new(targets.iter().enumerate().collect());
        let done = Mutex::new(Vec::new());
        thread::scope(|scope| {
            for _ in 0..AT_ONCE {
                scope.spawn(|| {
                    // The lock must not be held over the run.
                    let next = || locked(&waiting).pop_front();
                    while let Some((index, target)) = next() {
                        let report = self.fuzz(target, seconds);
                        locked(&done).push((index, report));
                    }
                });
            }
        });
        let mut done = done.into_inner().unwrap_or_else(PoisonError::into_inner);
        done.sort_by_key(|(index, _)| *index);
        done.into_iter().map(|(_, report)| report).collect()
    }

    /// The smallest set of inputs that reaches all that the seeds and the learned corpus reach.
    pub(super) fn minimise(&self, targets: &[Target]) -> Outcome {
        let seeds = self.out("seeds");
        let mut command = self.cargo("run");
        command.args(["--example", "seeds", "--"]).arg(&seeds);
        watched("seeds", &mut command)?;
        for target in targets {
            self.minimise_one(target, &seeds.join(&target.name))?;
        }
        println!(
            "to keep them: rm -r fuzz/corpus/TARGET && cp -r target/fuzz/minimised/TARGET fuzz/corpus/"
        );
        Ok(())
    }

    fn minimise_one(&self, target: &Target, made: &Path) -> Outcome {
        let small = self.out("minimised").join(&target.name);
        if small.exists() {
            fs::remove_dir_all(&small).map_err(|error| format!("{}: {error}", small.display()))?;
        }
        let learned = self.out("corpus").join(&target.name);
        let mut command = self.command(target);
        // By what is reached and not by how often, which would keep four times as much.
        command.args(["-set_cover_merge=1", "-use_counters=0"]);
        for folder in [&small, &target.seeds(), made, &learned] {
            make_folder(folder)?;
            command.arg(folder);
        }
        let (status, log) = self.logged(target, &mut command)?;
        if !status.success() {
            return Err(format!("{}: see {}", target.name, self.shown(&log)));
        }
        println!("{}: {}", target.name, self.shown(&small));
        Ok(())
    }

    fn fuzz(&self, target: &Target, seconds: u64) -> Result<Report, String> {
        let corpus = self.out("corpus").join(&target.name);
        make_folder(&corpus)?;
        let findings = self.out("findings").join(&target.name);
        let mut command = self.command(target);
        command.arg(format!("-max_total_time={seconds}"));
        command.arg(format!("-artifact_prefix={}-", findings.display()));
        command.arg("-print_final_stats=1");
        command.arg(corpus).arg(target.seeds());
        let (status, log) = self.logged(target, &mut command)?;
        let text = fs::read(&log).map_err(|error| format!("{}: {error}", log.display()))?;
        let mut report = Report::read(&target.name, &String::from_utf8_lossy(&text));
        report.finding = (!status.success()).then(|| self.explain(target, &report, &log));
        println!("{}: {} executions", target.name, report.executions);
        Ok(report)
    }

    /// A hang and a flood of memory are findings too.
    fn command(&self, target: &Target) -> Command {
        let mut command = Command::new(self.binary(target));
        command.current_dir(&self.workspace);
        command.arg(format!("-max_len={}", target.max_len));
        command.args(["-timeout=20", "-rss_limit_mb=2048"]);
        if let Some(words) = target.dictionary() {
            command.arg(format!("-dict={}", words.display()));
        }
        command
    }

    fn logged(
        &self,
        target: &Target,
        command: &mut Command,
    ) -> Result<(ExitStatus, PathBuf), String> {
        let path = self.out("logs").join(format!("{}.log", target.name));
        let failed = |error| format!("{}: {error}", path.display());
        let log = File::create(&path).map_err(failed)?;
        let status = command
            .stdin(Stdio::null())
            .stdout(log.try_clone().map_err(failed)?)
            .stderr(log)
            .status()
            .map_err(|error| format!("{}: {error}", target.name))?;
        Ok((status, path))
    }

    fn explain(&self, target: &Target, report: &Report, log: &Path) -> String {
        let (name, log, said) = (&target.name, self.shown(log), report.said.join("\n  "));
        match &report.input {
            None => format!("{name} ended with an error, told in {log}\n  {said}"),
            Some(input) => format!(
                "{name}: a finding, told in {log}\n  {said}\n  to see it again: {} {}",
                self.shown(&self.binary(target)),
                self.shown(input),
            ),
        }
    }

    /// With an explicit target, so that build scripts and macros are built without the flags.
    fn cargo(&self, subcommand: &str) -> Command {
        let mut command = paths::cargo();
        command.current_dir(&self.workspace);
        command.env_remove("CARGO_ENCODED_RUSTFLAGS");
        command.env("RUSTFLAGS", RUSTFLAGS.join(" "));
        command.env("RUSTC_WRAPPER", folder().join("rustc-wrapper"));
        command.args([subcommand, "--release", "--target", &self.triple]);
        command.args(["--manifest-path", "fuzz/Cargo.toml"]);
        command.arg("--target-dir").arg(self.out(""));
        if paths::in_ci() {
            command.arg("--locked");
        }
        command
    }

    fn binary(&self, target: &Target) -> PathBuf {
        self.out(&self.triple).join("release").join(&target.name)
    }

    /// Below the target directory.
    fn out(&self, name: &str) -> PathBuf {
        self.workspace.join("target/fuzz").join(name)
    }

    /// As it can be typed in the workspace.
    fn shown<'a>(&self, path: &'a Path) -> std::path::Display<'a> {
        path.strip_prefix(&self.workspace).unwrap_or(path).display()
    }
}

/// The machine that the compiler builds for.
fn host() -> Result<String, String> {
    let output = Command::new("rustc")
        .arg("-vV")
        .output()
        .map_err(|error| format!("rustc: {error}"))?;
    let text = String::from_utf8_lossy(&output.stdout);
    text.lines()
        .find_map(|line| line.strip_prefix("host: "))
        .map(str::to_owned)
        .ok_or_else(|| "rustc -vV names no host".to_owned())
}

fn make_folder(path: &Path) -> Outcome {
    fs::create_dir_all(path).map_err(|error| format!("{}: {error}", path.display()))
}

fn locked<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
