//! Keeps secrets out of error messages, which quote lines of the file.
//!
//! An operator can name the wrong file (`-c secrets/kms-identity.key`) or write a password into
//! the right one. Whatever a message quotes has gone through [`mask_secrets`] first.

/// Field names whose value is a secret: two that tmkms takes in plain text, and what people write
/// where they were to name a file with a passphrase.
const SECRET_FIELDS: [&str; 5] = ["password", "api_key", "passphrase", "passwd", "pass"];

/// The shortest run of base64 that can hold a 32-byte key (43 digits and one `=`).
const BASE64_KEY_LEN: usize = 43;

/// A single word of base64 of this length is more likely a part of a key than a configuration.
const CUT_KEY_LEN: usize = 32;

/// The digits of a 32-byte key in hexadecimal, and of one with its public half.
const HEX_KEY_LENS: [usize; 2] = [64, 128];

/// Whether the whole text is a private key rather than a configuration.
#[must_use]
pub fn is_private_key(text: &str) -> bool {
    let text = text.trim();
    let only_digits = text.chars().all(|c| is_base64_digit(c) || c == '=');
    text.contains("\"priv_key\"")
        || text.contains("PRIVATE KEY-----")
        // Also one that lost its end: no configuration is a single word of that length.
        || (text.len() >= CUT_KEY_LEN && only_digits)
}

/// As [`mask_secrets`], for a piece that was cut out of a line and may have lost the `=` at the
/// end of a key.
pub(crate) fn mask_piece(piece: &str) -> String {
    let masked = mask_secrets(piece);
    let word = masked.trim_matches(['"', '\'', '=', ' ']);
    if word.len() >= BASE64_KEY_LEN - 1 && word.chars().all(is_base64_digit) {
        return stars(piece);
    }
    masked
}

/// The text with everything that looks like a secret replaced by `*`; its length in bytes and
/// all line ends stay, so offsets stay valid.
#[must_use]
pub fn mask_secrets(text: &str) -> String {
    let lines = text.split_inclusive('\n').map(mask_line);
    lines.collect()
}

fn mask_line(line: &str) -> String {
    let secret_from = SECRET_FIELDS
        .iter()
        .filter_map(|field| secret_value_start(line, field))
        .min();
    let (head, tail) = line
        .split_at_checked(secret_from.unwrap_or(line.len()))
        .unwrap_or((line, ""));
    mask_keys(head) + &stars(tail)
}

/// The offset of the value in `field = …`.
fn secret_value_start(line: &str, field: &str) -> Option<usize> {
    line.match_indices(field).find_map(|(at, _)| {
        let rest = line.get(at + field.len()..)?;
        let equals = rest.trim_start_matches(['"', '\'', ' ', '\t']);
        let value = equals.strip_prefix('=')?.trim_start();
        Some(line.len() - value.len())
    })
}

/// Masks each run of key-like digits in a line.
fn mask_keys(line: &str) -> String {
    let mut masked = String::with_capacity(line.len());
    let mut rest = line;
    while !rest.is_empty() {
        let end = rest
            .find(|c: char| !is_base64_digit(c))
            .unwrap_or(rest.len());
        let (run, after) = rest.split_at_checked(end).unwrap_or((rest, ""));
        if is_key(run, after) {
            masked.push_str(&stars(run));
        } else {
            masked.push_str(run);
        }
        let mut chars = after.chars();
        masked.extend(chars.next());
        rest = chars.as_str();
    }
    masked
}

fn is_base64_digit(c: char) -> bool {
    c.is_ascii_alphanumeric() || c == '+' || c == '/'
}

fn is_key(run: &str, after: &str) -> bool {
    let padded = run.len() >= BASE64_KEY_LEN && after.starts_with('=');
    let hex = HEX_KEY_LENS.contains(&run.len()) && run.chars().all(|c| c.is_ascii_hexdigit());
    padded || hex
}

/// As many `*` as the text has bytes; line ends and quotes stay.
#[must_use]
pub fn stars(text: &str) -> String {
    let star = |c: char| match c {
        '\n' | '\r' | '"' | '\'' => c.to_string(),
        _ => "*".repeat(c.len_utf8()),
    };
    text.chars().map(star).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: &str = "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=";

    #[test]
    fn a_base64_key_is_masked_and_nothing_moves() {
        let text = format!("id = \"a\"\npath = \"{KEY}\" # é\nx = 1\n");
        let masked = mask_secrets(&text);
        assert_eq!(masked.len(), text.len());
        assert!(!masked.contains("MDEy"), "{masked}");
        assert!(masked.contains("id = \"a\"\n") && masked.ends_with("x = 1\n"));
    }

    #[test]
    fn a_key_without_its_end_is_masked_where_it_stands_alone() {
        let cut = KEY.trim_end_matches('=');
        assert_eq!(mask_piece(cut), "*".repeat(cut.len()));
        assert_eq!(mask_piece("tru"), "tru");
        assert!(is_private_key(KEY.get(..40).unwrap()));
        assert!(!is_private_key("chain = 1"));
    }

    #[test]
    fn a_password_is_masked_and_its_file_is_not() {
        let masked = mask_secrets("auth = { key = 1, password = \"hünter2\" }\n");
        assert!(
            masked.contains("key = 1, password =") && !masked.contains("nter2"),
            "{masked}"
        );
        let line = "auth = { key = 1, password_file = \"/etc/pw\" }";
        assert_eq!(mask_secrets(line), line);
    }

    #[test]
    fn a_passphrase_in_the_configuration_is_masked_and_where_it_is_kept_is_not() {
        for field in ["passphrase", "passwd", "pass"] {
            let masked = mask_secrets(&format!("{field} = \"correct horse\"\n"));
            assert_eq!(masked, format!("{field} = \"*************\"\n"));
        }
        for kept in ["passphrase_file = \"a\"", "passphrase_fd = 3"] {
            assert_eq!(mask_secrets(kept), kept);
        }
    }

    #[test]
    fn a_peer_id_and_a_path_stay_readable() {
        let line = "addr = \"tcp://f88883b673fc69d7869cab098de3bafc2ff76eb8@host:26658\"";
        assert_eq!(mask_secrets(line), line);
        let line = "path = \"/var/lib/somewhere/very/deep/indeed/below/the/root/of/it/all.key\"";
        assert_eq!(mask_secrets(line), line);
    }

    #[test]
    fn key_files_are_recognised_and_configurations_are_not() {
        assert!(is_private_key(&format!("{KEY}\n")));
        assert!(is_private_key(&"0f".repeat(32)));
        assert!(is_private_key("{\"priv_key\": {\"value\": \"x\"}}"));
        assert!(is_private_key("-----BEGIN PRIVATE KEY-----\nx\n"));
        assert!(!is_private_key(""));
        assert!(!is_private_key("[[chain]]\nid = \"a\"\n"));
        assert!(!is_private_key(&"*".repeat(10)));
    }
}
