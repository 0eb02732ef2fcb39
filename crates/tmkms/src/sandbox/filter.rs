//! System calls: seccomp (seccomp(2)), in two filters.
//!
//! The first ends the process, the second refuses; of two answers the kernel takes the harder one.
//! For a call that both let pass with any arguments the kernel (since 5.11) remembers that and
//! runs neither, so the calls of a signature cost nothing more.

use std::collections::BTreeMap;

use seccompiler::{
    BackendError, BpfProgram, Error, SeccompAction, SeccompFilter, SeccompRule, TargetArch,
};

use super::Threads;
use super::arguments;
use super::calls::{
    ACCEPTING, ALLOWED, ALLOWED_HERE, Call, FATAL, FATAL_HERE, LISTENING, REMOVING, REMOVING_HERE,
    WRITING, WRITING_HERE,
};
use super::needs::Needs;

/// Why system calls are not restricted.
#[derive(Debug, thiserror::Error)]
pub(super) enum FilterError {
    /// No filter is known for it.
    #[error("system calls are not restricted: the filter is not made for {0} processors")]
    Processor(&'static str),
    /// The kernel does not take it.
    #[error("system calls are not restricted: the kernel takes no seccomp filter ({0})")]
    Kernel(Error),
}

/// All rules of a call: it is matched where one of them fits; none for always.
pub(super) type Rules = BTreeMap<i64, Vec<SeccompRule>>;

/// Restricts system calls.
///
/// # Errors
/// [`FilterError`], and then nothing is restricted, or only what is fatal.
pub(super) fn restrict(needs: &Needs, threads: Threads) -> Result<(), FilterError> {
    let arch = TargetArch::try_from(std::env::consts::ARCH)
        .map_err(|_| FilterError::Processor(std::env::consts::ARCH))?;
    let programs = programs(needs, std::process::id(), arch).map_err(Error::Backend);
    for program in programs.map_err(FilterError::Kernel)? {
        match threads {
            Threads::All => seccompiler::apply_filter_all_threads(&program),
            Threads::Own => seccompiler::apply_filter(&program),
        }
        .map_err(FilterError::Kernel)?;
    }
    Ok(())
}

/// The filters in the order in which they go on: the second does not let a third follow.
fn programs(needs: &Needs, pid: u32, arch: TargetArch) -> Result<[BpfProgram; 2], BackendError> {
    let fatal = SeccompFilter::new(
        always([FATAL, FATAL_HERE]),
        SeccompAction::Allow,
        SeccompAction::KillProcess,
        arch,
    )?;
    let allowed = SeccompFilter::new(
        allowed(needs, pid)?,
        SeccompAction::Errno(libc::ENOSYS.unsigned_abs()),
        SeccompAction::Allow,
        arch,
    )?;
    Ok([fatal.try_into()?, allowed.try_into()?])
}

fn always<const N: usize>(lists: [&[Call]; N]) -> Rules {
    let calls = lists.into_iter().flatten();
    calls.map(|(_, number)| (*number, Vec::new())).collect()
}

fn allowed(needs: &Needs, pid: u32) -> Result<Rules, BackendError> {
    let mut rules = always([ALLOWED, ALLOWED_HERE]);
    if needs.accept {
        rules.extend(always([ACCEPTING]));
    }
    if needs.listen {
        rules.extend(always([ACCEPTING, LISTENING]));
    }
    if !needs.write.is_empty() {
        rules.extend(always([WRITING, WRITING_HERE]));
    }
    if !(needs.write.is_empty() && needs.remove.is_empty()) {
        rules.extend(always([REMOVING, REMOVING_HERE]));
    }
    rules.extend(arguments::rules(pid)?);
    Ok(rules)
}

#[cfg(test)]
mod tests {
    use super::super::calls;
    use super::*;
    use seccompiler::sock_filter;

    const PID: u32 = 4242;
    const KILL: u32 = libc::SECCOMP_RET_KILL_PROCESS;
    const ALLOW: u32 = libc::SECCOMP_RET_ALLOW;
    const REFUSE: u32 = libc::SECCOMP_RET_ERRNO | libc::ENOSYS.unsigned_abs();

