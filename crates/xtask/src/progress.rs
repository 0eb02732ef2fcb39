//! Shows that a long command is alive.

use std::io::{IsTerminal, Read, Write, stdout};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

/// How often a line is added where lines cannot be rewritten.
const HEARTBEAT_S: u64 = 30;

/// Runs `command` to its end under a line with the seconds that have passed.
/// What it prints is shown only when it fails.
pub(crate) fn watched(label: &str, command: &mut Command) -> Result<(), String> {
    let terminal = stdout().is_terminal();
    if !terminal {
        println!("{label} …");
    }
    let start = Instant::now();
    let mut child = command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(|error| format!("{label}: {error}: {}", command.get_program().display()))?;
    let errors = child.stderr.take().map(|mut pipe| {
        thread::spawn(move || {
            let mut text = String::new();
            let _ = pipe.read_to_string(&mut text);
            text
        })
    });
    let success = wait(label, &mut child, start, terminal)?;
    let seconds = start.elapsed().as_secs();
    if success {
        println!("{}{label}: {seconds} s", if terminal { "\r" } else { "" });
        return Ok(());
    }
    let errors = errors
        .and_then(|thread| thread.join().ok())
        .unwrap_or_default();
    Err(format!("{label}: failed after {seconds} s\n{errors}"))
}

fn wait(label: &str, child: &mut Child, start: Instant, terminal: bool) -> Result<bool, String> {
    let mut shown = 0;
    loop {
        if let Some(status) = child
            .try_wait()
            .map_err(|error| format!("{label}: {error}"))?
        {
            return Ok(status.success());
        }
        let seconds = start.elapsed().as_secs();
        if terminal && seconds > shown {
            shown = seconds;
            print!("\r{label}: {seconds} s");
            let _ = stdout().flush();
        } else if !terminal && seconds >= shown + HEARTBEAT_S {
            shown = seconds;
            println!("{label}: {seconds} s …");
        }
        thread::sleep(Duration::from_millis(100));
    }
}
