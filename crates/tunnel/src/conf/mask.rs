//! Keeps keys out of messages, which quote lines of the file.
//!
//! Nothing tells a private key from a public one, and a key can stand in the wrong place: so no
//! key is shown, nor what could be a piece of one.

use diagnostics::stars;

use super::settings;

/// No name of a setting is that long.
const LONGEST_NAME: usize = 19;

/// Nothing that is worth reading has that many letters and digits in a row.
const LONGEST_WORD: usize = 31;

/// The text with everything that could be a part of a key replaced by `*`; its length in bytes and
/// all line ends stay, so offsets stay valid.
pub(super) fn masked(text: &str) -> String {
    text.split_inclusive('\n').map(masked_line).collect()
}

/// A name that is no setting's, which may be a key without its `PrivateKey =`.
pub(super) fn masked_name(name: &str) -> String {
    without_words(name, LONGEST_NAME)
}

fn masked_line(line: &str) -> String {
    let Some((name, value)) = line.split_once('=') else {
        return without_words(line, LONGEST_NAME);
    };
    match settings::named(name.trim()) {
        Some(setting) if !setting.key => without_words(line, LONGEST_WORD),
        _ => format!("{}={}", masked_name(name), stars_but_spaces(value)),
    }
}

fn stars_but_spaces(value: &str) -> String {
    let head = value.len() - value.trim_start().len();
    let (space, value) = value.split_at_checked(head).unwrap_or(("", value));
    let (value, tail) = value
        .split_at_checked(value.trim_end().len())
        .unwrap_or((value, ""));
    format!("{space}{}{tail}", stars(value))
}

/// The text without runs of more than `longest` digits of base64 (of either alphabet).
fn without_words(text: &str, longest: usize) -> String {
    let is_digit = |c: char| c.is_ascii_alphanumeric() || "+/_".contains(c);
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while !rest.is_empty() {
        let end = rest.find(|c| !is_digit(c)).unwrap_or(rest.len());
        let (word, after) = rest.split_at_checked(end).unwrap_or((rest, ""));
        if word.len() > longest {
            out.push_str(&stars(word));
        } else {
            out.push_str(word);
        }
        let mut chars = after.chars();
        out.extend(chars.next());
        rest = chars.as_str();
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: &str = "dwdtCnMYpX08FsFyUbJmRd9ML4frwJkqsXf7pR25LCo=";

    #[test]
    fn a_key_is_hidden_wherever_it_stands() {
        let cut = KEY.get(..30).unwrap();
        for line in [
            format!("PrivateKey = {KEY}\n"),
            format!("privatekey={cut}"),
            format!("PublicKey = {KEY}"),
            format!("PrivatKey = {cut} # {KEY}"),
            format!("PrivateKey {KEY}"),
            format!("PrivateKey: {cut}"),
            format!("{KEY}\r\n"),
            cut.to_owned(),
            format!("# {KEY}"),
            format!("Endpoint = {KEY}"),
            format!("Address = {KEY}"),
            format!("PrivateKey = \"{KEY}\""),
        ] {
            let shown = masked(&line);
            assert!(!shown.contains(KEY.get(..8).unwrap()), "{line}: {shown}");
            assert!(!shown.contains(KEY.get(22..30).unwrap()), "{line}: {shown}");
            assert_eq!(shown.len(), line.len(), "{shown}");
            assert_eq!(shown.ends_with('\n'), line.ends_with('\n'));
        }
    }

    #[test]
    fn what_is_no_key_stays_readable() {
        for line in [
            "[Interface]\n",
            "Address = 10.200.0.1/32, 2001:0db8:85a3:0000:0000:8a2e:0370:7334/128",
            "Endpoint = a-long-name.validators.example.com:51820",
            "PersistentKeepalive = 25",
        ] {
            assert_eq!(masked(line), line);
        }
    }
}
