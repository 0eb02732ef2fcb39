//! What is refused inside the sandbox: this program puts itself into it, as `start` does, and
//! tries. Each attempt is made outside first, where it must work, so that it is the sandbox that
//! refuses.
//!
//! It has no test harness, because each attempt needs a process of its own, some of which die.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::indexing_slicing
)]

use std::fs::{self, File};
use std::io::{self, Read as _};
use std::net::{Ipv4Addr, TcpListener, TcpStream, ToSocketAddrs as _};
use std::os::linux::net::SocketAddrExt as _;
use std::os::unix::net::{SocketAddr as UnixAddr, UnixListener, UnixStream};
use std::os::unix::process::{CommandExt as _, ExitStatusExt as _};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};
use std::sync::mpsc;

use rustix::net::{AddressFamily, SocketType, netlink};
use rustix::process as system;
use tmkms::sandbox::{self, Needs, Threads};

/// What an attempt comes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    Done,
    /// landlock's answer for files and ports.
    Denied,
    /// landlock's answer for other processes.
    NotPermitted,
    /// The filter's answer.
    NoSuchCall,
    /// The filter's end of the process.
    Killed,
    Aborted,
    Other(i32),
}

impl End {
    fn of_code(code: i32) -> Self {
        match code {
            0 => Self::Done,
            libc::EACCES => Self::Denied,
            libc::EPERM => Self::NotPermitted,
            libc::ENOSYS => Self::NoSuchCall,
            other => Self::Other(other),
        }
    }
}

/// Where the attempts go to: made by the parent, in the child's arguments.
struct Place {
    directory: PathBuf,
    /// The port that the sandbox lets dial.
    ours: u16,
    other: u16,
}

impl Place {
    fn parse(arguments: &[String]) -> Self {
        let [directory, ours, other] = arguments else {
            panic!("{arguments:?}");
        };
        Self {
            directory: directory.into(),
            ours: ours.parse().unwrap(),
            other: other.parse().unwrap(),
        }
    }

    fn file(&self) -> PathBuf {
        self.directory.join("file")
    }

    /// Where the one attempt may write that says so.
    fn own_directory(&self) -> PathBuf {
        self.directory.join("own")
    }

    fn abstract_name(&self) -> UnixAddr {
        UnixAddr::from_abstract_name(self.directory.as_os_str().as_encoded_bytes()).unwrap()
    }
}

type Attempt = fn(&Place) -> io::Result<()>;

/// Name, how it ends outside and inside, and what it is.
const ATTEMPTS: &[(&str, End, End, Attempt)] = &[
    // What signing needs.
    ("dial the node", End::Done, End::Done, |p| dial(p.ours)),
    ("resolve a name", End::Done, End::Done, resolve),
    ("start a thread", End::Done, End::Done, |_| {
        thread(|| Ok(()))
    }),
    ("look at a file", End::Done, End::Done, |p| {
        fs::metadata(p.file()).map(drop)
    }),
    ("read how names are resolved", End::Done, End::Done, |_| {
        read("/etc/hosts")
    }),
    ("read random bytes", End::Done, End::Done, |_| {
        File::open("/dev/urandom")?.read_exact(&mut [0; 32])
    }),
    (OWN_DIRECTORY, End::Done, End::Done, |p| {
        write_and_rename(&p.own_directory())
    }),
    (OWN_FILE, End::Done, End::Done, |p| {
        fs::remove_file(p.own_directory().join("socket"))
    }),
    ("abort", End::Aborted, End::Aborted, |_| {
        std::process::abort()
    }),
    // What it does not.
    ("read a file of the user", End::Done, End::Denied, |p| {
        read(p.file())
    }),
    ("read the environment again", End::Done, End::Denied, |_| {
        read("/proc/self/environ")
    }),
    ("list a directory", End::Done, End::Denied, |_| {
        fs::read_dir("/").map(drop)
    }),
    ("make a file", End::Done, End::Denied, |p| {
        File::create(p.directory.join("new")).map(drop)
    }),
    ("overwrite a file", End::Done, End::Denied, |p| {
        fs::write(p.file(), "new")
    }),
    ("remove a file", End::Done, End::NoSuchCall, |p| {
        fs::remove_file(p.file())
    }),
    (FOREIGN_FILE, End::Done, End::Denied, |p| {
        fs::remove_file(p.file())
    }),
    (MOVED_FILE, End::Done, End::NoSuchCall, |p| {
        fs::rename(p.file(), p.own_directory().join("file"))
    }),
    ("start a program", End::Done, End::NoSuchCall, |_| {
        program().status().map(drop)
    }),
    ("become a program", End::Done, End::Killed, |_| {
        Err(program().exec())
    }),
    ("listen on a port", End::Done, End::Denied, |_| {
        TcpListener::bind(("127.0.0.1", 0)).map(drop)
    }),
    (LATE_PORT, End::Done, End::Done, |_| {
        TcpListener::bind(("127.0.0.1", 0)).map(drop)
    }),
    ("read what an interface is", End::Done, End::Denied, |_| {
        read(INTERFACE)
    }),
    (LATE_INTERFACE, End::Done, End::Done, |_| read(INTERFACE)),
    ("listen without a port", End::Done, End::NoSuchCall, listen),
    ("dial another port", End::Done, End::Denied, |p| {
        dial(p.other)
    }),
    (
        "dial a foreign abstract socket",
        End::Done,
        End::NotPermitted,
        |p| UnixStream::connect_addr(&p.abstract_name()).map(drop),
    ),
    (
        "open another kind of socket",
        End::Done,
        End::NoSuchCall,
        uevents,
    ),
    ("signal another process", End::Done, End::NoSuchCall, |_| {
        signal_parent()
    }),
    (
        "take a file out of a process",
        End::Done,
        End::Killed,
        take_file,
    ),
    ("let debuggers in again", End::Done, End::NoSuchCall, |_| {
        Ok(system::set_dumpable_behavior(
            system::DumpableBehavior::Dumpable,
        )?)
    }),
];

