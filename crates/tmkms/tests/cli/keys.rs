//! `tmkms key encrypt`, `decrypt`, `backup`, `restore`, `rotate-identity`.

use crate::transcript::transcripts;

transcripts! { "keys":
    backup_and_restore
    encrypt_and_decrypt
    links
    not_a_key
    passphrase_places
    restore_of_something_else
    rotate_identity
    words
}
