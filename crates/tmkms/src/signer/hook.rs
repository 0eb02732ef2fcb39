//! `state_hook`: a command that tells the height of a chain, run once at start.
//!
//! Its height becomes a floor: everything up to and including it counts as signed.

use std::io::{self, Read};
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{self, Receiver};
use std::time::{Duration, Instant};

use guard::Mark;
use privval::Height;
use serde::Deserialize;

use super::mark::whole_height;
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

/// Runs the hook and returns the floor that its height stands for: a block is committed there, so
/// nothing is left to sign.
///
/// # Errors
/// [`HookError`].
pub(super) fn run(hook: &StateHook) -> Result<Mark, HookError> {
    let program = hook.program.display().to_string();
    let start = |e: io::Error| HookError::Start {
        program: program.clone(),
        reason: e.to_string(),
    };
    let mut child = spawn(hook).map_err(start)?;
    let Some((output, errors)) = outputs(&mut child, Instant::now() + hook.timeout) else {
        kill(&mut child);
        return Err(HookError::Timeout {
            program,
            timeout: hook.timeout,
        });
    };
    let status = child.wait().map_err(start)?;
    if !status.success() {
        return Err(HookError::Failed {
            program,
            status: status.to_string(),
            stderr: cut(&errors),
        });
    }
    height(&output)
        .map(whole_height)
        .ok_or_else(|| HookError::Output {
            program,
            output: cut(&output),
        })
}

fn spawn(hook: &StateHook) -> io::Result<Child> {
    Command::new(&hook.program)
        .args(&hook.args)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .process_group(0)
        .spawn()
}

/// What it printed to standard output and standard error; `None` when it had not ended by the
/// deadline, or a grandchild still held a pipe then.
fn outputs(child: &mut Child, deadline: Instant) -> Option<(String, String)> {
    // Read while it runs: a pipe that fills up would make it wait for ever.
    let stdout = reader(child.stdout.take());
    let stderr = reader(child.stderr.take());
    let left = || deadline.saturating_duration_since(Instant::now());
    wait(child, deadline).then_some(())?;
    let output = stdout.recv_timeout(left()).ok()?;
    Some((output, stderr.recv_timeout(left()).ok()?))
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

/// Whether it ended in time. Its status is left to be collected: until then its group's number
/// is nobody else's, so that [`kill`] meets only what it started.
fn wait(child: &Child, deadline: Instant) -> bool {
    use rustix::process::{Pid, WaitId, WaitIdOptions, waitid};
    let options = WaitIdOptions::EXITED | WaitIdOptions::NOHANG | WaitIdOptions::NOWAIT;
    loop {
        match waitid(WaitId::Pid(Pid::from_child(child)), options) {
            Ok(Some(_)) => return true,
            Ok(None) if Instant::now() < deadline => std::thread::sleep(Duration::from_millis(10)),
            _ => return false,
        }
    }
}

/// Ends the command and whatever it started, which is in the same group.
fn kill(child: &mut Child) {
    use rustix::process::{Pid, Signal, kill_process_group};
    // Each may fail because it has ended just now, which is as good.
    let _ = kill_process_group(Pid::from_child(child), Signal::KILL);
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

fn cut(text: &str) -> String {
    text.trim().chars().take(200).collect()
}