/// The same where the machine or the user may not be able to do it outside either.
const PRIVILEGED: &[(&str, End, Attempt)] = &[
    ("change the root directory", End::Killed, |_| {
        Ok(system::chroot("/")?)
    }),
    (PASSWORDS, End::Denied, |_| read("/etc/shadow")),
    ("signal init", End::NoSuchCall, |_| {
        Ok(system::test_kill_process(system::Pid::INIT)?)
    }),
];

fn read(path: impl AsRef<Path>) -> io::Result<()> {
    fs::read(path).map(drop)
}

fn write_and_rename(directory: &Path) -> io::Result<()> {
    let [new, old] = ["new", "old"].map(|name| directory.join(name));
    fs::write(&new, "new")?;
    fs::rename(&new, &old)?;
    fs::remove_file(&old)
}

fn dial(port: u16) -> io::Result<()> {
    TcpStream::connect((Ipv4Addr::LOCALHOST, port)).map(drop)
}

fn resolve(_: &Place) -> io::Result<()> {
    let mut found = ("localhost", 1).to_socket_addrs()?;
    found.next().map(drop).ok_or(io::ErrorKind::NotFound.into())
}

fn program() -> Command {
    Command::new("/bin/true")
}

fn listen(_: &Place) -> io::Result<()> {
    let socket = rustix::net::socket(AddressFamily::INET, SocketType::STREAM, None)?;
    Ok(rustix::net::listen(&socket, 1)?)
}

fn uevents(_: &Place) -> io::Result<()> {
    let protocol = Some(netlink::KOBJECT_UEVENT);
    Ok(rustix::net::socket(AddressFamily::NETLINK, SocketType::DGRAM, protocol).map(drop)?)
}

fn signal_parent() -> io::Result<()> {
    Ok(system::test_kill_process(system::getppid().unwrap())?)
}

fn take_file(_: &Place) -> io::Result<()> {
    let own = system::pidfd_open(system::getpid(), system::PidfdFlags::empty());
    // In the sandbox there is no such handle; any other file is as good for the attempt.
    let own = own.or_else(|_| File::open("/etc/hosts").map(Into::into))?;
    Ok(system::pidfd_getfd(&own, 0, system::PidfdGetfdFlags::empty()).map(drop)?)
}

fn thread(work: impl FnOnce() -> io::Result<()> + Send + 'static) -> io::Result<()> {
    std::thread::Builder::new().spawn(work)?.join().unwrap()
}

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if arguments.first().is_some_and(|first| first == "attempt") {
        return child(&arguments[1..]);
    }
    parent();
    ExitCode::SUCCESS
}

/// `NAME WHERE DIRECTORY OURS OTHER`; the exit code is the error's number.
fn child(arguments: &[String]) -> ExitCode {
    let [name, side, place @ ..] = arguments else {
        panic!("{arguments:?}");
    };
    let place = Place::parse(place);
    let begin = || {
        if side == "inside" {
            enter(&place, name);
        }
    };
    let result = if name == OLD_THREAD {
        from_an_old_thread(begin, signal_parent)
    } else {
        begin();
        attempt(name)(&place)
    };
    let errno = result.map_or_else(|e| e.raw_os_error().unwrap(), |()| 0);
    ExitCode::from(u8::try_from(errno).unwrap())
}

fn attempt(name: &str) -> Attempt {
    let needed = ATTEMPTS.iter().map(|(name, _, _, attempt)| (name, attempt));
    let privileged = PRIVILEGED.iter().map(|(name, _, attempt)| (name, attempt));
    let mut all = needed.chain(privileged);
    *all.find(|(known, _)| **known == name).unwrap().1
}

