//! What the tests of the deployment kit are made of: static binaries of this workspace, sekaid, the
//! compose plugin of Docker, and the images that cannot be pulled everywhere.

use crate::cache::{Build, make_all};
use crate::{nodes, paths};
use std::path::{Path, PathBuf};
use std::process::Command;

/// Programs that the tests call, and the Debian package of each.
const NEEDED: [(&str, &str); 6] = [
    ("dockerd", "docker.io"),
    ("docker", "docker.io"),
    ("iptables", "iptables"),
    ("ip", "iproute2"),
    ("wg", "wireguard-tools"),
    ("debootstrap", "debootstrap"),
];

/// Packages of the image that stands for Debian's: with what the kit's Dockerfiles would install,
/// because a build there reaches no mirror.
const PACKAGES: &str = "busybox-static,ca-certificates,iproute2,iptables,logrotate,procps,\
                        syslog-ng-core,wireguard-go,wireguard-tools";

/// Environment variables of the tests, with the file that each names.
pub(crate) type Parts = Vec<(&'static str, PathBuf)>;

/// Installs and builds what is missing.
pub(crate) fn build(go: &str) -> Result<Parts, String> {
    install()?;
    let cache = paths::cache()?;
    let sekaid = nodes::build_sekaid(go)?;
    let tools = cache.join("tools");
    let mut plugins = Vec::new();
    for source in nodes::modules_below(&paths::workspace().join("interop/tools"))? {
        plugins.push(nodes::module(go, &tools, source)?);
    }
    make_all(&tools, "tool", &plugins)?;
    let plugin = plugins.first().ok_or("interop/tools is empty")?;
    let images = images(&cache);
    make_all(&cache, "images", std::slice::from_ref(&images))?;
    let binaries = static_binaries()?;
    Ok(vec![
        ("E2E_DOCKER_COMPOSE", plugin.folder.join(&plugin.product)),
        ("E2E_DOCKER_DEBIAN", images.folder.join("debian.tar")),
        ("E2E_DOCKER_ALPINE", images.folder.join("alpine.tar")),
        ("E2E_DOCKER_TMKMS", binaries.join("tmkms")),
        ("E2E_DOCKER_SCALLER", binaries.join("scaller")),
        ("E2E_DOCKER_SEKAID", sekaid.join("sekaid-0.4.13/sekaid")),
    ])
}

/// What is not there comes from Debian, where this is Debian.
fn install() -> Result<(), String> {
    let is_missing = |program: &str| {
        let folders = std::env::var_os("PATH").unwrap_or_default();
        !std::env::split_paths(&folders).any(|folder| folder.join(program).is_file())
    };
    let mut packages: Vec<&str> = NEEDED
        .iter()
        .filter(|(program, _)| is_missing(program))
        .map(|(_, package)| *package)
        .collect();
    packages.dedup();
    if packages.is_empty() {
        return Ok(());
    }
    let install = format!(
        "apt-get update -qq && apt-get install -qq --yes --no-install-recommends {} >&2",
        packages.join(" ")
    );
    let status = Command::new("sh").args(["-c", &install]).status();
    match status {
        Ok(status) if status.success() => Ok(()),
        _ => Err(format!(
            "the tests of the deployment kit need {}, and `{install}` does not work here",
            packages.join(", ")
        )),
    }
}

/// `debian.tar` and `alpine.tar`. Debian is not run: its root is made of packages, then shrunk.
fn images(cache: &Path) -> Build {
    let name = "images".to_owned();
    Build {
        folder: cache.join(&name),
        product: "alpine.tar".to_owned(),
        key: format!("{SCRIPT}\n{PACKAGES}"),
        command: |_, folder| {
            let mut command = Command::new("sh");
            command
                .args(["-ec", SCRIPT, "sh"])
                .arg(folder)
                .arg(PACKAGES);
            command
        },
        source: cache.to_owned(),
        name,
    }
}

const SCRIPT: &str = r#"
cd "$1"
debootstrap --variant=minbase --include="$2" bookworm debian
rm -rf debian/var/cache/apt/* debian/var/lib/apt/lists/* debian/usr/share/doc debian/usr/share/man \
    debian/usr/share/locale
tar -C debian -cf debian.tar .
mkdir -p alpine/bin alpine/tmp
cp debian/bin/busybox alpine/bin/busybox
for applet in $(alpine/bin/busybox --list); do
    [ "$applet" = busybox ] || ln -s busybox "alpine/bin/$applet"
done
tar -C alpine -cf alpine.tar .
rm -rf debian alpine
"#;

/// Builds tmkms and scaller as the images have them; returns the folder with both.
fn static_binaries() -> Result<PathBuf, String> {
    let host = host()?;
    let status = paths::cargo()
        .current_dir(paths::workspace())
        .args(["build", "--release", "--locked", "--target", &host])
        .args(["--package", "tmkms", "--package", "scaller"])
        .env("RUSTFLAGS", "-C target-feature=+crt-static")
        .status()
        .map_err(|error| format!("cargo build: {error}"))?;
    if !status.success() {
        return Err("the static binaries do not build".to_owned());
    }
    let release = paths::signer()?;
    let target = release.ancestors().nth(2).unwrap_or(&release);
    Ok(target.join(host).join("release"))
}

/// The target of this machine.
fn host() -> Result<String, String> {
    let output = Command::new("rustc").arg("-vV").output();
    let text = output.map_err(|error| format!("rustc: {error}"))?.stdout;
    let text = String::from_utf8_lossy(&text).into_owned();
    text.lines()
        .find_map(|line| line.strip_prefix("host: "))
        .map(str::to_owned)
        .ok_or_else(|| "rustc does not tell its host".to_owned())
}
