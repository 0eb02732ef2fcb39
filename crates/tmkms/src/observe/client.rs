//! Asking a running process for its status.

use std::io::{self, ErrorKind, Read as _};
use std::os::unix::fs::FileTypeExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::Deserialize;
use serde_json::Value;

use super::document::{Document, FORMAT};
use super::socket::connect;

/// How long a process may take for each step. It answers within a millisecond unless the machine
/// is overloaded.
const PATIENCE: Duration = Duration::from_secs(5);

/// Far more than any process has to tell, in bytes.
const MAX_LEN: u64 = 16 << 20;

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub enum AskError {
    /// There is no socket.
    #[error("no signer runs here: {} does not exist. Start it with `tmkms start -c FILE`, with the same tmkms.toml; one in a container is asked in that container", .0.display())]
    NoSocket(PathBuf),
    /// Nobody listens.
    #[error("no signer runs here: the one that made {} has ended without removing it, so it was killed or crashed: see the end of its log", .0.display())]
    Abandoned(PathBuf),
    /// Something else is there.
    #[error("{} is not a socket, so no signer listens there: move it away and start the signer anew, or name another path, [status] socket = \"PATH\" in tmkms.toml", .0.display())]
    NotASocket(PathBuf),
    /// It is somebody else's.
    #[error("{} may not be opened by this user: ask as the user that runs the signer, or as root", .0.display())]
    Denied(PathBuf),
    /// It is there and does not answer.
    #[error("the signer at {} does not answer ({source}): it is stopped or overloaded, or what listens there is no signer", .path.display())]
    Silent {
        /// The socket.
        path: PathBuf,
        /// What happened.
        source: io::Error,
    },
    /// The answer is not understood.
    #[error("the answer from {} is not understood ({reason}): what listens there is no signer, or one of another version than this command", .path.display())]
    NotUnderstood {
        /// The socket.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
}

/// An answer.
#[derive(Clone, Debug)]
pub struct Answer {
    /// As it came: one line of JSON, without a line end.
    pub text: String,
    /// What it says.
    pub document: Document,
}

/// Asks the process that listens at a path.
///
/// # Errors
/// [`AskError`].
pub fn ask(path: &Path) -> Result<Answer, AskError> {
    let text = read(path).map_err(|source| classify(path, source))?;
    let text = harmless(text.trim_end());
    let document = parse(&text).map_err(|reason| AskError::NotUnderstood {
        path: path.to_owned(),
        reason,
    })?;
    Ok(Answer { text, document })
}

fn read(path: &Path) -> io::Result<String> {
    let mut text = String::new();
    connect(path, PATIENCE)?
        .take(MAX_LEN)
        .read_to_string(&mut text)?;
    Ok(text)
}

fn classify(path: &Path, source: io::Error) -> AskError {
    let path = path.to_owned();
    match source.kind() {
        ErrorKind::NotFound | ErrorKind::NotADirectory => AskError::NoSocket(path),
        ErrorKind::ConnectionRefused if is_socket(&path) => AskError::Abandoned(path),
        ErrorKind::ConnectionRefused => AskError::NotASocket(path),
        ErrorKind::PermissionDenied => AskError::Denied(path),
        ErrorKind::InvalidData => AskError::NotUnderstood {
            path,
            reason: "it is not a text".to_owned(),
        },
        _ => AskError::Silent { path, source },
    }
}

fn is_socket(path: &Path) -> bool {
    std::fs::metadata(path).is_ok_and(|found| found.file_type().is_socket())
}

/// Root may ask a signer that somebody has taken over: nothing that it says commands the terminal.
/// What JSON escapes stays escaped.
fn harmless(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).collect()
}

/// The same for texts as they are once JSON's escapes are undone.
fn make_harmless(value: &mut Value) {
    match value {
        Value::String(text) => *text = harmless(text),
        Value::Array(items) => items.iter_mut().for_each(make_harmless),
        Value::Object(fields) => fields.values_mut().for_each(make_harmless),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

fn parse(text: &str) -> Result<Document, String> {
    #[derive(Deserialize)]
    struct Versioned {
        format: u32,
    }
    let Versioned { format } = serde_json::from_str(text).map_err(|e| e.to_string())?;
    if format != FORMAT {
        return Err(format!("it has format {format}, not {FORMAT}"));
    }
    let mut value: Value = serde_json::from_str(text).map_err(|e| e.to_string())?;
    make_harmless(&mut value);
    serde_json::from_value(value).map_err(|e| e.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write as _;
    use std::os::unix::net::UnixListener;
    use std::sync::Arc;

    use crate::observe::{server::Server, socket::Socket, source::Source};

    /// What `ask` makes of a listener that says this.
    fn told(said: &[u8]) -> String {
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join("s");
        let listener = UnixListener::bind(&path).unwrap();
        std::thread::scope(|scope| {
            scope.spawn(|| listener.accept().unwrap().0.write_all(said).unwrap());
            let error = ask(&path).unwrap_err().to_string();
            error.replace(&path.display().to_string(), "SOCKET")
        })
    }

    #[test]
    fn process_without_chains_answers_until_it_ends() {
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join("run/status.sock");
        let server = Server::start(Socket::bind(&path).unwrap(), Arc::default()).unwrap();
        for _ in 0..3 {
            let answer = ask(&path).unwrap();
            assert_eq!(answer.document.pid, std::process::id());
            assert_eq!(answer.document.version, env!("CARGO_PKG_VERSION"));
            assert!(answer.text.starts_with(r#"{"format":1,"version":""#));
        }
        drop(server);
        assert!(matches!(ask(&path), Err(AskError::NoSocket(_))));
    }

    #[test]
    fn clients_that_never_read_hold_up_nobody_for_long() {
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join("status.sock");
        let _server = Server::start(Socket::bind(&path).unwrap(), Arc::default()).unwrap();
        let silent: Vec<_> = (0..5).map(|_| connect(&path, PATIENCE).unwrap()).collect();
        ask(&path).unwrap();
        drop(silent);
    }

    #[test]
    fn what_is_no_status_is_named() {
        let tail = ": what listens there is no signer, or one of another version than this command";
        for (said, reason) in [
            (&b""[..], "EOF while parsing a value at line 1 column 0"),
            (b"{}", "missing field `format` at line 1 column 2"),
            (b"\xff\xfe", "it is not a text"),
            (br#"{"format":2}"#, "it has format 2, not 1"),
        ] {
            let expected = format!("the answer from SOCKET is not understood ({reason}){tail}");
            assert_eq!(told(said), expected);
        }
    }

    #[test]
    fn nothing_that_is_said_commands_the_terminal() {
        let mut said = Source::default().document();
        said.version = "1\u{1b}]0;title\u{7}\u{9b}2J".to_owned();
        let text = harmless(&serde_json::to_string(&said).unwrap());
        let read = parse(&text).unwrap();
        assert_eq!(read.version, "1]0;title2J");
        assert!(!text.contains(char::is_control), "{text}");
    }

    #[test]
    fn socket_that_a_killed_process_left_is_told_from_none() {
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join("s");
        assert!(matches!(ask(&path), Err(AskError::NoSocket(_))));
        drop(UnixListener::bind(&path).unwrap());
        assert!(matches!(ask(&path), Err(AskError::Abandoned(_))));
    }
}
