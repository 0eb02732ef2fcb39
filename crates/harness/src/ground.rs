//! Where the harness asks: a chain and heights at which a signature does no harm.
//!
//! Invariant: a [`Ground`] is that of no live chain, unless whoever made it said so.

use std::time::{SystemTime, UNIX_EPOCH};

use privval::{ChainId, Height};

/// How the chain of a harness begins.
const PREFIX: &str = "tmkms-harness-";

/// The chain that is asked for, unless another is named.
pub const CHAIN: &str = "tmkms-harness-1";

/// The lowest height that no chain has reached: one block a second would take 31,000 years.
pub const FIRST_HEIGHT: i64 = 1_000_000_000_000;

/// A chain, and the first height of a run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ground {
    chain_id: ChainId,
    first_height: Height,
}

/// Why nothing is asked for there.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NoGround {
    /// The chain may be a real one.
    #[error(
        "{0} may be a live chain, and what the signer signs for it are real signatures: a \
         proposal or a vote that this harness makes up would be the validator's own, and its real \
         one at the same height a double sign. Afterwards the signer refuses every height below \
         the last one of this run, so the validator stops signing. Leave --chain-id out, or name \
         one that begins with tmkms-harness-. --force asks all the same"
    )]
    MayBeLive(ChainId),
    /// The height may be a real one.
    #[error(
        "a chain may reach height {0}. Leave --height out, or name one from {FIRST_HEIGHT} on. \
         --force asks all the same"
    )]
    MayBeReached(Height),
    /// There is no room for a run above it.
    #[error("height {0} is too near the highest that there is: name a lower one")]
    TooHigh(Height),
}

impl Ground {
    /// Takes a chain and a first height; without one, a height that no earlier run had, so that
    /// the same signer can be tried again with the state that it has.
    ///
    /// # Errors
    /// [`NoGround`] unless neither can be that of a live chain, or `force` is set.
    pub fn new(
        chain_id: ChainId,
        first_height: Option<Height>,
        force: bool,
    ) -> Result<Self, NoGround> {
        /// More than a run asks for.
        const ROOM: i64 = 1_000_000;
        let first_height = first_height.unwrap_or_else(unused_height);
        if first_height.value() > i64::MAX - ROOM {
            return Err(NoGround::TooHigh(first_height));
        }
        if !force && !chain_id.as_str().starts_with(PREFIX) {
            return Err(NoGround::MayBeLive(chain_id));
        }
        if !force && first_height.value() < FIRST_HEIGHT {
            return Err(NoGround::MayBeReached(first_height));
        }
        Ok(Self {
            chain_id,
            first_height,
        })
    }

    /// The chain.
    #[must_use]
    pub fn chain_id(&self) -> &ChainId {
        &self.chain_id
    }

    /// The first height of the run.
    #[must_use]
    pub fn first_height(&self) -> Height {
        self.first_height
    }

    /// True where only `force` leads.
    #[must_use]
    pub fn is_forced(&self) -> bool {
        !self.chain_id.as_str().starts_with(PREFIX) || self.first_height.value() < FIRST_HEIGHT
    }
}

/// A thousand times the milliseconds since 1970: a run takes less than a thousand heights for
/// each of its milliseconds, so the next one begins above it. Every program that keeps numbers as
/// JavaScript does can hold it.
fn unused_height() -> Height {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    let ms = since.unwrap_or_default().as_millis();
    let height = i64::try_from(ms).unwrap_or_default().saturating_mul(1000);
    Height::try_from(height.max(FIRST_HEIGHT)).unwrap_or(Height::FIRST)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ground(chain: &str, height: Option<i64>, force: bool) -> Result<Ground, String> {
        let height = height.map(|height| Height::try_from(height).unwrap());
        Ground::new(ChainId::new(chain).unwrap(), height, force).map_err(|e| e.to_string())
    }

    #[test]
    fn chain_that_may_be_live_is_refused_and_told_why() {
        for chain in ["testnet-1", "cosmoshub-4", "harness-1", "tmkms-harness"] {
            let text = ground(chain, None, false).unwrap_err();
            assert!(text.starts_with(&format!("{chain} may be a live chain")));
            assert!(text.contains("real signatures"), "{text}");
            let forced = ground(chain, None, true).unwrap();
            assert!(forced.is_forced());
        }
        assert!(!ground(CHAIN, None, false).unwrap().is_forced());
    }

    #[test]
    fn height_that_a_chain_may_reach_is_refused() {
        let text = ground(CHAIN, Some(FIRST_HEIGHT - 1), false).unwrap_err();
        assert!(text.starts_with("a chain may reach height 999999999999."));
        assert!(ground(CHAIN, Some(FIRST_HEIGHT), false).is_ok());
        assert!(ground(CHAIN, Some(1), true).unwrap().is_forced());
        assert!(ground(CHAIN, Some(i64::MAX), true).is_err());
    }

    #[test]
    fn height_of_a_later_run_is_above_that_of_an_earlier_one() {
        let first = ground(CHAIN, None, false).unwrap().first_height();
        std::thread::sleep(std::time::Duration::from_millis(2));
        let second = ground(CHAIN, None, false).unwrap().first_height();
        assert!(second.value() >= first.value() + 1000);
        assert!(first.value() > FIRST_HEIGHT && first.value() < 1 << 53);
    }
}