    /// What the kernel would answer: of both filters the harder one.
    fn answer(needs: &Needs, number: i64, arguments: &[u64]) -> u32 {
        let arch = TargetArch::try_from(std::env::consts::ARCH).unwrap();
        let [fatal, allowed] = programs(needs, PID, arch).unwrap();
        // The program says on which processor it runs; this is the one it expects.
        let data = seccomp_data(fatal[1].k, number, arguments);
        match (run(&fatal, &data), run(&allowed, &data)) {
            (KILL, _) => KILL,
            (ALLOW, answer) => answer,
            other => panic!("{other:?}"),
        }
    }

    /// `struct seccomp_data` of linux/seccomp.h, in words.
    fn seccomp_data(arch: u32, number: i64, arguments: &[u64]) -> Vec<u32> {
        let low = |value: u64| u32::try_from(value & 0xffff_ffff).unwrap();
        let mut words = vec![low(number.cast_unsigned()), arch, 0, 0];
        for at in 0..6 {
            let value = arguments.get(at).copied().unwrap_or_default();
            words.extend([low(value), low(value >> 32)]);
        }
        words
    }

    /// The part of the kernel's machine that the filters use (linux/filter.h).
    fn run(program: &[sock_filter], data: &[u32]) -> u32 {
        let (mut at, mut value) = (0, 0);
        loop {
            let step = &program[at];
            at += 1;
            let jump = |taken: bool| usize::from(if taken { step.jt } else { step.jf });
            match step.code {
                0x20 => value = data[usize::try_from(step.k).unwrap() / 4],
                0x54 => value &= step.k,
                0x05 => at += usize::try_from(step.k).unwrap(),
                0x15 => at += jump(value == step.k),
                0x25 => at += jump(value > step.k),
                0x35 => at += jump(value >= step.k),
                0x06 => return step.k,
                code => panic!("{code:#x}"),
            }
        }
    }

    fn needs() -> Needs {
        Needs::default()
    }

    #[test]
    fn each_call_of_the_lists_gets_its_answer() {
        for (_, number) in calls::ALLOWED.iter().chain(calls::ALLOWED_HERE) {
            assert_eq!(answer(&needs(), *number, &[]), ALLOW);
        }
        for call in calls::FATAL.iter().chain(calls::FATAL_HERE) {
            assert_eq!(
                answer(&needs(), call.1, &[]),
                KILL,
                "{}",
                calls::shown(call)
            );
        }
        let named: Vec<i64> = arguments::rules(PID).unwrap().into_keys().collect();
        let mut listed: Vec<i64> = calls::WITH_ARGUMENTS.iter().map(|call| call.1).collect();
        listed.sort_unstable();
        assert_eq!(named, listed);
    }

    #[test]
    fn what_is_in_no_list_is_refused_and_not_deadly() {
        let mut numbers = vec![libc::SYS_clone3, libc::SYS_io_uring_setup, libc::SYS_kill];
        // One that no kernel has yet, and the second way in of 64-bit Intel (x32).
        numbers.extend([9999, libc::SYS_read | 0x4000_0000, libc::SYS_memfd_create]);
        numbers.extend([libc::SYS_listen, libc::SYS_setuid, libc::SYS_truncate]);
        for number in numbers {
            assert_eq!(answer(&needs(), number, &[]), REFUSE, "{number}");
        }
    }

    #[test]
    fn other_processors_calls_end_the_process() {
        let [fatal, allowed] = programs(&needs(), PID, TargetArch::x86_64).unwrap();
        let i386 = 0x4000_0003;
        for program in [fatal, allowed] {
            assert_eq!(run(&program, &seccomp_data(i386, 3, &[])), KILL);
        }
    }

    #[test]
    fn filters_fit_every_processor_that_seccompiler_knows() {
        for arch in [TargetArch::x86_64, TargetArch::aarch64] {
            assert!(programs(&needs(), PID, arch).is_ok());
        }
    }

    #[test]
    fn accepting_listening_writing_and_removing_are_allowed_to_those_who_need_them() {
        let accepts = Needs {
            accept: true,
            ..needs()
        };
        let listens = Needs {
            listen: true,
            ..needs()
        };
        let writes = Needs {
            write: ["/tmp".into()].into(),
            ..needs()
        };
        let removes = Needs {
            remove: ["/tmp".into()].into(),
            ..needs()
        };
        for (number, who) in [
            (libc::SYS_accept4, &accepts),
            (libc::SYS_accept4, &listens),
            (libc::SYS_listen, &listens),
            (libc::SYS_renameat2, &writes),
            (libc::SYS_unlinkat, &writes),
            (libc::SYS_unlinkat, &removes),
        ] {
            assert_eq!(answer(&needs(), number, &[]), REFUSE);
            assert_eq!(answer(who, number, &[]), ALLOW);
        }
        assert_eq!(answer(&removes, libc::SYS_renameat2, &[]), REFUSE);
        assert_eq!(answer(&accepts, libc::SYS_listen, &[]), REFUSE);
    }

