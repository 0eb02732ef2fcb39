//! An operator's shell on a machine.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use e2e::wait::until;
use interop::Process;

use crate::daemon::Daemon;
use crate::document::Step;
use crate::guide::Ledger;
use crate::{Outcome, doing};

/// How long a command may take.
const PATIENCE: Duration = Duration::from_secs(240);
/// How long a command that shows a log is watched until it shows a signature.
const WATCH: Duration = Duration::from_secs(120);

/// What typing goes through: where it is typed, with what was typed before that lasts.
pub struct Shell<'a> {
    daemon: &'a Daemon,
    /// The home directory, which also has `bin`.
    home: PathBuf,
    folder: PathBuf,
    /// `cd …` and `NAME=…` so far.
    lasting: Vec<String>,
    /// What a document leaves to the reader, and what it is here.
    replaced: Vec<(String, String)>,
    ledger: Ledger,
    is_verbose: bool,
}

impl<'a> Shell<'a> {
    /// One that begins in `folder`.
    pub fn new(
        daemon: &'a Daemon,
        home: &Path,
        folder: &Path,
        ledger: Ledger,
        is_verbose: bool,
    ) -> Self {
        Self {
            daemon,
            home: home.to_owned(),
            folder: folder.to_owned(),
            lasting: Vec::new(),
            replaced: Vec::new(),
            ledger,
            is_verbose,
        }
    }

    /// From now on `text` in a command stands for `meant`.
    #[must_use]
    pub fn replacing(mut self, text: &str, meant: &str) -> Self {
        self.replaced.push((text.to_owned(), meant.to_owned()));
        self
    }

    /// Runs a command of a document. One that follows a log is ended once the log shows a
    /// precommit.
    ///
    /// # Errors
    /// Where it stands and what it said, when it fails.
    pub fn step(&mut self, step: &Step) -> Outcome<String> {
        self.ledger.note(step);
        let line = self.meant(&step.command);
        println!("    {}: {}", step.at, line.replace("\\\n", ""));
        let told = |text| format!("{}: {line}\n{text}", step.at);
        if is_following_a_log(&line) {
            return self.watch(&line).map_err(told);
        }
        let said = self.run(&line).map_err(told)?;
        if line.starts_with("cd ") || is_assignment(&line) {
            self.lasting.push(line);
        }
        Ok(said)
    }

    /// Runs commands of a document, one after the other.
    ///
    /// # Errors
    /// Where the one stands that fails, and what it said.
    pub fn steps(&mut self, steps: &[&Step]) -> Outcome {
        for step in steps {
            self.step(step)?;
        }
        Ok(())
    }

    /// Runs a command and returns what it prints, errors included.
    ///
    /// # Errors
    /// What it says, when it fails or takes too long.
    pub fn run(&self, line: &str) -> Outcome<String> {
        self.run_within(line, PATIENCE)
    }

    /// The same, with time of its own.
    ///
    /// # Errors
    /// What it says, when it fails or takes too long.
    pub fn run_within(&self, line: &str, patience: Duration) -> Outcome<String> {
        let (status, said) = self.run_to_end(line, patience)?;
        if status == 0 {
            Ok(said)
        } else {
            Err(format!("exit code {status}\n{said}"))
        }
    }

    /// Runs a command that is to fail and returns what it prints.
    ///
    /// # Errors
    /// When it does not fail.
    pub fn fails(&self, line: &str) -> Outcome<String> {
        match self.run_to_end(line, PATIENCE)? {
            (0, said) => Err(format!("`{line}` did not fail\n{said}")),
            (_, said) => Ok(said),
        }
    }

    /// Runs a command until it prints `text`, then ends it and all that it has started.
    ///
    /// # Errors
    /// When it never prints that, or goes on to its end.
    pub fn interrupted(&self, line: &str, text: &str) -> Outcome {
        println!("    {line}, interrupted at `{text}`");
        let log = tempfile::NamedTempFile::new().map_err(doing("make a file"))?;
        let mut command = self.command(line, PATIENCE);
        let mut process = Process::start("a command", &mut command, log.path());
        let said = until(&format!("{line} says {text}"), PATIENCE, || {
            let is_over = !process.is_running();
            (is_over || process.output().contains(text)).then_some(())
        });
        said.map_err(|error| format!("{error}:\n{}", process.output()))?;
        if !process.is_running() {
            return Err(format!("{line} ended too early:\n{}", process.output()));
        }
        // `timeout` passes it on to everything.
        process.terminate();
        Ok(())
    }

