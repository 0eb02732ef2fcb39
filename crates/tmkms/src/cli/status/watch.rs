//! The live view: the whole terminal, drawn anew each second.
//!
//! Invariant: the terminal is as it was before when this ends, by `q`, by Ctrl-C or by a signal.

use std::fs::{File, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use rustix::termios::{
    LocalModes, OptionalActions, SpecialCodeIndex, Termios, Winsize, tcgetattr, tcgetwinsize,
    tcsetattr,
};
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};

use crate::cli::Failure;

const CTRL_C: u8 = 3;

/// Where the second column of the text begins.
const INDENT: usize = 15;

/// Its own page, without a cursor, and without wrapped lines.
const ENTER: &str = "\x1b[?1049h\x1b[?25l\x1b[?7l";
const LEAVE: &str = "\x1b[?7h\x1b[?25h\x1b[?1049l";

/// Draws what `tell` says until somebody has seen enough.
///
/// # Errors
/// When there is no terminal.
pub(super) fn run(mut tell: impl FnMut() -> String) -> Result<(), Failure> {
    // Before the terminal is changed: from then on nothing may end this half way.
    let ended = Arc::new(AtomicBool::new(false));
    for signal in [SIGINT, SIGTERM, SIGHUP] {
        signal_hook::flag::register(signal, Arc::clone(&ended))?;
    }
    let mut screen = Screen::open().map_err(|e| {
        Failure::new(format!(
            "--watch needs a terminal ({e}): in Docker, `docker exec -it`; without one, `tmkms \
             status`"
        ))
    })?;
    while !ended.load(Ordering::SeqCst) {
        screen.draw(&tell())?;
        if screen.is_enough()? {
            break;
        }
    }
    Ok(())
}

/// The process' own terminal, wherever standard input and output lead.
struct Screen {
    terminal: File,
    before: Termios,
}

impl Screen {
    fn open() -> io::Result<Self> {
        let mut terminal = OpenOptions::new().read(true).write(true).open("/dev/tty")?;
        let before = tcgetattr(&terminal)?;
        let mut modes = before.clone();
        modes
            .local_modes
            .remove(LocalModes::ECHO | LocalModes::ICANON | LocalModes::ISIG);
        // A read ends with the first key, or after 10 tenths of a second without one.
        modes.special_codes[SpecialCodeIndex::VMIN] = 0;
        modes.special_codes[SpecialCodeIndex::VTIME] = 10;
        tcsetattr(&terminal, OptionalActions::Flush, &modes)?;
        let entered = terminal.write_all(ENTER.as_bytes());
        // From here on `drop` puts it back.
        let screen = Self { terminal, before };
        entered.map(|()| screen)
    }

    fn draw(&mut self, text: &str) -> io::Result<()> {
        let size = tcgetwinsize(&self.terminal)?;
        self.terminal.write_all(page(text, size).as_bytes())
    }

    /// Waits for a second or a key; true for one that ends the view.
    fn is_enough(&mut self) -> io::Result<bool> {
        let mut keys = [0; 32];
        match self.terminal.read(&mut keys) {
            Ok(count) => {
                let typed = keys.get(..count).unwrap_or_default();
                Ok(typed.iter().any(|key| [b'q', b'Q', CTRL_C].contains(key)))
            }
            Err(e) if e.kind() == io::ErrorKind::Interrupted => Ok(false),
            Err(e) => Err(e),
        }
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        // A terminal that is gone needs nothing put back.
        let _ = self.terminal.write_all(LEAVE.as_bytes());
        let _ = tcsetattr(&self.terminal, OptionalActions::Flush, &self.before);
    }
}

