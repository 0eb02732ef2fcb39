//! Settings for `config.toml` and `app.toml`, by the names that they have in `scall.toml`.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use toml_edit::{DocumentMut, Item, Value};

use crate::failure::Failure;
use crate::home::Home;
use crate::node_config::NodeConfig;

/// By their names: `config.p2p.seeds`, `app.pruning`.
pub(crate) type Settings = BTreeMap<String, Value>;

/// The settings of a `--prune` mode.
pub(crate) fn pruning(mode: &str) -> Settings {
    let mut settings = Settings::from([("app.pruning".to_owned(), mode.into())]);
    if mode == "custom" {
        settings.insert("app.pruning-keep-recent".to_owned(), "100".into());
        settings.insert("app.pruning-interval".to_owned(), "10".into());
    }
    settings
}

/// scall.toml: `"config.p2p.seeds" = "…"`, in quotes as in the original or as tables.
pub(crate) fn read_overrides(file: &Path) -> Result<Settings, Failure> {
    let text = fs::read_to_string(file).map_err(|e| Failure::file("read", file, &e))?;
    let wrong = |problem: &str| Failure::new(format!("{}: {problem}", file.display()));
    let document: DocumentMut = text
        .parse()
        .map_err(|error: toml_edit::TomlError| wrong(error.to_string().trim()))?;
    let mut settings = Settings::new();
    flatten("", document.as_item(), &mut settings);
    for key in settings.keys() {
        if !key.starts_with("config.") && !key.starts_with("app.") {
            return Err(wrong(&format!(
                "{key}: a setting begins with `config.` or `app.`, for config.toml and app.toml"
            )));
        }
        if key == "config.priv_validator_laddr" {
            return Err(wrong(
                "config.priv_validator_laddr: use --remote-signer, which takes the key out too",
            ));
        }
    }
    Ok(settings)
}

fn flatten(prefix: &str, item: &Item, settings: &mut Settings) {
    if let Some(table) = item.as_table_like() {
        for (key, item) in table.iter() {
            let name = if prefix.is_empty() {
                key.to_owned()
            } else {
                format!("{prefix}.{key}")
            };
            flatten(&name, item, settings);
        }
    } else if let Some(value) = item.as_value() {
        let mut value = value.clone();
        value.decor_mut().clear();
        settings.insert(prefix.to_owned(), value);
    }
}

/// Writes the settings to the files that they are of.
pub(crate) fn apply(home: &Home, settings: &Settings) -> Result<(), Failure> {
    for (prefix, file) in [
        ("config.", "config/config.toml"),
        ("app.", "config/app.toml"),
    ] {
        let mut config = NodeConfig::open(&home.path(file))?;
        for (key, value) in settings {
            if let Some(key) = key.strip_prefix(prefix) {
                config.set(key, value.clone())?;
            }
        }
        config.save()?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn overrides(text: &str) -> Result<Settings, Failure> {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("scall.toml");
        fs::write(&file, text).unwrap();
        read_overrides(&file)
    }

    #[test]
    fn overrides_are_read_flat_and_nested() {
        let settings = overrides(
            "\"config.p2p.seeds\" = \"a\" # why\n[config.p2p]\npex = false\n[app]\nx-y = 3\n",
        )
        .unwrap();
        let shown: Vec<String> = settings.iter().map(|(k, v)| format!("{k}={v}")).collect();
        assert_eq!(
            shown,
            [
                "app.x-y=3",
                "config.p2p.pex=false",
                "config.p2p.seeds=\"a\""
            ]
        );
    }

    #[test]
    fn an_override_that_would_do_harm_or_nothing_is_refused() {
        for (wrong, told) in [
            ("seeds = \"a\"", "seeds: a setting begins with"),
            (
                "\"config.priv_validator_laddr\" = \"tcp://h:1\"",
                "use --remote-signer",
            ),
            ("a = ", "TOML parse error"),
        ] {
            let text = overrides(wrong).unwrap_err().to_string();
            assert!(text.contains(told), "{text}");
        }
    }
}
