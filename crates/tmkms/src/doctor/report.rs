//! The result as text for people and as JSON for programs.

use serde::Serialize;

use super::finding::{Finding, Status, worst};

/// The format of the JSON. It changes when a field goes or means something else.
const FORMAT: u32 = 1;

#[derive(Serialize)]
struct Document<'a> {
    format: u32,
    version: &'static str,
    status: Status,
    findings: &'a [Finding],
}

/// One line of JSON.
///
/// # Errors
/// Never; the signature is that of the serialiser.
pub fn json(findings: &[Finding]) -> serde_json::Result<String> {
    serde_json::to_string(&Document {
        format: FORMAT,
        version: env!("CARGO_PKG_VERSION"),
        status: worst(findings),
        findings,
    })
}

/// A line for each finding, with what mends it below. With `colour` it holds terminal escapes.
#[must_use]
pub fn text(findings: &[Finding], colour: bool) -> String {
    let mut text = String::new();
    for finding in findings {
        let (sign, code) = match finding.status {
            Status::Fine => ('✔', "32"),
            Status::Warning => ('!', "1;33"),
            Status::Broken => ('✖', "1;31"),
        };
        let sign = if colour {
            format!("\x1b[{code}m{sign}\x1b[0m")
        } else {
            sign.to_string()
        };
        let found = indented(&finding.found, "  ");
        text.push_str(&format!("{sign} {}: {found}\n", finding.check()));
        for step in &finding.remedy {
            text.push_str(&format!("    → {}\n", indented(step, "      ")));
        }
    }
    text.push_str(&total(findings));
    text
}

fn indented(text: &str, by: &str) -> String {
    text.replace('\n', &format!("\n{by}"))
}

fn total(findings: &[Finding]) -> String {
    let count = |status| {
        let same = findings.iter().filter(|finding| finding.status == status);
        same.count()
    };
    let (broken, warnings) = (count(Status::Broken), count(Status::Warning));
    match (broken, warnings) {
        (0, 0) => "nothing is wrong\n".to_owned(),
        (0, _) => format!("nothing is broken, and {warnings} to look at\n"),
        _ => format!("{broken} broken, and {warnings} to look at\n"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn findings() -> Vec<Finding> {
        vec![
            Finding::fine("config.ok", "tmkms.toml is in order"),
            Finding::broken("port.not_listening", "nothing\nlistens")
                .mend("start it\nthen look")
                .mend("or not"),
            Finding::warning("state.old", "it is old").mend("look"),
        ]
    }

    #[test]
    fn each_has_its_sign_and_its_remedy_below() {
        let expected = "\
✔ config: tmkms.toml is in order
✖ port: nothing
  listens
    → start it
      then look
    → or not
! state: it is old
    → look
1 broken, and 1 to look at
";
        assert_eq!(text(&findings(), false), expected);
        let coloured = text(&findings(), true);
        assert!(coloured.contains("\x1b[1;31m✖\x1b[0m port"), "{coloured}");
        assert_eq!(text(&[], false), "nothing is wrong\n");
        let warning = [Finding::warning("a.b", "c")];
        assert!(text(&warning, false).ends_with("nothing is broken, and 1 to look at\n"));
    }

    #[test]
    fn json_has_the_same_with_ids() {
        let value: serde_json::Value = serde_json::from_str(&json(&findings()).unwrap()).unwrap();
        assert_eq!(value["format"], 1);
        assert_eq!(value["status"], "broken");
        assert_eq!(value["findings"][0]["status"], "fine");
        assert_eq!(value["findings"][1]["id"], "port.not_listening");
        assert_eq!(value["findings"][1]["remedy"][1], "or not");
        assert_eq!(value["findings"][2]["status"], "warning");
    }
}
