//! `tmkms key show`.

use crate::transcript::transcripts;

transcripts! { "key_show":
    base64
    every_network
    format_that_is_asked_for
    json
    no_key
    open_to_others
    secp256k1
    standard_input
}
