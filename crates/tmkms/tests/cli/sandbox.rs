//! `tmkms start` in its sandbox: it goes on signing, and what could not be restricted is told.
//!
//! What a machine does not have (landlock, root) is named in the output, and is a failure
//! where `CI` is set.

use std::collections::BTreeSet;
use std::fs;
use std::process::Command;

use testnode::Listener;
use tmkms::sandbox::{Needs, Threads};

use crate::home::Home;
use crate::signer::{CHAIN, PATIENCE, Signer, node, sign};

/// Tells why a test is left out; true when it has to be.
pub(crate) fn left_out(why: Option<String>) -> bool {
    let Some(why) = why else {
        return false;
    };
    assert!(std::env::var_os("CI").is_none(), "{why}");
    println!("skipped: {why}");
    true
}

/// What this kernel does not have of the sandbox.
pub(crate) fn no_sandbox() -> Option<String> {
    let probe = || tmkms::sandbox::apply(&Needs::default(), Threads::Own);
    let report = std::thread::spawn(probe).join().unwrap();
    let lost = report.lost().join("; ");
    (!lost.is_empty()).then(|| format!("the sandbox is not whole here: {lost}"))
}

/// A connection, three signatures at a height, and its end.
pub(crate) fn serve(node: &Listener, height: i64) {
    drop(served(node, height));
}

/// A connection after three signatures at a height.
pub(crate) fn served(node: &Listener, height: i64) -> testnode::Signer {
    let mut connection = node.accept(PATIENCE).unwrap();
    let key = connection.public_key(CHAIN).unwrap();
    sign(&mut connection, &key, height);
    connection
}

/// Name the node by its name.
pub(crate) fn by_name(home: &Home) {
    home.must("sed -i 's/127.0.0.1/localhost/' kms/tmkms.toml");
}

/// A field of each thread's `/proc/PID/task/*/status`.
pub(crate) fn of_threads(pid: u32, field: &str) -> Vec<String> {
    let tasks = fs::read_dir(format!("/proc/{pid}/task")).unwrap();
    tasks
        .map(|task| {
            let status = fs::read_to_string(task.unwrap().path().join("status")).unwrap();
            let line = status.lines().find(|line| line.starts_with(field)).unwrap();
            line.split_once(':').unwrap().1.trim().to_owned()
        })
        .collect()
}

#[test]
fn every_thread_is_in_the_sandbox_while_it_signs() {
    if left_out(no_sandbox()) {
        return;
    }
    let home = Home::new();
    let node = node(&home);
    let port = node.tcp_addr().unwrap().port();
    let mut signer = Signer::start(&home, &["--no-reload"]);
    let mut connection = node.accept(PATIENCE).unwrap();
    let key = connection.public_key(CHAIN).unwrap();
    sign(&mut connection, &key, 1);
    signer.wait_for("h/r/s 1/0/2");
    let modes = of_threads(signer.pid(), "Seccomp:");
    assert!(modes.len() >= 3, "{modes:?}");
    assert!(modes.iter().all(|mode| mode == "2"), "{modes:?}");
    let privileges = of_threads(signer.pid(), "NoNewPrivs:");
    assert!(privileges.iter().all(|it| it == "1"), "{privileges:?}");
    let done = signer.stop();
    assert_eq!((done.code, done.stderr.as_str()), (0, ""));
    let line = format!(
        " INFO tmkms::sandbox: sandbox: files (reads /dev/random /dev/urandom \
         /sys/devices/system/cpu), TCP (dials ports \
         {port}), system calls are restricted\n"
    );
    assert!(done.stdout.contains(&line), "{}", done.stdout);
    assert!(
        !done.stdout.contains("WARN tmkms::sandbox"),
        "{}",
        done.stdout
    );
}

#[test]
fn names_are_resolved_and_lost_connections_made_again() {
    let home = Home::new();
    let node = node(&home);
    by_name(&home);
    let mut signer = Signer::start(&home, &["-v"]);
    for height in 1..=3 {
        serve(&node, height);
        signer.wait_for(&format!("h/r/s {height}/0/2"));
    }
    assert_eq!(signer.stop().code, 0);
}

