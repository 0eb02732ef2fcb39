//! Two machines and a network between them.
//!
//! ```text
//! signer 198.51.100.2 ── .1 internet 203.0.113.1 ── .2 validator
//! ```

use std::path::Path;

use e2e::namespace::Namespace;
use e2e::world::{BACK, FRONT, SIGNER, VALIDATOR};

use crate::Outcome;
use crate::kit::Kit;
use crate::machine::Machine;
use crate::shell::Shell;
use crate::stage::Stage;

/// Both machines, each with a clone.
pub(super) struct Pair {
    pub(super) validator: Machine,
    pub(super) signer: Machine,
    pub(super) internet: Namespace,
    pub(super) validator_kit: Kit,
    pub(super) signer_kit: Kit,
}

impl Pair {
    pub(super) fn create(stage: &Stage, folder: &Path) -> Outcome<Self> {
        let machine = |role| Machine::create(role, folder, stage);
        let (validator, signer) = (machine("validator")?, machine("signer")?);
        let internet = Namespace::create("internet")?;
        let pair = Self {
            validator_kit: validator.clone_kit("sekin")?,
            signer_kit: signer.clone_kit("sekin")?,
            validator,
            signer,
            internet,
        };
        pair.wire()?;
        let home = pair.signer.home().display();
        // What `scp -pr WHAT signer.example.com:` does.
        let scp = format!("#!/bin/sh\nexec cp -pr \"$2\" {home}/\n");
        pair.validator.install("scp", &scp)?;
        Ok(pair)
    }

    fn wire(&self) -> Outcome {
        let (validator, signer) = (&self.validator.namespace, &self.signer.namespace);
        signer.wire("eth0", &self.internet, "signer")?;
        validator.wire("eth0", &self.internet, "validator")?;
        signer.ip(&format!(
            "address add {SIGNER}/24 dev eth0\nroute add default via {FRONT}"
        ))?;
        validator.ip(&format!(
            "address add {VALIDATOR}/24 dev eth0\nroute add default via {BACK}"
        ))?;
        self.internet.ip(&format!(
            "address add {FRONT}/24 dev signer\naddress add {BACK}/24 dev validator"
        ))?;
        self.internet.sysctl("net/ipv4/ip_forward", "1")
    }

    /// A shell in `deploy/` of the validator's machine.
    pub(super) fn validator_shell(&self) -> Shell<'_> {
        let shell = self.validator.shell(&self.validator_kit.deploy());
        shell.replacing("validator.example.com", &VALIDATOR.to_string())
    }

    /// One in `deploy/` of the signer's machine.
    pub(super) fn signer_shell(&self) -> Shell<'_> {
        self.signer.shell(&self.signer_kit.deploy())
    }
}
