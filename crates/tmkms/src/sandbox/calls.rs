//! The system calls: which are allowed, which end the process. All others fail with `ENOSYS`.
//!
//! `ENOSYS` says "this kernel does not have that", and a libc then takes the older way, which is
//! allowed; after `EPERM` it would give up. So a libc or kernel newer than these lists goes on
//! signing. clone3(2) is left out for that reason: its flags are in memory, where a filter cannot
//! look, and every libc then takes clone(2), whose flags it can.

/// A system call: its name and its number on this processor.
pub type Call = (&'static str, i64);

macro_rules! calls {
    ($($name:ident)*) => {
        &[$((stringify!($name), libc::$name)),*]
    };
}

/// Allowed with any arguments; the kernel knows that beforehand and runs no filter for them.
pub const ALLOWED: &[Call] = calls![
    // what is open
    SYS_read SYS_write SYS_readv SYS_writev SYS_pread64 SYS_pwrite64 SYS_preadv SYS_pwritev
    SYS_lseek SYS_fdatasync SYS_fsync SYS_fcntl SYS_dup SYS_dup3 SYS_close SYS_close_range
    SYS_flock SYS_getdents64 SYS_fstat SYS_newfstatat SYS_statx SYS_pipe2 SYS_eventfd2
    // what is opened and looked at by name: landlock's business
    SYS_openat SYS_faccessat SYS_faccessat2 SYS_readlinkat SYS_getcwd SYS_statfs SYS_fstatfs
    // sockets; socket(2) itself is below
    SYS_connect SYS_bind SYS_getsockname SYS_getpeername SYS_getsockopt SYS_setsockopt
    SYS_shutdown SYS_sendto SYS_recvfrom SYS_sendmsg SYS_recvmsg SYS_sendmmsg SYS_recvmmsg
    SYS_socketpair
    // waiting, and the clock
    SYS_ppoll SYS_pselect6 SYS_epoll_create1 SYS_epoll_ctl SYS_epoll_pwait SYS_epoll_pwait2
    SYS_timerfd_create SYS_timerfd_settime SYS_timerfd_gettime SYS_clock_gettime
    SYS_clock_getres SYS_clock_nanosleep SYS_nanosleep SYS_gettimeofday SYS_restart_syscall
    // threads and memory
    SYS_futex SYS_futex_waitv SYS_set_robust_list SYS_get_robust_list SYS_set_tid_address
    SYS_rseq SYS_membarrier SYS_sched_yield SYS_sched_getaffinity SYS_exit SYS_exit_group
    SYS_brk SYS_munmap SYS_mremap SYS_madvise SYS_mlock SYS_mlock2 SYS_munlock SYS_mlockall
    SYS_getrandom
    // signals to itself
    SYS_rt_sigaction SYS_rt_sigprocmask SYS_rt_sigreturn SYS_sigaltstack
    // who and where it is
    SYS_getpid SYS_gettid SYS_getppid SYS_getuid SYS_geteuid SYS_getgid SYS_getegid SYS_uname
    SYS_sysinfo SYS_getrusage SYS_umask
];

/// The older spellings of some of [`ALLOWED`], which only this processor has.
#[cfg(target_arch = "x86_64")]
pub const ALLOWED_HERE: &[Call] = calls![
    SYS_open SYS_stat SYS_lstat SYS_access SYS_readlink SYS_poll SYS_select SYS_epoll_create
    SYS_epoll_wait SYS_eventfd SYS_pipe SYS_dup2 SYS_time SYS_getrlimit
];
/// The older spellings of some of [`ALLOWED`], which only this processor has.
#[cfg(not(target_arch = "x86_64"))]
pub const ALLOWED_HERE: &[Call] = &[];

/// Allowed with some arguments only: the rules are in `arguments.rs`.
pub const WITH_ARGUMENTS: &[Call] = calls![
    SYS_clone SYS_ioctl SYS_mmap SYS_mprotect SYS_prctl SYS_prlimit64 SYS_socket SYS_tgkill
];

/// Allowed where a socket listens since before.
pub const ACCEPTING: &[Call] = calls![SYS_accept SYS_accept4];

/// Allowed where a port may be opened later.
pub const LISTENING: &[Call] = calls![SYS_listen];

/// Allowed where files are written: landlock says which.
pub const WRITING: &[Call] = calls![
    SYS_renameat2 SYS_linkat SYS_ftruncate SYS_fallocate SYS_fchmod
];

/// The older spellings of some of [`WRITING`], which only this processor has.
#[cfg(target_arch = "x86_64")]
pub const WRITING_HERE: &[Call] = calls![SYS_rename SYS_renameat SYS_link];
/// The older spellings of some of [`WRITING`], which only this processor has.
#[cfg(not(target_arch = "x86_64"))]
pub const WRITING_HERE: &[Call] = &[];

/// Allowed where files are removed: landlock says where.
pub const REMOVING: &[Call] = calls![SYS_unlinkat];

/// The older spelling of [`REMOVING`], which only this processor has.
#[cfg(target_arch = "x86_64")]
pub const REMOVING_HERE: &[Call] = calls![SYS_unlink];
/// The older spelling of [`REMOVING`], which only this processor has.
#[cfg(not(target_arch = "x86_64"))]
pub const REMOVING_HERE: &[Call] = &[];

/// What no signer ever does, on no libc: whoever calls it has taken over the process, which ends
/// on the spot (`SIGSYS`). A signer that is dead signs nothing.
pub const FATAL: &[Call] = calls![
    // other programs
    SYS_execve SYS_execveat
    // other processes
    SYS_ptrace SYS_process_vm_readv SYS_process_vm_writev SYS_process_madvise SYS_pidfd_getfd
    SYS_kcmp SYS_perf_event_open
    // other views of the system
    SYS_unshare SYS_setns SYS_chroot SYS_pivot_root SYS_mount SYS_umount2 SYS_move_mount
    SYS_open_tree SYS_fsopen SYS_fsconfig SYS_fsmount SYS_fspick SYS_mount_setattr
    SYS_name_to_handle_at SYS_open_by_handle_at
    // the kernel
    SYS_bpf SYS_userfaultfd SYS_init_module SYS_finit_module SYS_delete_module SYS_kexec_load
    SYS_reboot SYS_swapon SYS_swapoff SYS_acct SYS_settimeofday
    SYS_clock_settime SYS_adjtimex SYS_clock_adjtime SYS_sethostname SYS_setdomainname
    SYS_add_key SYS_request_key SYS_keyctl SYS_personality
];

/// More of [`FATAL`], which only this processor has.
#[cfg(target_arch = "x86_64")]
pub const FATAL_HERE: &[Call] = calls![
    SYS_fork SYS_vfork SYS_kexec_file_load SYS_iopl SYS_ioperm SYS_modify_ldt SYS_uselib
];
/// More of [`FATAL`], which only this processor has.
#[cfg(not(target_arch = "x86_64"))]
pub const FATAL_HERE: &[Call] = &[];

/// The name of a call as strace(1) shows it.
#[must_use]
pub fn shown(call: &Call) -> &'static str {
    call.0.strip_prefix("SYS_").unwrap_or(call.0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn each_call_is_in_one_list() {
        let lists = [
            ALLOWED,
            ALLOWED_HERE,
            WITH_ARGUMENTS,
            ACCEPTING,
            LISTENING,
            WRITING,
            WRITING_HERE,
            REMOVING,
            REMOVING_HERE,
            FATAL,
            FATAL_HERE,
        ];
        let mut seen = BTreeSet::new();
        for call in lists.into_iter().flatten() {
            assert!(seen.insert(call.1), "{} is there twice", shown(call));
        }
    }

    #[test]
    fn names_are_those_of_strace() {
        assert_eq!(shown(&("SYS_fdatasync", libc::SYS_fdatasync)), "fdatasync");
    }
}
