//! An image with compilers under the names of those that others publish: this machine's Go and Rust on a
//! Debian root with a C compiler, and beside them the sources that a build would download.
//!
//! What this machine lacks of them it downloads; the containers reach nothing.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use e2e::namespace::run;

use crate::daemon::Daemon;
use crate::images;
use crate::kit::Kit;
use crate::{Outcome, doing};

/// What a linker needs, besides Debian's `minbase`.
const PACKAGES: &str = "--include=gcc,libc6-dev";
/// What the image says to those who build in it.
const SETTINGS: [&str; 5] = [
    "ENV PATH=/usr/local/go/bin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
    "ENV GOPROXY=file:///sources/modules",
    "ENV GOTOOLCHAIN=local",
    "ENV CARGO_HOME=/sources/cargo",
    "ENV CARGO_NET_OFFLINE=true",
];
const CARGO: &str = "\
[source.crates-io]
replace-with = \"here\"

[source.here]
directory = \"/sources/cargo/crates\"
";

/// Makes the image out of what is put below `folder`, for builds of that clone.
///
/// # Errors
/// What a program says.
pub fn import(daemon: &Daemon, kit: &Kit, folder: &Path) -> Outcome {
    let root = folder.join("root");
    let mut debian = Command::new("debootstrap");
    debian.args(["--variant=minbase", PACKAGES, "bookworm"]);
    run(debian.arg(&root), "")?;
    add_go(&root, &kit.path("interop/nodes/sekaid-0.4.13"), folder)?;
    add_rust(&root, &kit.path(""))?;
    let archive = folder.join("root.tar");
    let mut pack = Command::new("tar");
    run(
        pack.arg("-cf").arg(&archive).arg("-C").arg(&root).arg("."),
        "",
    )?;
    fs::remove_dir_all(&root).map_err(doing("remove what the image is made of"))?;
    name(daemon, &archive, &kit.deploy().join(".env.example"))?;
    fs::remove_file(&archive).map_err(doing("remove what the image is made of"))
}

/// Takes the names of the compilers' images from those that had them.
fn name(daemon: &Daemon, archive: &Path, settings: &Path) -> Outcome {
    let text = fs::read_to_string(settings).map_err(doing("read .env.example"))?;
    let go = images::default(&text, "GO_IMAGE")?;
    let rust = images::default(&text, "RUST_IMAGE")?;
    let archive = archive.to_string_lossy();
    let mut arguments = vec!["import"];
    for setting in SETTINGS {
        arguments.extend(["--change", setting]);
    }
    arguments.push(&archive);
    arguments.push(&go);
    daemon.docker(&arguments)?;
    daemon.docker(&["tag", &go, &rust]).map(drop)
}

/// Go, and what is linked into the node, as a module proxy has it.
fn add_go(root: &Path, module: &Path, folder: &Path) -> Outcome {
    copy(&said("go", ["env", "GOROOT"])?, &root.join("usr/local/go"))?;
    let known = said("go", ["env", "GOMODCACHE"])?.join("cache/download");
    let others = said("go", ["env", "GOPROXY"])?;
    let proxies = format!("file://{},{}", known.display(), others.display());
    let modules = folder.join("modules");
    // To list what is linked takes just those modules; `go mod download` takes many more.
    let mut list = Command::new("go");
    list.args(["list", "-mod=readonly", "-deps", "tool"]);
    list.current_dir(module).env("CGO_ENABLED", "0");
    list.env("GOPROXY", proxies).env("GOMODCACHE", &modules);
    run(list.env("GOFLAGS", "-modcacherw"), "")?;
    let place = || {
        fs::create_dir_all(root.join("sources"))?;
        fs::rename(modules.join("cache/download"), root.join("sources/modules"))?;
        fs::remove_dir_all(&modules)
    };
    place().map_err(doing("place the modules"))
}

/// Rust, and the crates of the workspace.
fn add_rust(root: &Path, workspace: &Path) -> Outcome {
    let sysroot = said("rustc", ["--print", "sysroot"])?;
    for part in ["bin", "lib"] {
        copy(&sysroot.join(part), &root.join("usr/local").join(part))?;
    }
    let home = root.join("sources/cargo");
    let mut vendor = Command::new("cargo");
    vendor.args(["vendor", "--locked", "--quiet", "--versioned-dirs"]);
    run(vendor.arg(home.join("crates")).current_dir(workspace), "")?;
    fs::write(home.join("config.toml"), CARGO).map_err(doing("write Cargo's settings"))
}

/// What a compiler says of itself.
fn said(program: &str, question: [&str; 2]) -> Outcome<PathBuf> {
    let text = run(Command::new(program).args(question), "")?;
    Ok(PathBuf::from(text.trim()))
}

fn copy(from: &Path, to: &Path) -> Outcome {
    fs::create_dir_all(to).map_err(doing("make a folder"))?;
    let mut copy = Command::new("cp");
    // Some have Go in two places, with links from one to the other.
    copy.args(["--recursive", "--dereference", "--preserve=mode"]);
    copy.arg("--no-target-directory");
    run(copy.arg(from).arg(to), "").map(drop)
}
