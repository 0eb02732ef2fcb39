//! What must hold in every scene.

use std::fmt::Debug;
use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;
use std::time::Duration;

use e2e::signatures::Signatures;
use e2e::wait::until;

use crate::shell::Shell;
use crate::{Outcome, chain, doing};

/// The user that signs, whatever user made the files.
const SIGNER: u32 = 65_534;

/// Whether two texts are equal, for people.
pub(super) fn equal<T: PartialEq + Debug>(what: &str, found: &T, wanted: &T) -> Outcome {
    if found == wanted {
        Ok(())
    } else {
        Err(format!("{what}: {found:?}, and not {wanted:?}"))
    }
}

/// A secret is the signer's alone.
pub(super) fn is_private(file: &Path) -> Outcome {
    let found = fs::metadata(file).map_err(doing(&format!("find {}", file.display())))?;
    let found = (found.uid(), found.gid(), found.mode() & 0o7777);
    equal(
        &format!("{} belongs to", file.display()),
        &found,
        &(SIGNER, SIGNER, 0o600),
    )
}

/// The signer's image has at most 12 MB.
pub(super) fn is_small(shell: &Shell<'_>) -> Outcome {
    let said = shell.run("docker image inspect --format '{{.Size}}' sekin-tmkms")?;
    let bytes: u64 = said
        .trim()
        .parse()
        .map_err(doing("read the image's size"))?;
    println!("    the signer's image has {bytes} bytes");
    equal("the signer's image is small", &(bytes <= 12_000_000), &true)
}

/// The address of the key in the signer's secrets, as blocks have it.
pub(super) fn address(shell: &Shell<'_>, secrets: &Path) -> Outcome<String> {
    let shown = shell.run(&format!(
        "docker run --rm -v {}:/secrets:ro sekin-tmkms key show /secrets/priv_validator_key.json",
        secrets.display()
    ))?;
    let line = shown.lines().find_map(|line| line.strip_prefix("address:"));
    let address = line.ok_or_else(|| format!("key show prints no address: {shown}"))?;
    Ok(address.trim().to_owned())
}

/// Blocks come, and are signed with the key of that address.
pub(super) fn signs(shell: &Shell<'_>, address: &str, count: u64) -> Outcome<u64> {
    let to = chain::grows(shell, count)?;
    chain::is_signed_by(shell, address, to - count, to)?;
    Ok(to)
}

/// The node's RPC answers at an address of that machine, or does not.
pub(super) fn answers(shell: &Shell<'_>, address: &str, does: bool) -> Outcome {
    let ask = format!(
        "exec 3<>/dev/tcp/{address}/26657 && printf 'GET /health HTTP/1.0\\r\\n\\r\\n' >&3 && \
         timeout 10 grep --quiet '200 OK' <&3"
    );
    let found = shell.run(&ask).is_ok();
    equal(&format!("the node answers at {address}"), &found, &does)
}

/// No place was signed twice in these logs of the signer's lives, and there are signatures.
pub(super) fn no_conflict(log: &str) -> Outcome {
    let found = Signatures::read(log);
    equal(
        "places that were signed twice",
        &found.conflicts,
        &Vec::new(),
    )?;
    if found.count == 0 {
        return Err("the log has no signature".to_owned());
    }
    Ok(())
}

/// Waits until a container is healthy.
pub(super) fn is_healthy(shell: &Shell<'_>, container: &str) -> Outcome {
    let ask = format!("docker inspect --format '{{{{.State.Health.Status}}}}' {container}");
    until(
        &format!("{container} is healthy"),
        Duration::from_secs(90),
        || {
            std::thread::sleep(Duration::from_millis(500));
            let status = shell.run(&ask).ok()?;
            (status.trim() == "healthy").then_some(())
        },
    )
}
