//! The texts of the program, taken from its sources: every string literal outside tests, cut at
//! its placeholders.

use std::fs;
use std::ops::Range;
use std::path::Path;

use super::markdown::root;

/// The crates whose texts an operator can come to see.
const CRATES: [&str; 10] = [
    "tmkms",
    "store",
    "keys",
    "guard",
    "privval",
    "secret-connection",
    "testnode",
    "diagnostics",
    "tunnel",
    "node-rpc",
];

/// A text with gaps: what stands between the placeholders.
#[derive(Clone, Debug)]
pub(crate) struct Template(pub(crate) Vec<String>);

impl Template {
    /// Cuts a format string. A brace that is no placeholder stays.
    pub(crate) fn of_format(text: &str) -> Self {
        let mut pieces = vec![String::new()];
        let mut rest = text;
        while let Some(c) = rest.chars().next() {
            let (skip, piece) = match (c, rest.find('}')) {
                _ if rest.starts_with("{{") => (2, Some('{')),
                _ if rest.starts_with("}}") => (2, Some('}')),
                ('{', Some(end)) if is_placeholder(&rest[1..end]) => (end + 1, None),
                _ => (c.len_utf8(), Some(c)),
            };
            match piece {
                Some(c) => pieces.last_mut().unwrap().push(c),
                None => pieces.push(String::new()),
            }
            rest = &rest[skip..];
        }
        Self(pieces)
    }

    /// Cuts a text at its words in capitals: `chain CHAIN is declared twice`.
    pub(crate) fn of_capitals(text: &str) -> Self {
        let mut pieces = vec![String::new()];
        let is_word = |c: char| c.is_ascii_alphanumeric() || c == '_';
        let mut rest = text;
        while !rest.is_empty() {
            let end = rest.find(|c| !is_word(c)).unwrap_or(rest.len());
            let (word, after) = rest.split_at(end);
            let digits = word.strip_prefix("0x").unwrap_or(word);
            let in_capitals = digits.chars().all(|c| c.is_ascii_uppercase());
            if in_capitals && (digits.len() > 1 || digits == "N") {
                let before = &word[..word.len() - digits.len()];
                pieces.last_mut().unwrap().push_str(before);
                pieces.push(String::new());
            } else {
                pieces.last_mut().unwrap().push_str(word);
            }
            let other = after.find(is_word).unwrap_or(after.len());
            pieces.last_mut().unwrap().push_str(&after[..other]);
            rest = &after[other..];
        }
        Self(pieces)
    }

    /// Whether finding it in a line says that the line comes from here: a single word does not.
    fn is_telling(&self) -> bool {
        let has_two_words = |piece: &String| piece.trim().contains(' ');
        self.letters() >= 10
            || self.letters() >= 4 && (self.0.len() > 1 || self.0.iter().any(has_two_words))
    }

    pub(crate) fn letters(&self) -> usize {
        let all = self.0.iter().flat_map(|piece| piece.chars());
        all.filter(|c| c.is_alphabetic()).count()
    }

    /// Where the pieces stand in a text, one after the other.
    pub(crate) fn find(&self, text: &str) -> Option<Vec<Range<usize>>> {
        self.find_from(text, 0)
    }

    fn find_from(&self, text: &str, mut from: usize) -> Option<Vec<Range<usize>>> {
        let pieces = self.0.iter().filter(|piece| !piece.is_empty());
        pieces
            .map(|piece| {
                let start = from + text.get(from..)?.find(piece.as_str())?;
                from = start + piece.len();
                Some(start..from)
            })
            .collect()
    }
}

fn is_placeholder(inside: &str) -> bool {
    inside
        .chars()
        .all(|c| c.is_ascii_alphanumeric() || "_.:?#<>$".contains(c))
}

/// All texts of the program.
pub(crate) struct Templates(Vec<Template>);

impl Templates {
    pub(crate) fn of_program() -> Self {
        let mut templates = Vec::new();
        for name in CRATES {
            visit(
                &root().join("crates").join(name).join("src"),
                &mut |source| {
                    let texts = literals(source);
                    templates.extend(texts.iter().map(|text| Template::of_format(text)));
                },
            );
        }
        templates.retain(|template| template.letters() >= 3);
        Self(templates)
    }

    /// The words of a line that come from no text of the program. Words with digits, slashes
    /// and the like are values and not looked at, and neither are words in capitals.
    pub(crate) fn foreign_words<'a>(&self, line: &'a str, allowed: &[&str]) -> Vec<&'a str> {
        let mut known = vec![false; line.len()];
        let allowed = allowed
            .iter()
            .map(|text| Template(vec![(*text).to_owned()]));
        let ours = self
            .0
            .iter()
            .filter(|template| template.is_telling())
            .cloned();
        for template in ours.chain(allowed) {
            let mut from = 0;
            while let Some(ranges) = template.find_from(line, from) {
                from = ranges.last().map_or(line.len(), |range| range.end);
                ranges.into_iter().for_each(|range| known[range].fill(true));
            }
        }
        words(line)
            .filter(|word| !known[word.clone()].iter().all(|known| *known))
            .map(|word| &line[word])
            .filter(|word| word.chars().any(char::is_lowercase))
            .collect()
    }

    /// Whether a text is a part of one of the program's.
    pub(crate) fn have(&self, part: &Template) -> bool {
        let gap = "\u{0}";
        self.0
            .iter()
            .any(|whole| part.find(&whole.0.join(gap)).is_some())
    }
}

