//! `state_hook`: a command that tells the height of a chain, run once at start.
//!
//! Its height becomes a floor: everything up to and including it counts as signed.

use std::io::Read;
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{self, Receiver};
use std::time::{Duration, Instant};

use guard::Mark;
use privval::{Height, Hrs, Round, Step};
use serde::Deserialize;

use crate::config::StateHook;

/// The most that a hook may print, in bytes.
const MAX_OUTPUT: u64 = 64 * 1024;

/// Why a hook told no height.
#[derive(Debug, thiserror::Error)]
pub enum HookError {
    /// The program cannot be started.
    #[error("cannot run {program}: {reason}")]
    Start {
        /// The program.
        program: String,
        /// What the system said.
        reason: String,
    },
    /// It took too long.
    #[error("{program} did not end within {} s", .timeout.as_secs())]
    Timeout {
        /// The program.
        program: String,
        /// What it was given.
        timeout: Duration,
    },
    /// It failed.
    #[error("{program} ended with {status}: {stderr}")]
    Failed {
        /// The program.
        program: String,
        /// Its exit status.
        status: String,
        /// The end of what it printed to standard error.
        stderr: String,
    },
    /// It printed something else.
    #[error("{program} printed {output:?}, expected {{\"latest_block_height\": \"123\"}}")]
    Output {
        /// The program.
        program: String,
        /// What it printed.
        output: String,
    },
}

#[derive(Deserialize)]
struct Output {
    latest_block_height: HeightText,
}

/// tmkms takes a text; many scripts print a number.
#[derive(Deserialize)]
#[serde(untagged)]
enum HeightText {
    Text(String),
    Number(i64),
}

/// Runs the hook and returns the floor that its height stands for.
///
/// # Errors
/// [`HookError`].
pub(super) fn run(hook: &StateHook) -> Result<Mark, HookError> {
    let program = hook.program.display().to_string();
    let mut child = Command::new(&hook.program)
        .args(&hook.args)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .process_group(0)
        .spawn()
        .map_err(|e| HookError::Start {
            program: program.clone(),
            reason: e.to_string(),
        })?;
    // Read while it runs: a pipe that fills up would make it wait for ever.
    let stdout = reader(child.stdout.take());
    let stderr = reader(child.stderr.take());
    let deadline = Instant::now() + hook.timeout;
    let Some(status) = wait(&mut child, deadline) else {
        kill(&mut child);
        return Err(HookError::Timeout {
            program,
            timeout: hook.timeout,
        });
    };
    if !status.success() {
        return Err(HookError::Failed {
            program,
            status: status.to_string(),
            stderr: cut(&text(&stderr, deadline)),
        });
    }
    let output = text(&stdout, deadline);
    height(&output).map(floor).ok_or_else(|| HookError::Output {
        program,
        output: cut(&output),
    })
}

fn reader(pipe: Option<impl Read + Send + 'static>) -> Receiver<String> {
    let (sender, receiver) = mpsc::channel();
    std::thread::spawn(move || {
        let mut bytes = Vec::new();
        if let Some(pipe) = pipe {
            // What was read before an error is judged like any other output.
            let _ = pipe.take(MAX_OUTPUT).read_to_end(&mut bytes);
        }
        // Fails when nobody waits any more.
        let _ = sender.send(String::from_utf8_lossy(&bytes).into_owned());
    });
    receiver
}

/// What was printed; nothing if a grandchild still holds the pipe at the deadline.
fn text(reader: &Receiver<String>, deadline: Instant) -> String {
    let left = deadline.saturating_duration_since(Instant::now());
    reader.recv_timeout(left).unwrap_or_default()
}

fn wait(child: &mut Child, deadline: Instant) -> Option<std::process::ExitStatus> {
    loop {
        match child.try_wait() {
            Ok(Some(status)) => return Some(status),
            Ok(None) if Instant::now() < deadline => std::thread::sleep(Duration::from_millis(10)),
            _ => return None,
        }
    }
}

/// Ends the command and whatever it started, which is in the same group.
fn kill(child: &mut Child) {
    use rustix::process::{Pid, Signal, kill_process_group};
    // Each may fail because it has ended just now, which is as good.
    if let Some(group) = i32::try_from(child.id()).ok().and_then(Pid::from_raw) {
        let _ = kill_process_group(group, Signal::KILL);
    }
    let _ = child.kill();
    let _ = child.wait();
}

fn height(output: &str) -> Option<Height> {
    let output: Output = serde_json::from_str(output).ok()?;
    let height = match output.latest_block_height {
        HeightText::Text(text) => text.parse().ok()?,
        HeightText::Number(number) => number,
    };
    Height::try_from(height).ok()
}

/// The block at that height is committed, so nothing is left to sign there.
fn floor(height: Height) -> Mark {
    Mark::Floor {
        hrs: Hrs {
            height,
            round: Round::default(),
            step: Step::Precommit,
        },
        block_id: None,
    }
}

fn cut(text: &str) -> String {
    text.trim().chars().take(200).collect()
}
