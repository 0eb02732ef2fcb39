//! What a scene shows afterwards.

use std::fs;
use std::path::Path;

use crate::Outcome;
use crate::machine::peak_memory_mib;
use crate::scene::Scene;
use crate::sekai::RPC;
use crate::signatures::Signatures;

/// A block that took more than one round.
#[derive(Clone, Copy, Debug)]
pub struct Late {
    /// Its height.
    pub height: u64,
    /// The round that agreed on it, from 1.
    pub round: u64,
}

impl Scene {
    /// The most memory that the validator's end of the tunnel ever had, in MiB.
    pub fn gateway_memory_mib(&mut self) -> Option<f64> {
        let id = self.gateway.as_mut()?.process().id();
        peak_memory_mib(id)
    }

    /// Every part that has ended by itself.
    pub fn ended(&mut self) -> Vec<&'static str> {
        let mut ended = Vec::new();
        if !self.sekai.is_running() {
            ended.push("the node");
        }
        if !self.signer.is_running() {
            ended.push("the signer");
        }
        let gateway = self.gateway.as_mut();
        if gateway.is_some_and(|gateway| !gateway.process().is_running()) {
            ended.push("the gateway");
        }
        ended
    }

    /// Every signature so far.
    pub fn signatures(&self) -> Signatures {
        Signatures::read(&self.signer.output())
    }

    /// Blocks that were not agreed on in the first round, up to the last but one.
    ///
    /// # Errors
    /// When the node does not tell.
    pub fn later_rounds(&self, from: u64) -> Outcome<Vec<Late>> {
        let last = self.watch.height();
        self.world.sekai.inside(|| {
            let mut found = Vec::new();
            for height in from..last {
                let round = RPC
                    .get(&format!("/commit?height={height}"))
                    .and_then(|answer| answer.pointer("/signed_header/commit/round")?.as_u64())
                    .ok_or_else(|| format!("the node does not tell of block {height}"))?;
                if round > 0 {
                    found.push(Late { height, round });
                }
            }
            Ok(found)
        })
    }

    /// What our gateway has said in all its lives.
    pub fn gateway_output(&self) -> String {
        read(&self.dir.join("gateway.log"))
    }

    /// The last lines of every part's log.
    pub fn last_words(&self) -> String {
        const LINES: usize = 12;
        let mut text = String::new();
        for (name, output) in [
            ("signer", self.signer.output()),
            ("sekaid", self.sekai.output()),
            ("gateway", self.gateway_output()),
            ("wireguard s", read(&self.dir.join("wireguard-s.log"))),
            ("wireguard v", read(&self.dir.join("wireguard-v.log"))),
        ] {
            // sekaid explains its options, indented, after each error.
            let lines = output.lines().filter(|line| !line.starts_with(' '));
            let lines: Vec<&str> = lines.collect();
            let from = lines.len().saturating_sub(LINES);
            for line in lines.get(from..).unwrap_or_default() {
                text += &format!("    {name}: {line}\n");
            }
        }
        text
    }
}

fn read(path: &Path) -> String {
    String::from_utf8_lossy(&fs::read(path).unwrap_or_default()).into_owned()
}
