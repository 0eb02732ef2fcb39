//! A directory for one test, and commands that run in it.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use tempfile::TempDir;

/// The binary under test.
pub(crate) const TMKMS: &str = env!("CARGO_BIN_EXE_tmkms");

/// What stands at the first prompt: a node's `config/` and `data/`, and keys in other forms.
/// See `files/README.md`.
const FILES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/cli/files");

/// A temporary directory with the files of `tests/cli/files` in it.
pub(crate) struct Home(TempDir);

/// What a command did.
#[derive(Debug)]
pub(crate) struct Done {
    /// The exit code.
    pub(crate) code: i32,
    /// Standard output.
    pub(crate) stdout: String,
    /// Standard error.
    pub(crate) stderr: String,
}

impl Home {
    pub(crate) fn new() -> Self {
        let home = tempfile::Builder::new()
            .prefix("tmkms-cli-")
            .permissions(fs::Permissions::from_mode(0o755))
            .tempdir()
            .expect("a temporary directory");
        copy(Path::new(FILES), home.path());
        Self(home)
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    pub(crate) fn read(&self, name: &str) -> String {
        fs::read_to_string(self.path(name)).unwrap_or_else(|e| panic!("{name}: {e}"))
    }

    /// Runs `tmkms`.
    pub(crate) fn tmkms(&self, args: &[&str]) -> Done {
        self.run(Command::new(TMKMS).args(args))
    }

    /// Runs a script, in which `tmkms` is the binary under test.
    pub(crate) fn sh(&self, script: &str) -> Done {
        self.run(Command::new("sh").args(["-c", &format!("umask 022\n{script}")]))
    }

    /// Runs a script that must succeed.
    pub(crate) fn must(&self, script: &str) -> String {
        let done = self.sh(script);
        assert_eq!(done.code, 0, "{script}\n{}{}", done.stdout, done.stderr);
        done.stdout
    }

    /// Runs a command in the directory, with next to nothing in its environment.
    pub(crate) fn run(&self, command: &mut Command) -> Done {
        let output = self.prepare(command).output().expect("the command runs");
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        Done {
            code: output.status.code().unwrap_or(-1),
            stdout: text(&output.stdout),
            stderr: text(&output.stderr),
        }
    }

    pub(crate) fn prepare<'a>(&self, command: &'a mut Command) -> &'a mut Command {
        let folder = Path::new(TMKMS).parent().expect("the target directory");
        let path = std::env::var("PATH").unwrap_or_default();
        command
            .current_dir(self.0.path())
            .env_clear()
            .env("PATH", format!("{}:{path}", folder.display()))
            .env("LC_ALL", "C")
            // Signers of other tests have the same key.
            .env("XDG_RUNTIME_DIR", self.boot_memory())
            .stdin(Stdio::null())
    }

    fn boot_memory(&self) -> PathBuf {
        let directory = self.path(".run");
        fs::create_dir_all(&directory).expect("a directory");
        // For tests that run as another user.
        let _ = fs::set_permissions(&directory, fs::Permissions::from_mode(0o777));
        directory
    }

    /// Puts the words in front of a script that make it run as a user without rights, or prints
    /// why that cannot be done here.
    pub(crate) fn unprivileged(&self) -> Option<String> {
        if !rustix::process::geteuid().is_root() {
            return Some(String::new());
        }
        let words = "setpriv --reuid 65534 --regid 65534 --clear-groups --inh-caps=-all";
        if self.sh(&format!("{words} tmkms version")).code == 0 {
            return Some(format!("{words} "));
        }
        println!("skipped: as root, without setpriv or with a binary that others cannot reach");
        None
    }
}

fn copy(from: &Path, to: &Path) {
    for entry in fs::read_dir(from).expect("the files") {
        let path = entry.expect("an entry").path();
        let target = to.join(path.file_name().expect("a name"));
        if path.is_dir() {
            fs::create_dir(&target).expect("a directory");
            copy(&path, &target);
        } else {
            fs::copy(&path, &target).expect("a copy");
        }
    }
}
