//! The commands of a document, in their order, each with where it stands: those in blocks, and those
//! that a sentence or a table mentions.

use std::fs;
use std::path::Path;

use crate::{Outcome, doing};

/// A command.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    /// `guide.md:12`.
    pub at: String,
    /// The headings above it, the outermost first.
    pub headings: Vec<String>,
    /// What is typed. Lines that end in a backslash are one command.
    pub command: String,
    /// Whether it stands in a sentence or a table, and not in a block.
    pub is_mentioned: bool,
}

/// The commands of all `sh` and `console` blocks, in which they are behind `$ `; then those that are
/// mentioned.
///
/// # Errors
/// When the file cannot be read.
pub fn steps(path: &Path) -> Outcome<Vec<Step>> {
    let text = fs::read_to_string(path).map_err(doing(&format!("read {}", path.display())))?;
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let mut steps = parse(&text, &name);
    steps.extend(mentions(&text, &name));
    Ok(steps)
}

fn parse(text: &str, name: &str) -> Vec<Step> {
    let mut steps: Vec<Step> = Vec::new();
    let mut headings: Vec<String> = Vec::new();
    let mut language: Option<&str> = None;
    let mut goes_on = false;
    for (number, line) in (1..).zip(text.lines()) {
        if let Some(opened) = line.trim_start().strip_prefix("```") {
            language = language.is_none().then_some(opened);
            continue;
        }
        let Some(language) = language else {
            note_heading(&mut headings, line);
            continue;
        };
        let typed = match language {
            "console" if goes_on => Some(line),
            "console" => line.strip_prefix("$ "),
            "sh" => Some(line),
            _ => None,
        };
        let Some(typed) = typed.filter(|typed| goes_on || is_command(typed)) else {
            continue;
        };
        match steps.last_mut().filter(|_| goes_on) {
            Some(step) => {
                step.command.push('\n');
                step.command.push_str(typed);
            }
            None => steps.push(Step {
                at: format!("{name}:{number}"),
                headings: headings.clone(),
                command: typed.to_owned(),
                is_mentioned: false,
            }),
        }
        goes_on = typed.ends_with('\\');
    }
    steps
}

/// Commands in code style outside of blocks.
fn mentions(text: &str, name: &str) -> Vec<Step> {
    let mut steps = Vec::new();
    let mut headings = Vec::new();
    let mut is_block = false;
    for (number, line) in (1..).zip(text.lines()) {
        if line.trim_start().starts_with("```") {
            is_block = !is_block;
        } else if !is_block {
            note_heading(&mut headings, line);
            let spans = line.split('`').skip(1).step_by(2);
            steps.extend(spans.filter(|span| is_whole(span)).map(|span| Step {
                at: format!("{name}:{number}"),
                headings: headings.clone(),
                command: span.to_owned(),
                is_mentioned: true,
            }));
        }
    }
    steps
}

/// `docker exec NAME ps` is a command to give, `docker build` only the name of one.
fn is_whole(span: &str) -> bool {
    let words: Vec<&str> = span.split_whitespace().collect();
    match words.first() {
        Some(&"docker") => words.len() > 2,
        Some(&("cp" | "rmdir" | "mkdir" | "chmod" | "rm")) => words.len() > 1,
        _ => false,
    }
}

fn is_command(line: &str) -> bool {
    let line = line.trim();
    !line.is_empty() && !line.starts_with('#')
}

fn note_heading(headings: &mut Vec<String>, line: &str) {
    let text = line.trim_start_matches('#');
    let depth = line.len() - text.len();
    if depth > 0 && text.starts_with(' ') {
        headings.truncate(depth - 1);
        headings.resize(depth - 1, String::new());
        headings.push(text.trim().to_owned());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_are_found_with_their_headings() {
        let text = "# A\n## B\n```sh\n# no\none \\\n  more\ntwo\n```\n## C\n```console\n$ three\nanswer\n```\n```text\nnone\n```\n";
        let found: Vec<(String, Vec<String>, String)> = parse(text, "f")
            .into_iter()
            .map(|step| (step.at, step.headings, step.command))
            .collect();
        let headings = |last: &str| vec!["A".to_owned(), last.to_owned()];
        assert_eq!(
            found,
            [
                ("f:5".to_owned(), headings("B"), "one \\\n  more".to_owned()),
                ("f:7".to_owned(), headings("B"), "two".to_owned()),
                ("f:11".to_owned(), headings("C"), "three".to_owned()),
            ]
        );
    }

    #[test]
    fn whole_commands_are_found_in_sentences_and_tables() {
        let text = "# A\nSee `docker build` or:\n| x | `docker logs x -f`, `rmdir y` |\n```sh\n`docker run no`\n```\n";
        let found: Vec<(String, String)> = mentions(text, "f")
            .into_iter()
            .map(|step| (step.at, step.command))
            .collect();
        let at = "f:3".to_owned();
        assert_eq!(
            found,
            [
                (at.clone(), "docker logs x -f".to_owned()),
                (at, "rmdir y".to_owned()),
            ]
        );
    }
}
