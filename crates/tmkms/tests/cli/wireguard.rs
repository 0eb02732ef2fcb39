//! `tmkms wireguard`, and `[wireguard]` in tmkms.toml.

use crate::transcript::transcripts;

transcripts! { "wireguard":
    keys
    pair
    pair_mistakes
    pair_with_everything
    pair_writes_both_or_none
    tunnels_in_the_configuration
    tunnels_with_mistakes
}
