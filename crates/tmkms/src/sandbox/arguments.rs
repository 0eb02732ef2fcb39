//! The system calls that are allowed with some arguments only.

use seccompiler::{BackendError, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition, SeccompRule};

use super::filter::Rules;

/// The rules for the calls in [`calls::WITH_ARGUMENTS`](super::calls::WITH_ARGUMENTS), of the
/// process with this id.
///
/// # Errors
/// None that is known: each rule has a condition, and each condition an argument that exists.
pub(super) fn rules(pid: u32) -> Result<Rules, BackendError> {
    Ok([
        (libc::SYS_clone, threads_only()?),
        (libc::SYS_ioctl, harmless_ioctls()?),
        (libc::SYS_mmap, never_writable_and_executable()?),
        (libc::SYS_mprotect, vec![rule([bits(2, EXECUTABLE, 0)])?]),
        (libc::SYS_prctl, names_only()?),
        // Asking for a limit, not setting one.
        (libc::SYS_prlimit64, vec![rule([is_null(2)])?]),
        (libc::SYS_socket, sockets()?),
        // How abort(3) ends the process.
        (libc::SYS_tgkill, vec![rule([is(0, pid)])?]),
    ]
    .into())
}

const WRITABLE: u32 = libc::PROT_WRITE.unsigned_abs();
const EXECUTABLE: u32 = libc::PROT_EXEC.unsigned_abs();

/// No bytes that were written become code.
fn never_writable_and_executable() -> Result<Vec<SeccompRule>, BackendError> {
    Ok(vec![
        rule([bits(2, EXECUTABLE, 0)])?,
        rule([bits(2, WRITABLE, 0)])?,
    ])
}

/// Threads of this process, in no new namespace.
fn threads_only() -> Result<Vec<SeccompRule>, BackendError> {
    const NAMESPACES: i32 = libc::CLONE_NEWNS
        | libc::CLONE_NEWCGROUP
        | libc::CLONE_NEWUTS
        | libc::CLONE_NEWIPC
        | libc::CLONE_NEWUSER
        | libc::CLONE_NEWPID
        | libc::CLONE_NEWNET;
    let thread = libc::CLONE_THREAD.unsigned_abs();
    let asked = thread | NAMESPACES.unsigned_abs();
    Ok(vec![rule([bits(0, asked, thread)])?])
}

/// The name of a thread, and of a piece of memory (which glibc gives).
fn names_only() -> Result<Vec<SeccompRule>, BackendError> {
    [libc::PR_SET_NAME, libc::PR_GET_NAME, libc::PR_SET_VMA]
        .into_iter()
        .map(|option| rule([is(0, option.unsigned_abs())]))
        .collect()
}

/// Whether it blocks, how much there is to read, and whether it is a terminal. Not: putting words
/// into the terminal (`TIOCSTI`).
fn harmless_ioctls() -> Result<Vec<SeccompRule>, BackendError> {
    const FIONBIO: u32 = 0x5421;
    const FIONREAD: u32 = 0x541b;
    const TCGETS: u32 = 0x5401;
    const TCGETS2: u32 = 0x802c_542a;
    [FIONBIO, FIONREAD, TCGETS, TCGETS2]
        .into_iter()
        .map(|request| rule([is(1, request)]))
        .collect()
}

/// Unix sockets, TCP and UDP, and the kernel's list of addresses that getaddrinfo(3) reads. No raw
/// sockets, and none of the protocols whose ports landlock does not know (SCTP, MPTCP).
fn sockets() -> Result<Vec<SeccompRule>, BackendError> {
    /// Above are close-on-exec and non-blocking.
    const TYPE: u32 = 0xf;
    let family = |family: i32| is(0, family.unsigned_abs());
    let kind = |kind: i32| bits(1, TYPE, kind.unsigned_abs());
    let protocol = |protocol: i32| is(2, protocol.unsigned_abs());
    let mut rules = vec![
        rule([family(libc::AF_UNIX)])?,
        rule([family(libc::AF_NETLINK), protocol(libc::NETLINK_ROUTE)])?,
    ];
    let by_kind = [
        (libc::SOCK_STREAM, libc::IPPROTO_TCP),
        (libc::SOCK_DGRAM, libc::IPPROTO_UDP),
    ];
    for (socket, own) in by_kind {
        for ip in [libc::AF_INET, libc::AF_INET6] {
            for number in [libc::IPPROTO_IP, own] {
                rules.push(rule([family(ip), kind(socket), protocol(number)])?);
            }
        }
    }
    Ok(rules)
}

type Condition = Result<SeccompCondition, BackendError>;

/// Fits where all of the conditions hold.
fn rule<const N: usize>(conditions: [Condition; N]) -> Result<SeccompRule, BackendError> {
    let conditions: Result<Vec<_>, _> = conditions.into_iter().collect();
    SeccompRule::new(conditions?)
}

/// The argument, as an `int`, has this value.
fn is(argument: u8, value: u32) -> Condition {
    let whole = SeccompCmpArgLen::Dword;
    SeccompCondition::new(argument, whole, SeccompCmpOp::Eq, value.into())
}

/// The argument is no pointer to anything.
fn is_null(argument: u8) -> Condition {
    SeccompCondition::new(argument, SeccompCmpArgLen::Qword, SeccompCmpOp::Eq, 0)
}

/// These bits of the argument have this value.
fn bits(argument: u8, mask: u32, value: u32) -> Condition {
    let op = SeccompCmpOp::MaskedEq(mask.into());
    SeccompCondition::new(argument, SeccompCmpArgLen::Qword, op, value.into())
}
