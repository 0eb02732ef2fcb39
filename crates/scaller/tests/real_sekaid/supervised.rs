//! sekaid as a child: of a container's main process, and of a scaller that is killed.

use interop::until;
use rustix::process::{Pid, Signal, kill_process};

use crate::node::{Node, SOON, is_end_by_sigterm};

#[test]
fn start_hands_over_to_the_main_process_which_ends_with_sekaid() {
    let node = Node::empty();
    let mut main = node.spawn(&["wait"]);
    main.wait_for_output("waiting for commands", SOON);
    let text = node.refused(&["start"]);
    assert!(text.contains("holds no node yet"), "{text}");
    for words in [
        &["init"][..],
        &["keys-add", "--no-backup"],
        &["add-genesis-account"],
        &["gentx-claim"],
    ] {
        node.ok(words);
    }
    node.configure();

    let text = node.ok(&["start"]);
    assert!(
        text.contains("started by the container's main process"),
        "{text}"
    );
    let reached = node.wait_for_blocks(&mut main, 4);
    assert!(
        main.output().contains("committed state"),
        "sekaid's output is elsewhere"
    );
    let text = node.ok(&["start"]);
    assert!(text.contains("sekaid runs already"), "{text}");
    let text = node.refused(&["remote-signer", "enable"]);
    assert!(text.contains("is in use by sekaid"), "{text}");

    node.ok(&["stop"]);
    assert!(node.rpc.height().is_none(), "sekaid still answers");
    assert!(main.is_running(), "the container ended");
    let text = node.ok(&["stop"]);
    assert!(text.contains("was not running"), "{text}");

    node.ok(&["start", "--restart", "always"]);
    node.wait_for_blocks(&mut main, reached + 2);
    let status = main.terminate();
    assert!(is_end_by_sigterm(status), "{status}");

    // The container is started again, and so is sekaid.
    let mut main = node.spawn(&["wait"]);
    node.wait_for_blocks(&mut main, reached + 4);
    assert!(
        main.output().contains("(restarts: always)"),
        "{}",
        main.output()
    );
    main.terminate();
    assert!(node.rpc.height().is_none(), "sekaid still answers");
}

#[test]
fn a_sekaid_whose_scaller_was_killed_still_has_its_home() {
    let node = Node::genesis();
    let mut scaller = node.start();
    node.wait_for_blocks(&mut scaller, 2);
    scaller.kill();
    assert!(node.rpc.height().is_some(), "sekaid went with it");
    for words in [&["start"][..], &["remote-signer", "enable"]] {
        let text = node.refused(words);
        assert!(text.contains("is in use by sekaid (process "), "{text}");
    }
    let text = node.refused(&["start"]);
    let (_, rest) = text.split_once("(process ").unwrap();
    let pid: i32 = rest.split_once(')').unwrap().0.parse().unwrap();
    kill_process(Pid::from_raw(pid).unwrap(), Signal::TERM).unwrap();
    until("sekaid ends", SOON, || {
        node.rpc.height().is_none().then_some(())
    });
    let mut scaller = until("its home is free", SOON, || {
        let mut scaller = node.start();
        let in_use = until("it starts or refuses", SOON, || {
            let output = scaller.output();
            let starts = output.contains("starting node");
            (starts || !scaller.is_running()).then_some(!starts)
        });
        (!in_use).then_some(scaller)
    });
    let reached = node.wait_for_blocks(&mut scaller, 2);
    scaller.terminate();
    println!("sekaid outlived its scaller and was found, then up to block {reached}");
}
