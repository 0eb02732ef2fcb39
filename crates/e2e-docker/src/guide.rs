//! The guide, by the parts that scenes play.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::path::Path;
use std::rc::Rc;

use crate::Outcome;
use crate::document::{self, Step};

/// What a scene plays of the guide.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// The chapter Development.
    Development,
    /// Its steps up to a chain of one's own.
    NewNode,
    /// A node that joins a network, in place of one's own chain.
    Joining,
    /// Production, on the validator's machine.
    Validator,
    /// Production, on the signer's machine.
    Signer,
    /// What is done on the validator's machine once the signer is there.
    Later,
    /// Stock WireGuard in place of the gateway.
    StockWireGuard,
    /// sekai in the host's network in place of the gateway.
    HostNetwork,
    /// Troubleshooting where the node is.
    WhereTheNodeIs,
    /// Troubleshooting where the signer is alone.
    WhereTheSignerIsAlone,
}

impl Part {
    fn has(self, headings: &[String]) -> bool {
        let below = |text: &str| headings.iter().any(|heading| heading == text);
        let first_steps = || {
            let mut numbers = ["1.", "2.", "3."].iter();
            numbers.any(|number| headings.iter().any(|heading| heading.starts_with(number)))
        };
        match self {
            Self::Development => below("Development"),
            Self::NewNode => below("Development") && first_steps(),
            Self::Joining => headings
                .last()
                .is_some_and(|heading| heading == "Production"),
            Self::Validator => below("On the validator's machine"),
            Self::Signer => below("On the signer's machine"),
            Self::Later => below("On the validator's machine, later"),
            Self::StockWireGuard => below("Stock WireGuard in sekai's network"),
            Self::HostNetwork => below("sekai in the host's network"),
            Self::WhereTheNodeIs => below("Where the node is"),
            Self::WhereTheSignerIsAlone => below("Where the signer is alone"),
        }
    }
}

/// The guide, as it stands in a clone.
#[derive(Clone, Debug)]
pub struct Guide(Vec<Step>);

impl Guide {
    /// Reads it.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn read(path: &Path) -> Outcome<Self> {
        document::steps(path).map(Self)
    }

    /// The commands of a part, in their order.
    ///
    /// # Errors
    /// When there is none: then the guide has changed, and nobody has told the scenes.
    pub fn part(&self, part: Part) -> Outcome<Vec<&Step>> {
        let is_in = |step: &&Step| !step.is_mentioned && part.has(&step.headings);
        let steps: Vec<&Step> = self.0.iter().filter(is_in).collect();
        if steps.is_empty() {
            return Err(format!("the guide has no command for {part:?}"));
        }
        Ok(steps)
    }

    /// A command that a sentence or a table mentions.
    ///
    /// # Errors
    /// When none does.
    pub fn mention(&self, command: &str) -> Outcome<&Step> {
        let is_it = |step: &&Step| step.is_mentioned && step.command == command;
        let found = self.0.iter().find(is_it);
        found.ok_or_else(|| format!("the guide does not mention `{command}`"))
    }
}

/// What was typed in a run, by all its scenes.
#[derive(Clone, Debug, Default)]
pub struct Ledger(Rc<RefCell<BTreeSet<String>>>);

impl Ledger {
    /// Notes a command that is run as it stands.
    pub fn note(&self, step: &Step) {
        self.0.borrow_mut().insert(step.command.clone());
    }

    /// The commands of the guide that no scene has run.
    pub fn missing<'a>(&self, guide: &'a Guide) -> Vec<&'a Step> {
        let typed = self.0.borrow();
        let steps = guide.0.iter();
        steps
            .filter(|step| !typed.contains(&step.command))
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PARTS: [Part; 9] = [
        Part::Development,
        Part::Joining,
        Part::Validator,
        Part::Signer,
        Part::Later,
        Part::StockWireGuard,
        Part::HostNetwork,
        Part::WhereTheNodeIs,
        Part::WhereTheSignerIsAlone,
    ];

    fn guide() -> Guide {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/guide.md");
        Guide::read(&path).unwrap()
    }

    #[test]
    fn every_command_of_the_guide_is_in_one_part() {
        let guide = guide();
        for step in guide.0.iter().filter(|step| !step.is_mentioned) {
            let parts: Vec<Part> = PARTS
                .into_iter()
                .filter(|part| part.has(&step.headings))
                .collect();
            assert_eq!(parts.len(), 1, "{}: `{}`", step.at, step.command);
        }
        for part in PARTS.into_iter().chain([Part::NewNode]) {
            guide.part(part).unwrap();
        }
    }

    #[test]
    fn a_command_is_missing_until_it_was_run() {
        let guide = guide();
        let ledger = Ledger::default();
        assert_eq!(ledger.missing(&guide).len(), guide.0.len());
        for step in guide.part(Part::Development).unwrap() {
            ledger.note(step);
        }
        let missing = ledger.missing(&guide);
        assert!(!missing.is_empty());
        let is_development = |step: &&Step| Part::Development.has(&step.headings);
        assert!(
            missing
                .iter()
                .filter(|step| is_development(step))
                .all(|step| step.is_mentioned)
        );
    }
}
