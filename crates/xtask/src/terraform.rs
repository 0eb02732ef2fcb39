//! `cargo xtask terraform`: what can be checked of `deploy/tmkms/terraform` without an account.

use crate::cache::{Build, make_all};
use crate::{Outcome, no_arguments, nodes, paths};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

const TOFU: &str = "1.8.11";

pub(crate) fn run(arguments: &[String]) -> Outcome {
    no_arguments(arguments)?;
    let tofu = Tofu {
        program: build()?,
        scratch: paths::target()?.join("terraform"),
    };
    let _ = fs::remove_dir_all(&tofu.scratch);
    fs::create_dir_all(&tofu.scratch).map_err(|e| format!("{}: {e}", tofu.scratch.display()))?;
    tofu.run(&root(), "fmt -check -diff -recursive")?;
    let module = root().join("modules/cloud-init");
    tofu.run(&module, "init -backend=false")?;
    tofu.run(&module, "validate")?;
    print!("{}", tofu.run(&module, "test -no-color")?);
    for machine in ["validator", "signer"] {
        for method in ["docker", "systemd"] {
            tofu.first_boot(&module, machine, method)?;
        }
    }
    tofu.whole()
}

fn root() -> PathBuf {
    paths::workspace().join("deploy/tmkms/terraform")
}

struct Tofu {
    program: PathBuf,
    scratch: PathBuf,
}

impl Tofu {
    /// The user data of a machine: right by the schema of cloud-init, and with rules that load.
    fn first_boot(&self, module: &Path, machine: &str, method: &str) -> Outcome {
        let place = self.scratch.join(format!("{machine}-{method}"));
        fs::create_dir_all(&place).map_err(|e| format!("{}: {e}", place.display()))?;
        let state = format!("-state={}", place.join("state").display());
        let variables = format!(
            "-var=machine={machine} -var=method={method} -var=ssh_from=[\"203.0.113.7/32\",\"2001:db8::/64\"]"
        );
        self.run(module, &format!("apply -auto-approve {state} {variables}"))?;
        let write = |output: &str, file: &str| -> Result<PathBuf, String> {
            let path = place.join(file);
            let text = self.run(module, &format!("output {state} -raw {output}"))?;
            fs::write(&path, text).map_err(|e| format!("{}: {e}", path.display()))?;
            Ok(path)
        };
        let user_data = write("user_data", "user-data.yaml")?;
        let mut schema = Command::new("cloud-init");
        told(schema.args(["schema", "--config-file"]).arg(user_data))
            .map_err(|text| format!("{text}\nOn Debian: apt-get install cloud-init"))?;
        write("firewall_settings", "settings.nft")?;
        let rules = paths::workspace().join(format!("deploy/firewall/{machine}.nft"));
        let mut load = Command::new("unshare");
        load.args(["--net", "nft", "-I"])
            .arg(&place)
            .arg("-f")
            .arg(rules);
        told(&mut load)?;
        println!("{machine}, {method}: user data by its schema, and the rules in it load");
        Ok(())
    }

    /// All of it needs the schema of AWS' provider, which is not to be had from every network.
    fn whole(&self) -> Outcome {
        if let Err(text) = self.run(&root(), "init -backend=false") {
            let why = text
                .lines()
                .find(|line| line.contains("Error"))
                .unwrap_or(&text);
            println!(
                "left out: the resources against AWS' schema, because its provider cannot be fetched ({why})"
            );
            if paths::in_ci() {
                return Err("CI is set: what was left out counts as a failure".to_owned());
            }
            return Ok(());
        }
        self.run(&root(), "validate")?;
        println!("the resources are right by the schema of AWS' provider");
        Ok(())
    }

    fn run(&self, folder: &Path, arguments: &str) -> Result<String, String> {
        let mut command = Command::new(&self.program);
        command.arg(format!("-chdir={}", folder.display()));
        command.args(arguments.split(' '));
        command.env("TF_CLI_CONFIG_FILE", "/dev/null");
        command.env("TF_IN_AUTOMATION", "1").env("NO_COLOR", "1");
        command.env("TF_DATA_DIR", self.scratch.join(name(folder)));
        told(&mut command)
    }
}

/// Runs a command to its end; an error has all that it said.
fn told(command: &mut Command) -> Result<String, String> {
    let output = command
        .output()
        .map_err(|error| format!("{}: {error}", command.get_program().display()))?;
    let [said, complained] = [&output.stdout, &output.stderr].map(|b| String::from_utf8_lossy(b));
    if output.status.success() {
        return Ok(said.into_owned());
    }
    Err(format!(
        "{command:?}: {}\n{said}{complained}",
        output.status
    ))
}

/// OpenTofu is a Go module, and the program that its releases are.
fn build() -> Result<PathBuf, String> {
    let go = nodes::go_version().ok_or(nodes::NO_GO)?;
    let root = paths::cache()?.join("tools");
    let folder = root.join(format!("tofu-{TOFU}"));
    let build = Build {
        name: format!("tofu-{TOFU}"),
        product: "tofu".to_owned(),
        key: format!("{go} {TOFU}"),
        command: |_, folder| {
            let mut command = Command::new("go");
            command.args([
                "build",
                "-mod=readonly",
                "-trimpath",
                "-ldflags",
                "-s -w",
                "-o",
            ]);
            command.arg(folder.join("tofu")).arg("./cmd/tofu");
            command
        },
        source: PathBuf::new(),
        folder,
    };
    if !build.is_current() {
        // Built in its own module: as a dependency its replacements would not count.
        let source = module_folder()?;
        make_all(&root, "tool", &[Build { source, ..build }])?;
    }
    Ok(root.join(format!("tofu-{TOFU}/tofu")))
}

/// Where Go keeps its sources.
fn module_folder() -> Result<PathBuf, String> {
    let mut download = Command::new("go");
    download.args(["mod", "download", "-json"]);
    let text = told(download.arg(format!("github.com/opentofu/opentofu@v{TOFU}")))?;
    let line = text
        .lines()
        .find_map(|line| line.trim().strip_prefix("\"Dir\": \""));
    line.and_then(|line| line.strip_suffix("\","))
        .map(PathBuf::from)
        .ok_or_else(|| format!("`go mod download` does not say where: {text}"))
}

fn name(folder: &Path) -> String {
    folder
        .file_name()
        .unwrap_or_default()
        .to_string_lossy()
        .into_owned()
}