/// Starts a thread, then begins, then has the thread try.
fn from_an_old_thread(begin: impl FnOnce(), attempt: fn() -> io::Result<()>) -> io::Result<()> {
    let (begun, beginning) = mpsc::channel::<()>();
    let old = std::thread::spawn(move || {
        beginning.recv().unwrap();
        attempt()
    });
    begin();
    begun.send(()).unwrap();
    old.join().unwrap()
}

/// A thread that was there before is held by the filter all the same.
const OLD_THREAD: &str = "signal another process from a thread that was there before";

/// The attempt that needs more than others.
const OWN_DIRECTORY: &str = "write where it may";

/// The attempts of a process that may remove files in its own directory, and do no more there.
const OWN_FILE: &str = "remove a file where it may";
const FOREIGN_FILE: &str = "remove a file where it may not";
const MOVED_FILE: &str = "move a file to where it may remove it";

/// The attempts of a process that opens ports later, and tells whether a tunnel leads to them.
const LATE_PORT: &str = "listen on a port where it may";
const LATE_INTERFACE: &str = "read what an interface is where it may";
const INTERFACE: &str = "/sys/class/net/lo/uevent";

/// The attempt for which no names are resolved.
const PASSWORDS: &str = "read the passwords";

fn enter(place: &Place, name: &str) {
    let other_threads = usize::from(name == OLD_THREAD);
    let own = (name == OWN_DIRECTORY).then(|| place.own_directory());
    let removes = [OWN_FILE, FOREIGN_FILE, MOVED_FILE].contains(&name);
    let removable = removes.then(|| place.own_directory());
    let needs = Needs {
        connect_ports: [place.ours].into(),
        // Names take all of /etc with them.
        names: name != PASSWORDS,
        write: own.into_iter().collect(),
        remove: removable.into_iter().collect(),
        listen: [LATE_PORT, LATE_INTERFACE].contains(&name),
        ..Needs::default()
    };
    let report = sandbox::apply(&needs, Threads::All);
    assert_eq!(report.lost().len(), other_threads, "{report:?}");
}

fn parent() {
    if let Err(why) = usable() {
        assert!(std::env::var_os("CI").is_none(), "{why}");
        println!("skipped: {why}");
        return;
    }
    let directory = tempfile::tempdir().unwrap();
    let sockets = [(); 2].map(|()| TcpListener::bind("127.0.0.1:0").unwrap());
    let [ours, other] = sockets.each_ref().map(|s| s.local_addr().unwrap().port());
    let place = Place {
        directory: directory.path().to_owned(),
        ours,
        other,
    };
    fs::create_dir(place.own_directory()).unwrap();
    let _socket = UnixListener::bind_addr(&place.abstract_name()).unwrap();
    let mut wrong = Vec::new();
    let mut check = |name: &str, outside: End, inside: End| {
        for (side, expected) in [("outside", outside), ("inside", inside)] {
            fs::write(place.file(), "old").unwrap();
            fs::write(place.own_directory().join("socket"), "").unwrap();
            let found = spawn(name, side, &place);
            println!("{name}, {side}: {found:?}");
            if found != expected {
                wrong.push(format!("{name}, {side}: {found:?} instead of {expected:?}"));
            }
        }
    };
    for (name, outside, inside, _) in ATTEMPTS {
        check(name, *outside, *inside);
    }
    check(OLD_THREAD, End::Done, End::NoSuchCall);
    for (name, inside, _) in PRIVILEGED {
        match spawn(name, "outside", &place) {
            End::Done => check(name, End::Done, *inside),
            other => println!("skipped: this user may not {name} anyway: {other:?}"),
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Whether this kernel has all of it.
fn usable() -> Result<(), String> {
    let probe = std::thread::spawn(|| sandbox::apply(&Needs::default(), Threads::Own));
    let report = probe.join().unwrap();
    match report.lost() {
        [] => Ok(()),
        lost => Err(format!(
            "the sandbox is not whole here: {}",
            lost.join("; ")
        )),
    }
}

fn spawn(name: &str, side: &str, place: &Place) -> End {
    let status = Command::new(std::env::current_exe().unwrap())
        .args(["attempt", name, side])
        .arg(&place.directory)
        .args([place.ours, place.other].map(|port| port.to_string()))
        .stdout(std::process::Stdio::null())
        .status()
        .unwrap();
    match (status.code(), status.signal()) {
        (Some(code), _) => End::of_code(code),
        (None, Some(libc::SIGSYS)) => End::Killed,
        (None, Some(libc::SIGABRT)) => End::Aborted,
        other => panic!("{name}, {side}: {other:?}"),
    }
}
