//! `tmkms start` in its sandbox under strace: which calls it makes there, and what it says on
//! kernels that strace makes up.
//!
//! What a machine does not have (landlock, strace, root) is named in the output, and is a failure
//! where `CI` is set.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::process::Command;

use privval::{ChainId, Height, Timestamp};
use testnode::Listener;
use tmkms::sandbox::calls;

use crate::home::{Home, TMKMS};
use crate::sandbox::{by_name, left_out, no_sandbox, of_threads, serve, served};
use crate::signer::{CHAIN, PATIENCE, Signer, node, sign};

/// What keeps strace from tracing here.
pub(crate) fn no_strace(home: &Home) -> Option<String> {
    let done = home.sh("strace -f -D -qq -o /dev/null true");
    (done.code != 0).then(|| format!("strace cannot trace here: {}", done.stderr.trim()))
}

/// Lets the signer be traced from its first call on; it stays a direct child.
fn traced<'a>(home: &'a Home, options: &[&str], more: &[&str]) -> Signer<'a> {
    let mut command = Command::new("strace");
    command
        .args(["-f", "-D", "-qq"])
        .args(options)
        .args([TMKMS, "start", "-c", "kms/tmkms.toml"])
        .args(more);
    home.prepare(&mut command)
        .stdout(fs::File::create(home.path("signer.out")).unwrap())
        .stderr(fs::File::create(home.path("signer.err")).unwrap());
    Signer::spawn(home, &mut command)
}

/// The kernels of others, made up by strace.
#[test]
fn what_the_kernel_does_not_have_is_told_and_signing_goes_on() {
    let home = Home::new();
    if left_out(no_strace(&home)) {
        return;
    }
    let node = node(&home);
    let kernels = [
        (
            "inject=landlock_create_ruleset:error=ENOSYS",
            "the kernel has no landlock (Linux has it since 5.13), or a container's profile \
             forbids it: files and TCP ports are not restricted",
        ),
        (
            "inject=landlock_create_ruleset:error=EOPNOTSUPP",
            "landlock is switched off (add it to the `lsm=` of the kernel's command line): files \
             and TCP ports are not restricted",
        ),
        (
            "inject=landlock_create_ruleset:retval=3:when=1",
            "the kernel's landlock knows no ports (since Linux 6.7) and no abstract sockets (since \
             6.12): neither is restricted",
        ),
        (
            "inject=landlock_restrict_self:error=E2BIG",
            "landlock failed (failed to restrict the calling thread: Argument list too long (os \
             error 7)): files and TCP ports are not restricted",
        ),
        (
            "inject=seccomp:error=EINVAL",
            "system calls are not restricted: the kernel takes no seccomp filter (Error calling \
             `seccomp`: Invalid argument (os error 22))",
        ),
    ];
    for (height, (kernel, text)) in (1..).zip(kernels) {
        let mut signer = traced(&home, &["-o", "trace", "-e", kernel], &[]);
        // Held until the signer has ended: it would dial again and leave a dead connection behind.
        let _connection = served(&node, height);
        signer.wait_for(&format!("h/r/s {height}/0/2"));
        let done = signer.stop();
        assert_eq!(done.code, 0, "{kernel}");
        let line = format!(" WARN tmkms::sandbox: sandbox: {text}\n");
        assert!(done.stdout.contains(&line), "{kernel}: {}", done.stdout);
    }
}

/// The calls of a trace after the last filter is on, by name, with the lines they were made in.
fn calls_in_the_sandbox(trace: &str) -> BTreeMap<String, String> {
    let (_, inside) = trace.rsplit_once("seccomp(").expect("a filter");
    let mut found = BTreeMap::new();
    for line in inside.lines().skip(1) {
        let call = line.trim_start_matches(|c: char| c.is_ascii_digit() || c == ' ');
        let Some((name, _)) = call.split_once('(') else {
            continue;
        };
        if name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_') {
            found
                .entry(name.to_owned())
                .or_insert_with(|| line.to_owned());
        }
    }
    found
}

/// Asks over HTTP; there must be an answer.
fn asked(at: std::net::SocketAddr, path: &str) {
    use std::io::{Read as _, Write as _};
    let mut stream = std::net::TcpStream::connect(at).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    write!(stream, "GET {path} HTTP/1.1\r\n\r\n").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 "), "{path}: {answer}");
}

#[test]
fn a_whole_life_makes_allowed_calls_only() {
    let home = Home::new();
    if left_out(no_strace(&home).or_else(no_sandbox)) {
        return;
    }
    let node = node(&home);
    by_name(&home);
    home.must("printf '[metrics]\nlisten = \"127.0.0.1:0\"\n' >> kms/tmkms.toml");
    let mut signer = traced(&home, &["-o", "trace"], &["-v"]);
    signer.wait_for("a page to look at: http://");
    let log = home.read("signer.out");
    let (_, rest) = log.split_once("a page to look at: http://").unwrap();
    let at: std::net::SocketAddr = rest.split('/').next().unwrap().parse().unwrap();
    for height in 1..=2 {
        serve(&node, height);
        signer.wait_for(&format!("h/r/s {height}/0/2"));
    }
    drop(node);
    signer.wait_for("connection refused");
    assert_eq!(home.tmkms(&["status", "-c", "kms/tmkms.toml"]).code, 3);
    for path in ["/", "/metrics", "/healthz", "/readyz", "/nowhere"] {
        asked(at, path);
    }
    assert_eq!(signer.stop().code, 0);
    let made = allowed_calls(&home.read("trace"));
    for name in [
        "connect",
        "sendto",
        "pwrite64",
        "fdatasync",
        "statx",
        "clone",
        "accept4",
        "getdents64",
        "statfs",
        "shutdown",
    ] {
        assert!(made.contains_key(name), "{name} is not in {made:#?}");
    }
}

