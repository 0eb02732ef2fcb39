//! Small file systems, mounted with mount(8).

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use crate::error::CrashError;

/// Something mounted on a directory. Unmounted when dropped.
#[derive(Debug)]
pub struct Mount {
    at: PathBuf,
}

impl Mount {
    /// A tmpfs of so many KiB.
    ///
    /// # Errors
    /// [`CrashError::Home`] with what mount(8) says.
    pub fn tmpfs(at: &Path, kib: u32) -> Result<Self, CrashError> {
        let size = format!("size={kib}k,mode=700");
        run("mount", &["-t", "tmpfs", "-o", &size, "crash", &text(at)])?;
        Ok(Self { at: at.to_owned() })
    }

    /// A new ext4 of so many KiB in a file, without blocks reserved for root, which goes
    /// read-only at an error.
    ///
    /// # Errors
    /// [`CrashError::Home`] with what failed: mkfs.ext4(8) or mount(8).
    pub fn ext4(image: &Path, at: &Path, kib: u32) -> Result<Self, CrashError> {
        let size = format!("{kib}k");
        run("mkfs.ext4", &["-q", "-F", "-m", "0", &text(image), &size])?;
        Self::image(image, at)
    }

    /// An ext4 that was mounted before, checked and repaired.
    ///
    /// # Errors
    /// [`CrashError::Home`] with what failed.
    pub fn ext4_again(image: &Path, at: &Path) -> Result<Self, CrashError> {
        // Exit status 1 says that errors were corrected.
        let _ = run("e2fsck", &["-f", "-p", &text(image)]);
        Self::image(image, at)
    }

    fn image(image: &Path, at: &Path) -> Result<Self, CrashError> {
        let options = "loop,errors=remount-ro";
        run("mount", &["-o", options, &text(image), &text(at)])?;
        Ok(Self { at: at.to_owned() })
    }

    /// Mounts it anew, read-only.
    ///
    /// # Errors
    /// [`CrashError::Home`]: the kernel refuses while files are open for writing.
    pub fn make_read_only(&self) -> Result<(), CrashError> {
        run("mount", &["-o", "remount,ro", &text(&self.at)])
    }

    /// Mounts it anew, writable.
    ///
    /// # Errors
    /// [`CrashError::Home`].
    pub fn make_writable(&self) -> Result<(), CrashError> {
        run("mount", &["-o", "remount,rw", &text(&self.at)])
    }

    /// Has every write wait until the freeze is dropped, as on a disk that does not answer
    /// (fsfreeze(8)).
    ///
    /// # Errors
    /// [`CrashError`] with what fsfreeze(8) says.
    pub fn freeze(&self) -> Result<Freeze, CrashError> {
        // Who waits for a frozen disk cannot be killed: a run that is killed meanwhile must not
        // leave one behind.
        let at = text(&self.at);
        let thaw = Command::new("sh")
            .args([
                "-c",
                "trap '' INT TERM HUP; read _; sleep 1; exec fsfreeze -u \"$0\"",
                &at,
            ])
            .stdin(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .map_err(CrashError::doing("run sh"))?;
        let freeze = Freeze { at, thaw };
        run("fsfreeze", &["-f", &freeze.at])?;
        Ok(freeze)
    }

    /// Has ext4 meet an error of its own, so that it goes read-only under open files
    /// (Documentation/ABI/testing/sysfs-fs-ext4, `trigger_fs_error`).
    ///
    /// # Errors
    /// [`CrashError`] where sysfs cannot be written.
    pub fn fail_ext4(&self) -> Result<(), CrashError> {
        let device = output(
            "findmnt",
            &["-n", "-o", "SOURCE", "--target", &text(&self.at)],
        )?;
        let name = device.trim().trim_start_matches("/dev/").to_owned();
        let trigger = format!("/sys/fs/ext4/{name}/trigger_fs_error");
        std::fs::write(&trigger, "made to fail by a test\n")
            .map_err(CrashError::doing(format!("write {trigger}")))
    }
}

/// A file system that lets nobody write. Thawed when dropped, or when this process is gone.
#[derive(Debug)]
pub struct Freeze {
    at: String,
    thaw: Child,
}

impl Drop for Freeze {
    fn drop(&mut self) {
        let _ = run("fsfreeze", &["-u", &self.at]);
        // It would try once more.
        let _ = self.thaw.kill();
        let _ = self.thaw.wait();
    }
}

impl Drop for Mount {
    fn drop(&mut self) {
        // At the latest it goes with the namespace.
        let _ = run("umount", &[&text(&self.at)]);
    }
}

fn run(program: &str, arguments: &[&str]) -> Result<(), CrashError> {
    output(program, arguments).map(drop)
}

fn output(program: &str, arguments: &[&str]) -> Result<String, CrashError> {
    let output = Command::new(program)
        .args(arguments)
        .output()
        .map_err(CrashError::doing(format!("run {program}")))?;
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
    }
    Err(CrashError::Home(format!(
        "{program} {}: {}",
        arguments.join(" "),
        first_line(&output.stderr)
    )))
}

/// The rest tells where to read more.
fn first_line(bytes: &[u8]) -> String {
    let text = String::from_utf8_lossy(bytes);
    text.lines().next().unwrap_or_default().to_owned()
}

fn text(path: &Path) -> String {
    path.display().to_string()
}