/// As editors and DHCP clients do: a rule for the file would not hold for its successor.
#[test]
fn name_that_comes_with_a_new_file_in_etc_is_found() {
    let home = Home::new();
    let is_root = rustix::process::geteuid().is_root();
    if left_out((!is_root).then(|| "only root makes an /etc of its own".to_owned())) {
        return;
    }
    let node = node(&home);
    home.must(
        "sed -i 's/127.0.0.1/node.test/' kms/tmkms.toml
         mkdir etc
         echo 'hosts: files' > etc/nsswitch.conf
         echo '127.0.0.1 localhost' > etc/hosts",
    );
    let mut command = Command::new("unshare");
    let script = "mount --bind etc /etc && exec tmkms start -c kms/tmkms.toml";
    home.prepare(command.args(["--mount", "sh", "-c", script]))
        .stdout(fs::File::create(home.path("signer.out")).unwrap())
        .stderr(fs::File::create(home.path("signer.err")).unwrap());
    let mut signer = Signer::spawn(&home, &mut command);
    signer.wait_for("the host name cannot be resolved");
    home.must("echo '127.0.0.1 node.test' > etc/new && mv etc/new etc/hosts");
    serve(&node, 1);
    signer.wait_for("h/r/s 1/0/2");
    assert_eq!(signer.stop().code, 0);
}

#[test]
fn unix_sockets_are_dialled_again_and_again() {
    let home = Home::new();
    node(&home);
    for socket in [None, Some("@tmkms-sandbox-test")] {
        let id = std::process::id();
        let name = socket.map(|name| format!("{name}-{id}"));
        let path = home.path("node.sock");
        let address = name.clone().unwrap_or_else(|| path.display().to_string());
        home.must(&format!(
            "sed -i -e 's|^addr = .*|addr = \"unix://{address}\"|' -e '/^secret_key/d' \
             -e 's|reconnect = .*|reconnect = true|' kms/tmkms.toml; rm -rf kms/state/* .run/*"
        ));
        let node = match &name {
            Some(name) => Listener::unix_abstract(&name[1..]).unwrap(),
            None => Listener::unix(&path).unwrap(),
        };
        let mut signer = Signer::start(&home, &[]);
        for height in 1..=2 {
            serve(&node, height);
            signer.wait_for(&format!("h/r/s {height}/0/2"));
        }
        let done = signer.stop();
        assert_eq!((done.code, done.stderr.as_str()), (0, ""));
    }
}

#[test]
fn without_the_sandbox_the_log_says_what_is_lost() {
    let home = Home::new();
    let node = node(&home);
    let mut signer = Signer::start(&home, &["--no-sandbox"]);
    serve(&node, 1);
    signer.wait_for("h/r/s 1/0/2");
    let modes = of_threads(signer.pid(), "Seccomp:");
    // A container's own filter stays.
    let outside = fs::read_to_string("/proc/self/status").unwrap();
    let expected = format!("Seccomp:\t{}\n", modes[0]);
    assert!(outside.contains(&expected), "{modes:?}");
    let done = signer.stop();
    assert_eq!(done.code, 0);
    let line = " WARN tmkms::sandbox: sandbox: off (--no-sandbox): whoever gets control of this \
                process could read and write the files of its user, run programs and connect to \
                anywhere\n";
    assert!(done.stdout.contains(line), "{}", done.stdout);
}

