//! The real nodes: each folder of `interop/nodes` is a Go module that pins one. Peers that are
//! Go modules are built in the same way.

use crate::cache::{Build, make_all};
use crate::{Outcome, no_arguments, paths};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// What to do without Go.
pub(crate) const NO_GO: &str = "the real nodes and some of the peers are built with Go 1.25 or newer, and `go version` does not run here.\n\
    Install it with your system's package manager (golang-go) or from https://go.dev/dl";

/// The line with which a module names the one command that it pins.
const TOOL: &str = "\ntool ";

pub(crate) fn run(arguments: &[String]) -> Outcome {
    no_arguments(arguments)?;
    let go = go_version().ok_or(NO_GO)?;
    let root = build(&go)?;
    println!("the nodes are in {}", root.display());
    Ok(())
}

/// The version of Go here, `None` without Go.
pub(crate) fn go_version() -> Option<String> {
    let output = Command::new("go")
        .args(["env", "GOVERSION"])
        .output()
        .ok()?;
    let version = String::from_utf8(output.stdout).ok()?.trim().to_owned();
    (output.status.success() && !version.is_empty()).then_some(version)
}

/// Builds what is missing or outdated; returns the folder with all of them.
pub(crate) fn build(go: &str) -> Result<PathBuf, String> {
    build_those(go, |_| true)
}

/// Builds only KIRA's node; returns the folder above it.
pub(crate) fn build_sekaid(go: &str) -> Result<PathBuf, String> {
    build_those(go, |name| name.starts_with("sekaid-"))
}

fn build_those(go: &str, is_wanted: impl Fn(&str) -> bool) -> Result<PathBuf, String> {
    let root = paths::cache()?.join("nodes");
    let mut builds = Vec::new();
    for source in modules()? {
        if !is_wanted(&file_name(&source)) {
            continue;
        }
        builds.push(module(go, &root, source)?);
    }
    make_all(&root, "node", &builds)?;
    Ok(root)
}

/// The Go modules below `interop/nodes`, and the application for vote extensions.
fn modules() -> Result<Vec<PathBuf>, String> {
    let interop = paths::workspace().join("interop");
    let mut folders = modules_below(&interop.join("nodes"))?;
    folders.push(interop.join("extension-app"));
    folders.sort();
    Ok(folders)
}

/// The Go modules directly below a folder, in the order of their names.
pub(crate) fn modules_below(pins: &Path) -> Result<Vec<PathBuf>, String> {
    let failed = |error| format!("{}: {error}", pins.display());
    let mut folders = Vec::new();
    for entry in fs::read_dir(pins).map_err(failed)? {
        folders.push(entry.map_err(failed)?.path());
    }
    folders.retain(|folder| folder.join("go.mod").is_file());
    folders.sort();
    Ok(folders)
}

/// How to build the program of one Go module.
pub(crate) fn module(go: &str, root: &Path, source: PathBuf) -> Result<Build, String> {
    let name = file_name(&source);
    let stamp = version_stamp(&name);
    let key = format!("{go}{stamp}\n{}", sources(&source)?);
    // A module without a tool line is a program itself.
    let tool = key
        .split_once(TOOL)
        .and_then(|(_, rest)| rest.lines().next());
    let product = tool.map_or(name.as_str(), |tool| {
        tool.rsplit('/').next().unwrap_or(tool)
    });
    Ok(Build {
        product: product.to_owned(),
        folder: root.join(&name),
        command: go_build,
        source,
        name,
        key,
    })
}

/// One set of flags for all, so that they share Go's build cache. `checklinkname`:
/// a dependency of sekaid reaches into the Go runtime, which newer linkers refuse.
fn go_build(build: &Build, folder: &Path) -> Command {
    let mut command = Command::new("go");
    command.args(["build", "-mod=readonly", "-trimpath", "-buildvcs=false"]);
    let stamp = version_stamp(&build.name);
    command.args(["-ldflags", &format!("-s -w -checklinkname=0{stamp}"), "-o"]);
    command.arg(folder.join(&build.product));
    command.arg(if build.key.contains(TOOL) {
        "tool"
    } else {
        "."
    });
    command
}

/// What lets `sekaid version` tell its version, as in the project's own builds; others have it in
/// their sources.
fn version_stamp(name: &str) -> String {
    let Some(version) = name.strip_prefix("sekaid-") else {
        return String::new();
    };
    let set = |what, value| format!(" -X github.com/cosmos/cosmos-sdk/version.{what}={value}");
    [
        set("Name", "sekai"),
        set("AppName", "sekaid"),
        set("Version", &format!("v{version}")),
    ]
    .concat()
}

/// The module files and Go sources of a folder, one after the other.
fn sources(folder: &Path) -> Result<String, String> {
    let failed = |error| format!("{}: {error}", folder.display());
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).map_err(failed)? {
        let path = entry.map_err(failed)?.path();
        let name = file_name(&path);
        let source = Path::new(&name)
            .extension()
            .is_some_and(|extension| extension == "go");
        if source || name == "go.mod" || name == "go.sum" {
            files.push(path);
        }
    }
    files.sort();
    let texts: Result<Vec<String>, _> = files.iter().map(fs::read_to_string).collect();
    Ok(texts.map_err(failed)?.concat())
}

fn file_name(path: &Path) -> String {
    path.file_name()
        .unwrap_or_default()
        .to_string_lossy()
        .into_owned()
}
