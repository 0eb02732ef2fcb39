//! Files and TCP ports: landlock (landlock(7)). Signals too, which the filter refuses besides.
//!
//! Looking at the metadata of a file is always allowed, and so is using what is open already: the
//! state goes on being written, and checked to be in its place.

use landlock::{
    ABI, Access as _, AccessFs, AccessNet, BitFlags, LandlockStatus, NetPort, Ruleset,
    RulesetAttr as _, RulesetCreatedAttr as _, RulesetError, Scope, make_bitflags,
    path_beneath_rules,
};

use super::needs::Needs;

/// The newest version whose restrictions were tried (Linux 6.15). Later ones bring more.
const KNOWN: ABI = ABI::V7;

/// Restricts the calling thread and all that it starts later, as far as the kernel knows how.
///
/// # Errors
/// What the kernel says.
pub(super) fn restrict(needs: &Needs) -> Result<LandlockStatus, RulesetError> {
    let read = make_bitflags!(AccessFs::{ReadFile});
    let write = make_bitflags!(AccessFs::{
        ReadFile | ReadDir | WriteFile | Truncate | MakeReg | RemoveFile
    });
    let remove = make_bitflags!(AccessFs::{RemoveFile});
    let ports = needs.ports();
    let dialled = ports
        .iter()
        .map(|port| NetPort::new(*port, AccessNet::ConnectTcp));
    let status = Ruleset::default()
        .handle_access(AccessFs::from_all(KNOWN))?
        .handle_access(tcp(needs))?
        .scope(scope(needs))?
        .create()?
        .add_rules(path_beneath_rules(needs.readable(), read))?
        .add_rules(path_beneath_rules(&needs.write, write))?
        .add_rules(path_beneath_rules(&needs.remove, remove))?
        .add_rules(dialled.map(Ok::<_, RulesetError>))?
        .restrict_self()?;
    Ok(status.landlock)
}

/// Dialling, and opening ports unless some are opened later.
fn tcp(needs: &Needs) -> BitFlags<AccessNet> {
    if needs.listen {
        return AccessNet::ConnectTcp.into();
    }
    AccessNet::BindTcp | AccessNet::ConnectTcp
}

/// Signals and abstract sockets of processes outside are out of reach; the sockets only where no
/// node has one, because they cannot be named one by one.
fn scope(needs: &Needs) -> BitFlags<Scope> {
    if needs.has_abstract_socket() {
        return Scope::Signal.into();
    }
    Scope::Signal | Scope::AbstractUnixSocket
}

/// What a kernel of this status leaves open, and from when on it would not.
pub(super) fn lost(status: &LandlockStatus) -> Option<&'static str> {
    match status {
        LandlockStatus::NotImplemented => Some(
            "the kernel has no landlock (Linux has it since 5.13), or a container's profile forbids \
             it: files and TCP ports are not restricted",
        ),
        LandlockStatus::NotEnabled => Some(
            "landlock is switched off (add it to the `lsm=` of the kernel's command line): files \
             and TCP ports are not restricted",
        ),
        LandlockStatus::Available { effective_abi, .. } if *effective_abi < ABI::V4 => Some(
            "the kernel's landlock knows no ports (since Linux 6.7) and no abstract sockets (since \
             6.12): neither is restricted",
        ),
        LandlockStatus::Available { effective_abi, .. } if *effective_abi < ABI::V6 => Some(
            "the kernel's landlock does not know abstract sockets (since Linux 6.12): they are \
             not restricted",
        ),
        LandlockStatus::Available { .. } => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lost_with(abi: ABI) -> Option<&'static str> {
        lost(&LandlockStatus::Available {
            effective_abi: abi,
            kernel_abi: None,
        })
    }

    #[test]
    fn what_an_old_kernel_leaves_open_is_told() {
        for abi in [ABI::V1, ABI::V2, ABI::V3] {
            let text = lost_with(abi).unwrap();
            assert!(text.contains("no ports (since Linux 6.7)"), "{text}");
        }
        for abi in [ABI::V4, ABI::V5] {
            let text = lost_with(abi).unwrap();
            assert!(
                text.contains("abstract sockets (since Linux 6.12)"),
                "{text}"
            );
        }
        for abi in [ABI::V6, KNOWN, ABI::V8] {
            assert_eq!(lost_with(abi), None);
        }
    }

    #[test]
    fn no_landlock_and_landlock_that_is_off_have_different_remedies() {
        let none = lost(&LandlockStatus::NotImplemented).unwrap();
        let off = lost(&LandlockStatus::NotEnabled).unwrap();
        assert!(none.starts_with("the kernel has no landlock"), "{none}");
        assert!(off.contains("`lsm=`"), "{off}");
    }

    #[test]
    fn abstract_socket_of_a_node_stays_within_reach() {
        use crate::config::UnixSocket;
        let mut needs = Needs::default();
        assert!(scope(&needs).contains(Scope::AbstractUnixSocket));
        needs
            .unix_sockets
            .insert(UnixSocket::Abstract("node".to_owned()));
        assert_eq!(scope(&needs), BitFlags::from(Scope::Signal));
    }
}
