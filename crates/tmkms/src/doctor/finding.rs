//! What a check found, and what mends it.
//!
//! Invariants:
//! - Whatever is not fine comes with what to do.
//! - An id never changes its meaning: programs and `docs/doctor.md` know it.
//! - No text commands the terminal: what came from elsewhere is printed without control characters.

use serde::Serialize;

/// How it stands with what was checked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// Nothing is wrong with it.
    Fine,
    /// It works, or may; or it could not be looked at.
    Warning,
    /// Signing cannot work with it, or is not safe.
    Broken,
}

/// One line of the result.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// `check.finding`.
    pub id: &'static str,
    /// How it stands.
    pub status: Status,
    /// What was found, in a sentence without its full stop.
    pub found: String,
    /// What mends it, one command or step each.
    pub remedy: Vec<String>,
}

impl Finding {
    /// All is well.
    pub fn fine(id: &'static str, found: impl Into<String>) -> Self {
        Self::new(id, Status::Fine, &found.into())
    }

    /// Somebody should look at it.
    pub fn warning(id: &'static str, found: impl Into<String>) -> Self {
        Self::new(id, Status::Warning, &found.into())
    }

    /// Somebody has to mend it.
    pub fn broken(id: &'static str, found: impl Into<String>) -> Self {
        Self::new(id, Status::Broken, &found.into())
    }

    /// What could not be looked at, and why.
    pub fn unseen(id: &'static str, what: &str, why: impl std::fmt::Display) -> Self {
        Self::warning(id, format!("could not look at {what}: {why}"))
    }

    fn new(id: &'static str, status: Status, found: &str) -> Self {
        Self {
            id,
            status,
            found: printable(found),
            remedy: Vec::new(),
        }
    }

    /// Adds what mends it.
    #[must_use]
    pub fn mend(mut self, step: impl Into<String>) -> Self {
        self.remedy.push(printable(&step.into()));
        self
    }

    /// Names the configuration file that is meant in what mends it.
    pub(super) fn for_configuration(&mut self, file: &str) {
        for step in &mut self.remedy {
            *step = step.replace("-c tmkms.toml", &format!("-c {}", printable(file)));
        }
    }

    /// The check that it belongs to: its id up to the dot.
    #[must_use]
    pub fn check(&self) -> &'static str {
        self.id.split('.').next().unwrap_or(self.id)
    }
}

/// Line ends stay: some texts have several lines.
fn printable(text: &str) -> String {
    let allowed = |c: &char| *c == '\n' || !c.is_control();
    text.trim_end().chars().filter(allowed).collect()
}

/// The worst of several.
#[must_use]
pub fn worst(findings: &[Finding]) -> Status {
    let statuses = findings.iter().map(|finding| finding.status);
    statuses.max().unwrap_or(Status::Fine)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_worst_counts() {
        let fine = Finding::fine("a.ok", "");
        let warning = Finding::warning("b.odd", "");
        let broken = Finding::broken("c.bad", "");
        assert_eq!(worst(&[]), Status::Fine);
        assert_eq!(worst(&[warning.clone(), fine.clone()]), Status::Warning);
        assert_eq!(worst(&[broken, warning, fine]), Status::Broken);
    }

    #[test]
    fn what_a_node_says_does_not_command_the_terminal() {
        let finding = Finding::broken("node.chain_id", "chain \x1b[2J\u{9b}x\r\ny ").mend("\x07z");
        assert_eq!(finding.found, "chain [2Jx\ny");
        assert_eq!(finding.remedy, ["z"]);
        assert_eq!(finding.check(), "node");
    }
}