/// A chain with a new key and a new state, metrics at another address, and a full file of the audit
/// log.
#[test]
fn a_reload_and_a_rotation_make_allowed_calls_only() {
    let home = Home::new();
    if left_out(no_strace(&home).or_else(no_sandbox)) {
        return;
    }
    let node = node(&home);
    home.must(
        "tmkms softsign keygen kms/secrets/other.key
         printf '\n[audit]\nfile = \"audit/audit.log\"\nrotate_mib = 1\n' >> kms/tmkms.toml
         printf '[metrics]\nlisten = \"127.0.0.1:0\"\n' >> kms/tmkms.toml
         sed s/127.0.0.1:0/127.0.0.2:0/ kms/tmkms.toml > later
         printf '\n[[chain]]\nid = \"other-1\"\nkey_format = { type = \"hex\" }\nstate_file = \
         \"state/other-1.json\"\n[[providers.softsign]]\nchain_ids = [\"other-1\"]\npath = \
         \"secrets/other.key\"\n[[validator]]\nchain_id = \"other-1\"\naddr = \
         \"unix://other.sock\"\n' >> later",
    );
    let other = Listener::unix(&home.path("kms/other.sock")).unwrap();
    let mut signer = traced(&home, &["-o", "trace"], &[]);
    let _connection = served(&node, 1);
    let pid = signer.pid();
    home.must(&format!("cp later kms/tmkms.toml && kill -HUP {pid}"));
    signer.wait_for("metrics on 127.0.0.2:");
    let mut added = other.accept(PATIENCE).unwrap();
    let key = added.public_key("other-1").unwrap();
    let vote = testnode::prevote(
        &ChainId::new("other-1").unwrap(),
        Height::FIRST,
        Timestamp::GO_ZERO,
    );
    for _ in 0..2_600 {
        added.sign(&key, &vote, &[]).unwrap();
    }
    assert_eq!(signer.stop().code, 0);
    assert!(home.path("kms/audit/audit.log.000001").exists());
    let made = allowed_calls(&home.read("trace"));
    let renames = ["rename", "renameat", "renameat2"];
    assert!(renames.iter().any(|it| made.contains_key(*it)), "{made:#?}");
    assert!(made.contains_key("listen"), "{made:#?}");
}

/// The calls of a trace in the sandbox, all of which are allowed ones that nothing refused.
fn allowed_calls(trace: &str) -> BTreeMap<String, String> {
    let made = calls_in_the_sandbox(trace);
    // The last ones for the status socket and a reload.
    let lists = [
        calls::ALLOWED,
        calls::ALLOWED_HERE,
        calls::WITH_ARGUMENTS,
        calls::ACCEPTING,
        calls::LISTENING,
        calls::WRITING,
        calls::WRITING_HERE,
        calls::REMOVING,
        calls::REMOVING_HERE,
    ];
    let allowed: BTreeSet<&str> = lists.into_iter().flatten().map(calls::shown).collect();
    let others: Vec<&String> = made
        .iter()
        // clone3 is refused on purpose, and clone made instead.
        .filter(|(name, _)| !allowed.contains(name.as_str()) && *name != "clone3")
        .map(|(_, line)| line)
        .collect();
    assert!(others.is_empty(), "{others:#?}");
    let (_, inside) = trace.rsplit_once("seccomp(").unwrap();
    let trim = inside.contains("/proc/sys/vm/overcommit_memory");
    let refused: Vec<&str> = inside
        .lines()
        // The second half of a call that another thread came into: which one is unknown.
        .filter(|line| !(trim && line.contains("<... openat resumed>")))
        .filter(|line| {
            [" ENOSYS ", " EPERM ", " EACCES "]
                .iter()
                .any(|e| line.contains(e))
        })
        .filter(|line| !line.contains("clone3"))
        // glibc asks before it gives memory back, and does without the answer.
        .filter(|line| !line.contains("/proc/sys/vm/overcommit_memory"))
        .collect();
    assert!(refused.is_empty(), "{refused:#?}");
    made
}

/// What troubleshooting.md tells to do.
#[test]
fn root_can_still_trace_it() {
    let home = Home::new();
    let is_root = rustix::process::geteuid().is_root();
    let why =
        (!is_root).then(|| "only root traces a process that is closed to debuggers".to_owned());
    if left_out(why.or_else(|| no_strace(&home))) {
        return;
    }
    let node = node(&home);
    let mut signer = Signer::start(&home, &[]);
    let mut connection = node.accept(PATIENCE).unwrap();
    let key = connection.public_key(CHAIN).unwrap();
    let pid = signer.pid();
    let mut strace = Command::new("strace");
    let mut strace = home
        .prepare(strace.args(["-f", "-qq", "-o", "trace", "-p", &pid.to_string()]))
        .spawn()
        .unwrap();
    let deadline = std::time::Instant::now() + PATIENCE;
    let is_free = || of_threads(pid, "TracerPid:").contains(&"0".to_owned());
    while is_free() && std::time::Instant::now() < deadline {
        std::thread::sleep(std::time::Duration::from_millis(5));
    }
    sign(&mut connection, &key, 1);
    signer.wait_for("h/r/s 1/0/2");
    assert_eq!(signer.stop().code, 0);
    assert!(strace.wait().unwrap().success());
    let trace = home.read("trace");
    assert!(
        trace.contains("pwrite64(") && trace.contains("sendto("),
        "{trace}"
    );
}
