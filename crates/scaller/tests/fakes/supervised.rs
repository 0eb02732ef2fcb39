//! Exit codes, signals, restarts.

use std::fs;
use std::time::{Duration, Instant};

use interop::{Process, until};
use rustix::process::{Pid, Signal, kill_process};

use crate::home::{Home, said};

const SOON: Duration = Duration::from_secs(20);

fn spawn(home: &Home, words: &[&str]) -> Process {
    let log = home.dir.path().join("scaller.log");
    let _ = fs::remove_file(&log);
    Process::start("scaller", &mut home.command(words), &log)
}

/// Says when it runs, and which process it is, then does what the test says.
fn ready(script: &str) -> String {
    format!("echo $$ >> \"$0.runs\"; {script}")
}

fn runs(home: &Home) -> Vec<i32> {
    let text = fs::read_to_string(home.dir.path().join("sekaid.runs")).unwrap_or_default();
    text.lines().filter_map(|line| line.parse().ok()).collect()
}

#[test]
fn output_and_exit_code_are_those_of_sekaid() {
    let home = Home::new();
    home.fake("echo to-out; echo to-err >&2; echo \"$@\"; exit 7");
    let output = home.command(&["start"]).output().unwrap();
    assert_eq!(output.status.code(), Some(7));
    let out = String::from_utf8_lossy(&output.stdout);
    assert_eq!(
        out,
        format!("to-out\nstart --home {}\n", home.root.display())
    );
    let err = String::from_utf8_lossy(&output.stderr);
    assert!(err.contains("to-err"), "{err}");
    assert!(err.contains("sekaid ended with exit code 7"), "{err}");
}

#[test]
fn a_number_of_restarts_is_done_with_growing_waits() {
    let home = Home::new();
    home.fake(&ready("exit 3"));
    let start = Instant::now();
    let output = home.command(&["start", "--restart", "2"]).output().unwrap();
    assert_eq!(output.status.code(), Some(3), "{}", said(&output));
    assert_eq!(runs(&home).len(), 3);
    assert!(
        start.elapsed() >= Duration::from_secs(3),
        "{:?}",
        start.elapsed()
    );
    let text = said(&output);
    for told in ["exit code 3: starting it again in 1 s", "again in 2 s"] {
        assert!(text.contains(told), "{text}");
    }
}

#[test]
fn an_end_without_failure_is_an_end_unless_always() {
    let home = Home::new();
    home.fake(&ready("exit 0"));
    let output = home.command(&["start", "--restart", "5"]).output().unwrap();
    assert_eq!(output.status.code(), Some(0));
    assert_eq!(runs(&home).len(), 1);
    let mut scaller = spawn(&home, &["start", "--restart", "always"]);
    until("it runs again", SOON, || {
        (runs(&home).len() >= 3).then_some(())
    });
    let status = scaller.terminate();
    // It was between two runs, or in one.
    assert!(matches!(status.code(), Some(0 | 143)), "{status}");
}

#[test]
fn signals_go_to_sekaid_and_its_answer_is_ours() {
    for (trap, expected) in [
        ("trap 'exit 5' TERM", 5),
        ("trap 'exit 0' TERM", 0),
        ("", 128 + 15),
    ] {
        let home = Home::new();
        home.fake(&ready(&format!(
            "{trap}\necho up; while :; do sleep 0.05; done"
        )));
        let mut scaller = spawn(&home, &["start", "--restart", "always"]);
        scaller.wait_for_output("up", SOON);
        let status = scaller.terminate();
        assert_eq!(status.code(), Some(expected), "{trap}");
        assert_eq!(runs(&home).len(), 1, "it was restarted after SIGTERM");
    }
}

#[test]
fn a_killed_sekaid_is_a_failure_and_a_user_signal_is_passed_on() {
    let home = Home::new();
    home.fake(&ready(
        "trap 'echo usr1' USR1\necho up; while :; do sleep 0.05; done",
    ));
    let mut scaller = spawn(&home, &["start"]);
    scaller.wait_for_output("up", SOON);
    let lock = home.read(".scaller/lock");
    let sekaid = Pid::from_raw(runs(&home)[0]).unwrap();
    assert_eq!(
        lock,
        format!("sekaid (process {})", sekaid.as_raw_nonzero())
    );
    let parent = fs::read_to_string(format!("/proc/{}/status", sekaid.as_raw_nonzero())).unwrap();
    let line = parent.lines().find(|l| l.starts_with("PPid:")).unwrap();
    let scaller_pid: i32 = line.split_whitespace().nth(1).unwrap().parse().unwrap();
    kill_process(Pid::from_raw(scaller_pid).unwrap(), Signal::USR1).unwrap();
    scaller.wait_for_output("usr1", SOON);
    kill_process(sekaid, Signal::KILL).unwrap();
    assert_eq!(scaller.wait_for_exit(SOON).code(), Some(128 + 9));
}

#[test]
fn sigterm_between_two_runs_ends_it_at_once() {
    let home = Home::new();
    home.fake("exit 1");
    let mut scaller = spawn(&home, &["start", "--restart", "always"]);
    scaller.wait_for_output("again in 5 s", SOON);
    let start = Instant::now();
    assert_eq!(scaller.terminate().code(), Some(128 + 15));
    assert!(
        start.elapsed() < Duration::from_secs(3),
        "{:?}",
        start.elapsed()
    );
}

#[test]
fn no_sekaid_is_said_with_where_to_put_it() {
    let home = Home::new();
    let text = home.refused(&["start"]);
    assert!(text.contains("cannot run"), "{text}");
    assert!(text.contains("name it with SCALLER_SEKAID"), "{text}");
}

#[test]
fn what_breaks_between_two_runs_counts_as_a_failure_and_can_be_mended() {
    let home = Home::new();
    home.fake(&ready("exit 3"));
    let whole = home.read("config/config.toml");
    let mut scaller = spawn(&home, &["start", "--restart", "3"]);
    until("it runs", SOON, || (!runs(&home).is_empty()).then_some(()));
    home.write("config/config.toml", "broken =\n");
    scaller.wait_for_output("error: sekaid was not started: ", SOON);
    home.write("config/config.toml", &whole);
    assert_eq!(scaller.wait_for_exit(SOON).code(), Some(3));
    let log = scaller.output();
    assert!(log.contains("TOML parse error"), "{log}");
}
