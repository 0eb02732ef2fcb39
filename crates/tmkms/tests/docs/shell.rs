//! As much of the shell as the documents use: finding calls of `tmkms` and their arguments.

use super::markdown::Block;

/// All of an `sh` block; in a `console` block what stands behind `$ `.
pub(crate) fn command_lines(block: &Block) -> Vec<String> {
    let text = block.text().replace("\\\n", " ");
    let lines = text.lines().map(str::trim);
    match block.language.as_str() {
        "sh" => lines.map(str::to_owned).collect(),
        _ => lines
            .filter_map(|line| line.strip_prefix("$ "))
            .map(str::to_owned)
            .collect(),
    }
}

/// The arguments, program first, where `tmkms` is called: itself, by cargo, or within `$(…)`.
pub(crate) fn arguments(line: &str) -> Option<Vec<String>> {
    let mut starts = line.match_indices("tmkms ").map(|(at, _)| at);
    let start = starts.find(|at| {
        let before = &line[..*at];
        // After these it is the user of that name.
        let is_user = before.ends_with("-u ") || before.ends_with("-o ");
        before.is_empty() || before.ends_with([' ', '(']) && !is_user
    });
    let call = match (start, line.strip_prefix("cargo run --release -- ")) {
        (_, Some(arguments)) => format!("tmkms {arguments}"),
        (Some(start), None) => line[start..].to_owned(),
        (None, None) => return None,
    };
    Some(words(&call))
}

/// Words up to the end of the command, with quotes taken off.
fn words(call: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    let mut quote = None;
    for c in call.chars() {
        match (c, quote) {
            ('\'' | '"', None) => quote = Some(c),
            (c, Some(open)) if c == open => quote = None,
            ('|' | '>' | '<' | ';' | '&' | '#' | ')', None) => break,
            (' ', None) => words.push(String::new()),
            (c, _) => words.last_mut().unwrap().push(c),
        }
    }
    words.retain(|word| !word.is_empty());
    words
}

#[test]
fn calls_are_found_in_shell_lines() {
    let found = |line: &str| arguments(line).map(|words| words.join("|"));
    assert_eq!(found("tmkms start -c x &").unwrap(), "tmkms|start|-c|x");
    assert_eq!(
        found("A=$(tmkms key show f | sed p)").unwrap(),
        "tmkms|key|show|f"
    );
    assert_eq!(found("cargo run --release -- demo").unwrap(), "tmkms|demo");
    assert_eq!(found("tmkms init 'a b' > f").unwrap(), "tmkms|init|a b");
    assert_eq!(found("sudo -u tmkms tmkms status").unwrap(), "tmkms|status");
    assert_eq!(found("install -o tmkms key /var/lib/tmkms/"), None);
    assert_eq!(found("cd tmkms"), None);
    assert_eq!(found("sekaid start"), None);
}
