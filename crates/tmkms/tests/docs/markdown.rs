//! As much of Markdown as the documents use: fences, headings, code spans, links.

use std::fs;
use std::path::{Path, PathBuf};

/// A document of the repository.
pub(crate) struct Document {
    /// Where it is.
    pub(crate) path: PathBuf,
    text: String,
}

/// A fenced block.
pub(crate) struct Block {
    /// `FILE:LINE` of its first line, for messages.
    pub(crate) at: String,
    /// What stands behind the opening fence.
    pub(crate) language: String,
    /// The lines between the fences.
    pub(crate) lines: Vec<String>,
}

impl Block {
    pub(crate) fn text(&self) -> String {
        self.lines.join("\n")
    }
}

pub(crate) fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../..")
        .canonicalize()
        .unwrap()
}

/// The document of that name in `docs/`.
pub(crate) fn document(name: &str) -> Document {
    Document::read(root().join("docs").join(name))
}

/// All documents: those at the root and those in `docs/`.
pub(crate) fn all() -> Vec<Document> {
    let mut paths: Vec<PathBuf> = [root(), root().join("docs")]
        .iter()
        .flat_map(|folder| fs::read_dir(folder).unwrap())
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|ext| ext == "md"))
        .collect();
    paths.sort();
    assert!(paths.len() > 5, "{paths:?}");
    paths.into_iter().map(Document::read).collect()
}

impl Document {
    pub(crate) fn read(path: PathBuf) -> Self {
        let text = fs::read_to_string(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
        Self { path, text }
    }

    pub(crate) fn contains(&self, text: &str) -> bool {
        self.text.contains(text)
    }

    pub(crate) fn lines(&self) -> std::str::Lines<'_> {
        self.text.lines()
    }

    fn name(&self) -> String {
        self.path.file_name().unwrap().display().to_string()
    }

    pub(crate) fn blocks(&self) -> Vec<Block> {
        let mut blocks = Vec::new();
        let mut open: Option<Block> = None;
        for (number, line) in (1..).zip(self.text.lines()) {
            let Some(language) = line.trim_start().strip_prefix("```") else {
                if let Some(block) = &mut open {
                    block.lines.push(line.to_owned());
                }
                continue;
            };
            match open.take() {
                Some(block) => blocks.push(block),
                None => {
                    open = Some(Block {
                        at: format!("{}:{}", self.name(), number + 1),
                        language: language.to_owned(),
                        lines: Vec::new(),
                    });
                }
            }
        }
        assert!(open.is_none(), "{}: a fence is not closed", self.name());
        blocks
    }

    /// The lines outside fences, with their numbers.
    pub(crate) fn prose(&self) -> Vec<(usize, &str)> {
        let mut inside = false;
        let mut lines = Vec::new();
        for (number, line) in (1..).zip(self.text.lines()) {
            if line.trim_start().starts_with("```") {
                inside = !inside;
            } else if !inside {
                lines.push((number, line));
            }
        }
        lines
    }

    /// The prose below the heading that `is_wanted`, up to the next heading of any level.
    pub(crate) fn section(&self, is_wanted: impl Fn(&str) -> bool) -> Vec<&str> {
        self.prose()
            .into_iter()
            .map(|(_, line)| line)
            .skip_while(|line| !(line.starts_with('#') && is_wanted(line)))
            .skip(1)
            .take_while(|line| !line.starts_with('#'))
            .collect()
    }

    /// The names that links can point at, as they are made of headings: small letters, hyphens
    /// for spaces, no punctuation.
    pub(crate) fn anchors(&self) -> Vec<String> {
        let headings = self.prose().into_iter().filter_map(|(_, line)| {
            let text = line.trim_start_matches('#');
            text.starts_with(' ')
                .then_some(text.trim())
                .filter(|_| line != text)
        });
        let anchor = |heading: &str| {
            let kept = heading.chars().filter_map(|c| match c {
                ' ' => Some('-'),
                c if c.is_alphanumeric() || c == '-' || c == '_' => Some(c.to_ascii_lowercase()),
                _ => None,
            });
            kept.collect()
        };
        headings.map(anchor).collect()
    }

    /// The targets of all links, each with the number of its line.
    pub(crate) fn links(&self) -> Vec<(usize, &str)> {
        self.prose()
            .into_iter()
            .flat_map(|(number, line)| {
                line.split("](")
                    .skip(1)
                    .filter_map(move |rest| Some((number, rest.split_once(')')?.0)))
            })
            .collect()
    }
}

/// The code spans of a line, between single or double backticks.
pub(crate) fn code_spans(line: &str) -> Vec<&str> {
    let mut spans = Vec::new();
    let mut rest = line;
    while let Some(start) = rest.find('`') {
        rest = &rest[start..];
        let ticks = rest.len() - rest.trim_start_matches('`').len();
        let fence = &rest[..ticks];
        let Some(end) = rest[ticks..].find(fence) else {
            break;
        };
        spans.push(rest[ticks..ticks + end].trim());
        rest = &rest[ticks + end + ticks..];
    }
    spans
}