/// Landlock holds a thread and what it starts, not its elder siblings.
#[test]
fn threads_that_a_hook_left_behind_are_told() {
    if left_out(no_sandbox()) {
        return;
    }
    let home = Home::new();
    let node = node(&home);
    home.must(
        "printf '#!/bin/sh\n%s\n' 'setsid sleep 4 2> /dev/null &' > leaves.sh
         printf '#!/bin/sh\necho %s\n' \''{\"latest_block_height\": 2}'\' > ends.sh
         chmod +x *.sh
         mv kms/tmkms.toml config.toml",
    );
    for (hook, is_told) in [("leaves", true), ("ends", false)] {
        home.must(&format!(
            "sed 's|^state_file.*|&\\nstate_hook = {{ cmd = [\"../{hook}.sh\"], timeout_secs = 1 \
             }}|' config.toml > kms/tmkms.toml"
        ));
        let mut signer = Signer::start(&home, &[]);
        node.accept(PATIENCE).unwrap().public_key(CHAIN).unwrap();
        signer.wait_for("connected to validator");
        let done = signer.stop();
        assert_eq!(done.code, 0);
        let line = " WARN tmkms::sandbox: sandbox: 1 thread(s) were running before, such as those \
                    that wait for the output of a state_hook: landlock does not hold them\n";
        assert_eq!(
            done.stdout.contains(line),
            is_told,
            "{hook}: {}",
            done.stdout
        );
        assert!(done.stdout.contains("state_hook"), "{}", done.stdout);
    }
}

#[test]
fn it_listens_on_no_port() {
    let home = Home::new();
    let node = node(&home);
    let mut signer = Signer::start(&home, &[]);
    let mut connection = node.accept(PATIENCE).unwrap();
    let key = connection.public_key(CHAIN).unwrap();
    sign(&mut connection, &key, 1);
    signer.wait_for("h/r/s 1/0/2");
    let pid = signer.pid();
    let files = home.sh(&format!("ls -l /proc/{pid}/fd"));
    let why = (files.code != 0).then(|| format!("/proc/PID/fd: {}", files.stderr));
    if left_out(why) {
        return;
    }
    let sockets: BTreeSet<&str> = files
        .stdout
        .lines()
        .filter_map(|line| line.split_once("socket:[")?.1.strip_suffix(']'))
        .collect();
    let mut seen = 0;
    for table in ["tcp", "tcp6", "udp", "udp6"] {
        let table = fs::read_to_string(format!("/proc/{pid}/net/{table}")).unwrap_or_default();
        for line in table.lines().skip(1) {
            let cells: Vec<&str> = line.split_whitespace().collect();
            if sockets.contains(cells[9]) {
                seen += 1;
                // 01 is an established connection; 0A would listen, 07 is an open UDP port.
                assert_eq!(cells[3], "01", "{line}");
            }
        }
    }
    assert_eq!(seen, 1, "{sockets:?}");
    assert_eq!(signer.stop().code, 0);
}

#[test]
fn it_runs_as_a_user_without_rights_on_a_read_only_root() {
    let home = Home::new();
    let node = node(&home);
    let is_root = rustix::process::geteuid().is_root();
    let why = (!is_root).then(|| "only root mounts the root read-only".to_owned());
    if left_out(why) {
        return;
    }
    let Some(unprivileged) = home.unprivileged() else {
        return;
    };
    let script = format!(
        "set -e
         chown -R 65534:65534 kms
         mount --bind kms/state kms/state
         for mount in $(awk '{{ print $2 }}' /proc/self/mounts); do
             case $mount in
                 */kms/state|/proc|/proc/*|/sys|/sys/*|/dev|/dev/*) ;;
                 *) mount -o remount,bind,ro $mount ;;
             esac
         done
         cd .
         if touch here 2> /dev/null || touch kms/here 2> /dev/null; then exit 3; fi
         exec {unprivileged}tmkms start -c kms/tmkms.toml"
    );
    let mut command = Command::new("unshare");
    home.prepare(command.args(["--mount", "sh", "-c", &script]))
        .stdout(fs::File::create(home.path("signer.out")).unwrap())
        .stderr(fs::File::create(home.path("signer.err")).unwrap());
    let mut signer = Signer::spawn(&home, &mut command);
    serve(&node, 1);
    signer.wait_for("h/r/s 1/0/2");
    assert_eq!(
        of_threads(signer.pid(), "Uid:")[0]
            .split_whitespace()
            .next(),
        Some("65534")
    );
    let status = home.tmkms(&["status", "--json", "-c", "kms/tmkms.toml"]);
    assert_eq!(
        (status.code, status.stderr.as_str()),
        (3, ""),
        "{}",
        status.stdout
    );
    let done = signer.stop();
    assert_eq!((done.code, done.stderr.as_str()), (0, ""));
}

/// `waits TEXT FILE` waits for a text for 10 s at most.
const IN_A_TUNNEL: &str = "\
waits() { n=0; until grep -q \"$1\" signer.out; do n=$((n+1)); [ $n -lt 1000 ]; sleep 0.01; done; }
mount -t sysfs sysfs /sys; ip link set lo up
ip tuntap add tun7 mode tun; ip link set tun7 up; ip address add 10.99.0.1/24 dev tun7
";

/// What tells a tunnel from another interface is within reach of a reload.
#[test]
fn metrics_that_move_into_a_tunnel_are_not_warned_of() {
    let home = Home::new();
    let inside = |script: &str| {
        home.sh(&format!(
            "unshare --map-root-user --net --mount --pid --fork --mount-proc sh -ec '{script}'"
        ))
    };
    let probe = inside(IN_A_TUNNEL);
    let no_tunnel = (probe.code != 0).then(|| format!("no tunnel here: {}", probe.stderr.trim()));
    if left_out(no_sandbox().or(no_tunnel)) {
        return;
    }
    let _node = node(&home);
    home.must("printf \"[metrics]\\nlisten = \\\"127.0.0.1:0\\\"\\n\" >> kms/tmkms.toml");
    let done = inside(&format!(
        "{IN_A_TUNNEL}
         tmkms start -c kms/tmkms.toml > signer.out & pid=$!
         waits http://127.0.0.1:
         sed -i s/127.0.0.1:0/10.99.0.1:0/ kms/tmkms.toml; kill -HUP $pid
         waits \"metrics on 10.99.0.1:\"
         if grep \"can read the metrics\" signer.out; then exit 9; fi
         sed -i s/10.99.0.1:0/0.0.0.0:0/ kms/tmkms.toml; kill -HUP $pid
         waits \"can read the metrics\"; kill $pid"
    ));
    assert_eq!(done.code, 0, "{done:?}\n{}", home.read("signer.out"));
}