    fn run_to_end(&self, line: &str, patience: Duration) -> Outcome<(i32, String)> {
        let mut command = self.command(line, patience);
        let output = command.output().map_err(doing("run bash"))?;
        let said = [output.stdout, output.stderr].concat();
        let said = String::from_utf8_lossy(&said).into_owned();
        if self.is_verbose {
            println!("{}", indented(&said));
        }
        Ok((output.status.code().unwrap_or(-1), said))
    }

    fn watch(&self, line: &str) -> Outcome<String> {
        let log = tempfile::NamedTempFile::new().map_err(doing("make a file"))?;
        let mut command = self.command(line, WATCH);
        let mut process = Process::start("the log", &mut command, log.path());
        let start = Instant::now();
        let found = loop {
            let said = fs::read_to_string(log.path()).unwrap_or_default();
            if ["Proposal", "Prevote", "Precommit"]
                .iter()
                .all(|what| said.contains(&format!("signed {what}:")))
            {
                break Ok(said);
            }
            if start.elapsed() > WATCH || !process.is_running() {
                break Err(format!("it shows no signatures:\n{said}"));
            }
            e2e::wait::pause(Duration::from_millis(200))?;
        };
        process.kill();
        found
    }

    fn command(&self, line: &str, patience: Duration) -> Command {
        let mut script = format!("set -o pipefail; cd {}\n", self.folder.display());
        for line in &self.lasting {
            script.push_str(line);
            script.push('\n');
        }
        script.push_str(line);
        let mut command = self.daemon.inside("timeout");
        command.args(["--kill-after=5", &patience.as_secs().to_string()]);
        command.args(["bash", "-c", &script]).stdin(Stdio::null());
        self.daemon.point(&mut command);
        let path = std::env::var("PATH").unwrap_or_default();
        command.env(
            "PATH",
            format!("{}:{path}", self.home.join("bin").display()),
        );
        command.env("HOME", &self.home);
        // Binaries that are built already, so that no build needs the internet.
        command.env("TMKMS", "prebuilt").env("SEKAI", "prebuilt");
        command
    }

    fn meant(&self, line: &str) -> String {
        let replaced = self.replaced.iter();
        replaced.fold(line.to_owned(), |line, (text, meant)| {
            line.replace(text, meant)
        })
    }
}

fn is_following_a_log(line: &str) -> bool {
    let mut words = line.split_whitespace().skip_while(|word| *word != "logs");
    words.any(|word| word == "-f" || word == "--follow")
}

fn is_assignment(line: &str) -> bool {
    let Some((name, value)) = line.split_once('=') else {
        return false;
    };
    let is_name = !name.is_empty() && name.bytes().all(|b| b.is_ascii_uppercase() || b == b'_');
    is_name && (!value.contains(' ') || value.starts_with("$("))
}

fn indented(text: &str) -> String {
    let lines: Vec<String> = text.lines().map(|line| format!("        {line}")).collect();
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_log_that_is_followed_has_no_end() {
        assert!(is_following_a_log("docker logs sekin-tmkms-1 -f"));
        assert!(is_following_a_log("docker compose -f x.yml logs -f tmkms"));
        assert!(!is_following_a_log("docker compose -f x.yml logs tmkms"));
        assert!(!is_following_a_log(
            "docker compose -f dev-compose.yml up -d syslog-ng"
        ));
    }

    #[test]
    fn what_lasts_is_told_from_what_is_run_once() {
        assert!(is_assignment("CONTAINER=sekin-sekai-1"));
        assert!(!is_assignment("TMKMS=prebuilt docker build ."));
        assert!(!is_assignment("docker run --user=1 x"));
    }
}