    #[test]
    fn threads_may_be_started_and_processes_may_not() {
        let clone = |flags: u64| answer(&needs(), libc::SYS_clone, &[flags]);
        // What glibc asks for: a thread; a fork; a posix_spawn.
        assert_eq!(clone(0x003d_0f00), ALLOW);
        assert_eq!(clone(0x0120_0011), REFUSE);
        assert_eq!(clone(0x0000_4111), REFUSE);
        // A thread in a user namespace of its own.
        assert_eq!(clone(0x003d_0f00 | 0x1000_0000), REFUSE);
    }

    #[test]
    fn memory_is_never_writable_and_executable() {
        let map = |protection: u64| answer(&needs(), libc::SYS_mmap, &[0, 4096, protection]);
        let protect =
            |protection: u64| answer(&needs(), libc::SYS_mprotect, &[0, 4096, protection]);
        assert_eq!([map(0), map(1), map(3), map(5)], [ALLOW; 4]);
        assert_eq!([map(6), map(7)], [REFUSE; 2]);
        assert_eq!([protect(0), protect(1), protect(3)], [ALLOW; 3]);
        assert_eq!([protect(4), protect(5), protect(7)], [REFUSE; 3]);
    }

    #[test]
    fn sockets_are_unix_tcp_udp_and_the_list_of_addresses() {
        let socket = |a, b, c| answer(&needs(), libc::SYS_socket, &[a, b, c]);
        let cloexec = 0x8_0000;
        for allowed in [(1, 1), (2, 1), (2, 2), (10, 1), (10, 2), (16, 3)] {
            assert_eq!(
                socket(allowed.0, allowed.1 | cloexec, 0),
                ALLOW,
                "{allowed:?}"
            );
        }
        assert_eq!([socket(2, 1, 6), socket(10, 2, 17)], [ALLOW; 2]);
        // MPTCP, SCTP, raw IP, packets, netfilter's netlink, Bluetooth.
        let refused = [
            (2, 1, 262),
            (2, 1, 132),
            (2, 3, 1),
            (17, 3, 0),
            (16, 3, 12),
            (31, 1, 0),
        ];
        for (a, b, c) in refused {
            assert_eq!(socket(a, b, c), REFUSE, "{a} {b} {c}");
        }
    }

    #[test]
    fn the_rest_of_the_arguments() {
        let ask = |number, arguments: &[u64]| answer(&needs(), number, arguments);
        let pid = u64::from(PID);
        assert_eq!(ask(libc::SYS_tgkill, &[pid, pid, 6]), ALLOW);
        assert_eq!(ask(libc::SYS_tgkill, &[1, 1, 9]), REFUSE);
        assert_eq!(ask(libc::SYS_prlimit64, &[0, 3, 0, 8]), ALLOW);
        assert_eq!(ask(libc::SYS_prlimit64, &[0, 4, 1 << 32, 0]), REFUSE);
        assert_eq!(ask(libc::SYS_ioctl, &[3, 0x5421]), ALLOW);
        assert_eq!(ask(libc::SYS_ioctl, &[0, 0x5412]), REFUSE);
        assert_eq!(ask(libc::SYS_prctl, &[15]), ALLOW);
        // PR_SET_DUMPABLE: nobody opens the process to debuggers again.
        assert_eq!(ask(libc::SYS_prctl, &[4, 1]), REFUSE);
    }

    #[test]
    fn processor_without_a_filter_and_kernel_without_seccomp_are_told_apart() {
        assert_eq!(
            FilterError::Processor("mips").to_string(),
            "system calls are not restricted: the filter is not made for mips processors"
        );
        let error = std::io::Error::from_raw_os_error(22);
        assert_eq!(
            FilterError::Kernel(Error::Seccomp(error)).to_string(),
            "system calls are not restricted: the kernel takes no seccomp filter (Error calling \
             `seccomp`: Invalid argument (os error 22))"
        );
    }
}
