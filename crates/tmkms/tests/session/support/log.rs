//! The log's lines, taken apart.

/// A line of the log: `TIME LEVEL TARGET: MESSAGE`.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Line<'a> {
    /// `INFO`, `WARN`, `ERROR`.
    pub(crate) level: &'a str,
    /// `tmkms::session`.
    pub(crate) target: &'a str,
    /// The rest.
    pub(crate) message: &'a str,
}

impl<'a> Line<'a> {
    /// Takes a line apart; `None` unless it has the very form of tmkms' lines: a UTC time with
    /// microseconds, the level in five columns, the target.
    pub(crate) fn parse(line: &'a str) -> Option<Self> {
        let (time, rest) = line.split_once(' ')?;
        let shape: String = time
            .chars()
            .map(|c| if c.is_ascii_digit() { '0' } else { c })
            .collect();
        if shape != "0000-00-00T00:00:00.000000Z" {
            return None;
        }
        let (level, rest) = rest.split_at_checked(5)?;
        let (target, message) = rest.strip_prefix(' ')?.split_once(": ")?;
        Some(Self {
            level: level.trim_start(),
            target,
            message,
        })
    }
}

/// True when the line is the guide's for a signature: `[ORIGIN] signed WHAT (N ms)` and no more,
/// where WHAT is `Prevote:4901A1C131 at h/r/s 51/0/1`.
pub(crate) fn signed_line(line: &str, origin: &str, what: &str) -> bool {
    let Some(line) = Line::parse(line) else {
        return false;
    };
    let ms = line
        .message
        .strip_prefix(&format!("[{origin}] signed {what} ("))
        .and_then(|rest| rest.strip_suffix(" ms)"));
    line.level == "INFO"
        && line.target == "tmkms::session"
        && ms.is_some_and(|ms| !ms.is_empty() && ms.bytes().all(|b| b.is_ascii_digit()))
}
