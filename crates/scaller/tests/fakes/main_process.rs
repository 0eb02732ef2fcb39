//! As the main process of a container: alone in a process namespace.

use std::fs;
use std::time::Duration;

use interop::{Process, until};

use crate::home::{Home, said};

const SOON: Duration = Duration::from_secs(20);

/// A namespace of processes in which the command is number 1. Whoever is not root needs one of
/// users around it.
fn container() -> Vec<&'static str> {
    let mut words = vec!["unshare", "--pid", "--fork", "--kill-child", "--mount-proc"];
    if !rustix::process::geteuid().is_root() {
        words.extend(["--user", "--map-root-user"]);
    }
    words
}

#[test]
fn children_of_others_are_reaped() {
    let home = Home::new();
    // Leaves a child behind, which ends, and then looks for the dead.
    home.fake(
        "echo main process: $PPID\n(sleep 0.1 &)\nsleep 0.7\n\
         for f in /proc/[0-9]*/stat; do read -r line < $f && case \"$line\" in *') Z '*) \
         echo dead: $line;; esac; done\nexit 4",
    );
    let output = home.wrapped(&container(), &["start"]).output().unwrap();
    let text = said(&output);
    assert_eq!(output.status.code(), Some(4), "{text}");
    assert!(text.contains("main process: 1"), "{text}");
    assert!(!text.contains("dead:"), "{text}");
}

#[test]
fn a_signal_to_the_main_process_reaches_sekaid() {
    let home = Home::new();
    // The kernel gives process 1 only signals that it handles.
    home.fake("trap 'echo got it; exit 5' TERM; kill -TERM 1; while :; do sleep 0.05; done");
    let command = ["start", "--restart", "always"];
    let output = home.wrapped(&container(), &command).output().unwrap();
    let text = said(&output);
    assert_eq!(output.status.code(), Some(5), "{text}");
    assert_eq!(text.matches("got it").count(), 1, "{text}");
}

#[test]
fn a_mnemonic_is_not_shown_to_a_containers_log() {
    let home = Home::new();
    home.fake("echo ran; exit 0");
    let output = home.wrapped(&container(), &["keys-add"]).output().unwrap();
    let text = said(&output);
    assert!(!output.status.success(), "{text}");
    assert!(
        text.contains("standard output is the container's log"),
        "{text}"
    );
    assert!(!text.contains("ran\n"), "{text}");
}

#[test]
fn the_container_ends_with_the_sekaid_that_it_runs() {
    let home = Home::new();
    home.fake("while [ ! -e \"$0.end\" ]; do sleep 0.05; done; exit 6");
    let log = home.dir.path().join("main.log");
    let mut main = Process::start("wait", &mut home.command(&["wait"]), &log);
    main.wait_for_output("waiting for commands", SOON);
    let text = home.refused(&["wait"]);
    assert!(text.contains("another `scaller wait` runs"), "{text}");
    let text = home.ok(&["start"]);
    assert!(text.contains("`docker logs`"), "{text}");
    fs::write(home.dir.path().join("sekaid.end"), "").unwrap();
    assert_eq!(main.wait_for_exit(SOON).code(), Some(6));
    // With a restart policy the container comes back, and so does sekaid.
    assert!(home.path(".scaller/start.json").exists());
}

#[test]
fn what_keeps_sekaid_from_starting_is_in_the_log_and_the_container_stays() {
    let home = Home::new();
    home.fake("exit 0");
    let log = home.dir.path().join("main.log");
    let mut main = Process::start("wait", &mut home.command(&["wait"]), &log);
    main.wait_for_output("waiting for commands", SOON);
    home.write("config/config.toml", "broken =\n");
    let text = home.refused(&["start"]);
    assert!(
        text.contains("the container's log (`docker logs`) says why"),
        "{text}"
    );
    main.wait_for_output("config.toml: TOML parse error", SOON);
    // Nor does an order that cannot be read end it.
    home.write(".scaller/start.json", "{");
    main.wait_for_output("start.json is damaged", SOON);
    until("the main process stays", SOON, || {
        main.is_running().then_some(())
    });
    assert_eq!(main.terminate().code(), Some(0));
}