/// Plain words of three letters or more, without the marks around them.
fn words(line: &str) -> impl Iterator<Item = Range<usize>> {
    let mut found = Vec::new();
    let mut at = 0;
    for token in line.split(' ') {
        let word = token.trim_matches(|c: char| !c.is_alphanumeric());
        if word.len() >= 3 && word.chars().all(char::is_alphabetic) {
            let start = at + token.find(word).unwrap();
            found.push(start..start + word.len());
        }
        at += token.len() + 1;
    }
    found.into_iter()
}

/// The texts behind `#[error(` in a source file.
pub(crate) fn error_texts(file: &str) -> Vec<Template> {
    let path = root().join("crates").join(file);
    let source = fs::read_to_string(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    let found: Vec<Template> = without_tests(&source)
        .split("#[error(")
        .skip(1)
        .filter_map(|rest| literals(rest).into_iter().next())
        .map(|text| Template::of_format(&text))
        .filter(|template| template.letters() >= 3)
        .collect();
    assert!(!found.is_empty(), "{file} has no error texts");
    found
}

fn visit(folder: &Path, read: &mut dyn FnMut(&str)) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            visit(&path, read);
        } else if path.extension().is_some_and(|ext| ext == "rs") {
            read(without_tests(&fs::read_to_string(&path).unwrap()));
        }
    }
}

/// Tests stand last in a file.
pub(crate) fn without_tests(source: &str) -> &str {
    source.split("#[cfg(test)]").next().unwrap()
}

/// All string literals of a Rust source.
pub(crate) fn literals(source: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut rest = source;
    while let Some(at) = rest.find(['"', '/', '\'', 'r']) {
        let (before, here) = rest.split_at(at);
        let in_word = before.ends_with(|c: char| c.is_alphanumeric() || c == '_');
        rest = if here.starts_with("//") {
            here.split_once('\n').map_or("", |(_, after)| after)
        } else if let Some(text) = here.strip_prefix('"') {
            let (text, after) = quoted(text);
            found.push(text);
            after
        } else if let Some(raw) = here.strip_prefix("r#\"").filter(|_| !in_word) {
            let (text, after) = raw.split_once("\"#").unwrap_or((raw, ""));
            found.push(text.to_owned());
            after
        } else if let Some(raw) = here.strip_prefix("r\"").filter(|_| !in_word) {
            let (text, after) = raw.split_once('"').unwrap_or((raw, ""));
            found.push(text.to_owned());
            after
        } else {
            &here[character(here)..]
        };
    }
    found
}

/// How long the character literal here is; 1 if there is none.
fn character(here: &str) -> usize {
    let Some(inside) = here.strip_prefix('\'') else {
        return 1;
    };
    let first = inside.chars().next().map_or(0, char::len_utf8);
    match inside.strip_prefix('\\') {
        Some(escaped) => escaped[1..].find('\'').map_or(1, |end| end + 4),
        None if inside[first..].starts_with('\'') => first + 2,
        None => 1,
    }
}

/// A text behind its opening quote, with escapes resolved, and what follows it.
fn quoted(source: &str) -> (String, &str) {
    let mut text = String::new();
    let mut chars = source.char_indices();
    while let Some((at, c)) = chars.next() {
        match c {
            '"' => return (text, &source[at + 1..]),
            '\\' => match chars.next() {
                Some((_, 'n')) => text.push('\n'),
                Some((at, '\n')) => {
                    let after = &source[at..];
                    let skip = after.len() - after.trim_start().len();
                    for _ in 1..after[..skip].chars().count() {
                        chars.next();
                    }
                }
                Some((_, c)) => text.push(c),
                None => {}
            },
            c => text.push(c),
        }
    }
    (text, "")
}

#[test]
fn literals_are_found_and_comments_are_not() {
    let source = "// \"no\"\nlet a = \"one \\\n    two\"; let b = '\"'; let c = r\"th\\ree\"; f('\\'', \"four\");";
    assert_eq!(literals(source), ["one two", r"th\ree", "four"]);
}

#[test]
fn templates_are_cut_at_placeholders_only() {
    let cut = |text| Template::of_format(text).0;
    assert_eq!(cut("a {b:?} c {} d"), ["a ", " c ", " d"]);
    assert_eq!(cut("{{\"k\"}} { x = 1 }"), ["{\"k\"} { x = 1 }"]);
    let cut = |text| Template::of_capitals(text).0;
    assert_eq!(
        cut("chain CHAIN_ID is A, twice"),
        ["chain CHAIN_ID is A, twice"]
    );
    assert_eq!(cut("`FIELD` in TABLE is"), ["`", "` in ", " is"]);
}