/// A text as a page: over the old one, the rest cleared, the last line for help. A word that is
/// too long is cut by the terminal.
fn page(text: &str, size: Winsize) -> String {
    // Some terminals over a serial line do not know their size.
    let or = |known: u16, usual| if known == 0 { usual } else { known };
    let rows = usize::from(or(size.ws_row, 24));
    let columns = usize::from(or(size.ws_col, 80));
    let room = rows.saturating_sub(1);
    let lines: Vec<String> = text.lines().flat_map(|it| wrapped(it, columns)).collect();
    let mut page = "\x1b[H".to_owned();
    for line in lines.iter().take(room) {
        page.push_str(line);
        page.push_str("\x1b[0m\x1b[K\r\n");
    }
    let below = lines.len().saturating_sub(room);
    let more = if below > 0 {
        format!(" ({below} more lines below)")
    } else {
        String::new()
    };
    // The help is in the last line, whatever is above.
    page.push_str(&format!("\x1b[J\x1b[{rows};1Hq quits{more}"));
    page
}

/// A line of the table in lines that fit, the later ones under its second column.
fn wrapped(line: &str, columns: usize) -> Vec<String> {
    let Some((name, value)) = line.split_at_checked(INDENT) else {
        return vec![line.to_owned()];
    };
    if width(line) <= columns {
        return vec![line.to_owned()];
    }
    let mut words = value.split(' ');
    let mut lines = Vec::new();
    let mut current = name.to_owned() + words.next().unwrap_or_default();
    for word in words {
        if width(&current) + 1 + width(word) > columns {
            lines.push(current);
            current = " ".repeat(INDENT) + word;
        } else {
            current = current + " " + word;
        }
    }
    lines.push(current);
    lines
}

/// How many columns a text takes, colours left out.
fn width(text: &str) -> usize {
    let mut in_code = false;
    let takes_column = |c: &char| {
        let was_in_code = in_code;
        in_code = *c == '\x1b' || (in_code && *c != 'm');
        !was_in_code && !in_code
    };
    text.chars().filter(takes_column).count()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn size(rows: u16) -> Winsize {
        Winsize {
            ws_row: rows,
            ws_col: 80,
            ws_xpixel: 0,
            ws_ypixel: 0,
        }
    }

    #[test]
    fn page_covers_the_old_one_and_has_its_help_in_the_last_line() {
        let drawn = page("one\ntwo\n", size(4));
        let expected = "\x1b[Hone\x1b[0m\x1b[K\r\ntwo\x1b[0m\x1b[K\r\n\x1b[J\x1b[4;1Hq quits";
        assert_eq!(drawn, expected);
    }

    #[test]
    fn text_higher_than_the_window_says_how_much_is_missing() {
        let drawn = page("1\n2\n3\n4\n5\n", size(4));
        assert!(
            drawn.contains("3\x1b[0m") && !drawn.contains("4\x1b[0m"),
            "{drawn:?}"
        );
        assert!(
            drawn.ends_with("\x1b[4;1Hq quits (2 more lines below)"),
            "{drawn:?}"
        );
    }

    #[test]
    fn long_lines_go_on_under_their_second_column() {
        let line = "  node         tcp://a:26659: \x1b[1;31mnot connected\x1b[0m for 3 min, 1 try";
        assert_eq!(width(line), 60);
        assert_eq!(wrapped(line, 60), [line]);
        let expected = [
            "  node         tcp://a:26659: \x1b[1;31mnot",
            "               connected\x1b[0m for 3 min, 1",
            "               try",
        ];
        assert_eq!(wrapped(line, 39), expected);
        let head = "can sign: tmkms 0.1.0, process 7";
        let expected = ["can sign: tmkms 0.1.0,", "               process 7"];
        assert_eq!(wrapped(head, 25), expected);
        for uncut in ["x".repeat(50), "too narrow".to_owned()] {
            assert_eq!(wrapped(&uncut, 5), [uncut]);
        }
    }

    #[test]
    fn window_without_a_size_is_taken_for_a_usual_one() {
        assert!(page("1\n", size(0)).ends_with("\x1b[24;1Hq quits"));
    }
}
