//! Asking a person at the terminal, without showing what is typed.
//!
//! Invariant: the terminal is as it was before when the answer is there, or when the person gives
//! up with Ctrl-C.

use crate::Passphrase;
use crate::passphrase::{MAX_PASSPHRASE, PassphraseProblem};
use rustix::termios::{LocalModes, OptionalActions, Termios, tcgetattr, tcsetattr};
use std::fs::{File, OpenOptions};
use std::io::{self, ErrorKind, Read, Write};
use zeroize::Zeroizing;

const CTRL_C: u8 = 3;
const CTRL_D: u8 = 4;
const BACKSPACES: [u8; 2] = [8, 127];
const CTRL_U: u8 = 21;

/// Asks once. The terminal is the process' own, wherever standard input and output lead.
pub(crate) fn ask(question: &str) -> Result<Passphrase, PassphraseProblem> {
    let terminal = OpenOptions::new().read(true).write(true).open("/dev/tty");
    let mut terminal = terminal.map_err(|_| PassphraseProblem::NoTerminal)?;
    let answer = answer(&mut terminal, question).map_err(PassphraseProblem::Terminal)?;
    answer.map_or(Err(PassphraseProblem::Interrupted), |line| {
        Passphrase::first_line(&line)
    })
}

fn answer(terminal: &mut File, question: &str) -> io::Result<Option<Zeroizing<Vec<u8>>>> {
    let hidden = Hidden::new(terminal.try_clone()?)?;
    terminal.write_all(question.as_bytes())?;
    let line = line(terminal);
    drop(hidden);
    terminal.write_all(b"\n")?;
    line
}

/// Without echo, and without signals: a process that ended here would leave the terminal mute.
struct Hidden {
    terminal: File,
    before: Termios,
}

impl Hidden {
    fn new(terminal: File) -> io::Result<Self> {
        let before = tcgetattr(&terminal)?;
        let mut modes = before.clone();
        modes
            .local_modes
            .remove(LocalModes::ECHO | LocalModes::ICANON | LocalModes::ISIG);
        // Flush: what was typed before the question is no answer to it.
        tcsetattr(&terminal, OptionalActions::Flush, &modes)?;
        Ok(Self { terminal, before })
    }
}

impl Drop for Hidden {
    fn drop(&mut self) {
        let _ = tcsetattr(&self.terminal, OptionalActions::Flush, &self.before);
    }
}

/// The line that is typed; `None` when the person gives up.
fn line(stream: &mut impl Read) -> io::Result<Option<Zeroizing<Vec<u8>>>> {
    let mut line = Zeroizing::new(Vec::with_capacity(MAX_PASSPHRASE + 8));
    let mut byte = Zeroizing::new([0]);
    while line.len() <= MAX_PASSPHRASE + 1 {
        match stream.read(&mut *byte) {
            Ok(0) => return Ok(None),
            Ok(_) => {}
            Err(error) if error.kind() == ErrorKind::Interrupted => continue,
            Err(error) => return Err(error),
        }
        let [typed] = *byte;
        match typed {
            b'\n' | b'\r' => break,
            CTRL_C => return Ok(None),
            CTRL_D if line.is_empty() => return Ok(None),
            CTRL_U => line.clear(),
            _ if BACKSPACES.contains(&typed) => take_back(&mut line),
            _ => line.push(typed),
        }
    }
    Ok(Some(line))
}

/// Takes the last character back, which has more than one byte outside ASCII.
fn take_back(line: &mut Vec<u8>) {
    while line.pop().is_some_and(|byte| byte & 0xc0 == 0x80) {}
}

#[cfg(test)]
mod tests {
    use super::*;

    fn typed(text: &[u8]) -> Option<Vec<u8>> {
        line(&mut &text[..]).unwrap().map(|line| line.to_vec())
    }

    #[test]
    fn a_line_can_be_corrected_and_given_up() {
        assert_eq!(typed(b"abc\n"), Some(b"abc".to_vec()));
        assert_eq!(typed(b"abc\r"), Some(b"abc".to_vec()));
        assert_eq!(typed(b"abx\x7fc\x08c\n"), Some(b"abc".to_vec()));
        assert_eq!(typed("aé\x7fb\n".as_bytes()), Some(b"ab".to_vec()));
        assert_eq!(typed(b"wrong\x15right\n"), Some(b"right".to_vec()));
        assert_eq!(typed(b"\x7f\x7fa\n"), Some(b"a".to_vec()));
        assert_eq!(typed(b"abc\x03\n"), None);
        assert_eq!(typed(b"\x04"), None);
        assert_eq!(typed(b"cut off"), None);
    }
}
