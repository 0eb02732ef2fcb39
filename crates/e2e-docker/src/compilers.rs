//! Images with compilers under the names of those that others publish: this machine's Go and Rust on a
//! Debian root with a C compiler, and beside them the sources that a build would download.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use e2e::namespace::run;

use crate::daemon::Daemon;
use crate::images::{self, Parts};
use crate::{Outcome, doing};

const GO: &str = "\
COPY go /usr/local/go
COPY proxy /proxy
ENV PATH=/usr/local/go/bin:/usr/bin:/bin GOPROXY=file:///proxy GOTOOLCHAIN=local
";

const RUST: &str = "\
COPY rust /usr/local
COPY cargo /cargo
ENV CARGO_HOME=/cargo CARGO_NET_OFFLINE=true
";

/// Makes both images. `root` is a clone of the repository, `folder` is for what they are made of.
///
/// # Errors
/// What a program says.
pub fn make(parts: &Parts, daemon: &Daemon, root: &Path, folder: &Path) -> Outcome {
    let settings = fs::read_to_string(root.join("deploy/.env.example"));
    let settings = settings.map_err(doing("read .env.example"))?;
    daemon.docker(&["import", &parts.compilers.to_string_lossy(), "compilers"])?;
    let go = folder.join("golang");
    make_go(&go, &root.join("interop/nodes/sekaid-0.4.13"))?;
    build(daemon, &go, GO, &images::default(&settings, "GO_IMAGE")?)?;
    let rust = folder.join("rust");
    make_rust(&rust, root)?;
    build(
        daemon,
        &rust,
        RUST,
        &images::default(&settings, "RUST_IMAGE")?,
    )
}

fn build(daemon: &Daemon, folder: &Path, lines: &str, name: &str) -> Outcome {
    let dockerfile = format!("FROM compilers\n{lines}");
    fs::write(folder.join("Dockerfile"), dockerfile).map_err(doing("write a Dockerfile"))?;
    println!("    {name} of this machine's compiler");
    daemon.docker(&["build", "--tag", name, &folder.to_string_lossy()])?;
    fs::remove_dir_all(folder).map_err(doing("remove what an image was made of"))
}

/// Go, and the modules of the node, as a module proxy has them.
fn make_go(folder: &Path, module: &Path) -> Outcome {
    fs::create_dir_all(folder).map_err(doing("make a folder"))?;
    copy(&said("go", &["env", "GOROOT"])?, &folder.join("go"))?;
    let known = said("go", &["env", "GOMODCACHE"])?.join("cache/download");
    let proxy = format!("file://{}", known.display());
    let modules = folder.join("modules");
    let mut download = Command::new("go");
    download.args(["mod", "download"]).current_dir(module);
    download.env("GOPROXY", proxy).env("GOMODCACHE", &modules);
    run(download.env("GOFLAGS", "-modcacherw"), "")?;
    let rename = fs::rename(modules.join("cache/download"), folder.join("proxy"));
    rename.map_err(doing("place the modules"))?;
    fs::remove_dir_all(&modules).map_err(doing("remove the modules' sources"))
}

/// Rust, and the crates of this workspace.
fn make_rust(folder: &Path, root: &Path) -> Outcome {
    let sysroot = said("rustc", &["--print", "sysroot"])?;
    for part in ["bin", "lib"] {
        copy(&sysroot.join(part), &folder.join("rust").join(part))?;
    }
    let crates = folder.join("cargo/crates");
    let mut vendor = Command::new("cargo");
    vendor.args([
        "vendor",
        "--locked",
        "--offline",
        "--quiet",
        "--versioned-dirs",
    ]);
    run(vendor.arg(&crates).current_dir(root), "")?;
    let settings = "[source.crates-io]\nreplace-with = \"here\"\n\n[source.here]\ndirectory = \"/cargo/crates\"\n";
    fs::write(folder.join("cargo/config.toml"), settings).map_err(doing("write Cargo's settings"))
}

fn said(program: &str, arguments: &[&str]) -> Outcome<PathBuf> {
    let text = run(Command::new(program).args(arguments), "")?;
    Ok(PathBuf::from(text.trim()))
}

fn copy(from: &Path, to: &Path) -> Outcome {
    fs::create_dir_all(to).map_err(doing("make a folder"))?;
    let mut copy = Command::new("cp");
    copy.args([
        "--recursive",
        "--preserve=mode,links",
        "--no-target-directory",
    ]);
    run(copy.arg(from).arg(to), "").map(drop)
}
