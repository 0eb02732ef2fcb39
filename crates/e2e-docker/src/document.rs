//! The commands of a document, in their order, each with where it stands.

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
}

/// The commands of all `sh` and `console` blocks. In `console` blocks they are behind `$ `.
///
/// # Errors
/// When the file cannot be read.
pub fn steps(path: &Path) -> Outcome<Vec<Step>> {
    let text = fs::read_to_string(path).map_err(doing(&format!("read {}", path.display())))?;
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    Ok(parse(&text, &name))
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
            }),
        }
        goes_on = typed.ends_with('\\');
    }
    steps
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
}
