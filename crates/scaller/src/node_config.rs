//! `config.toml` and `app.toml`, changed without losing a comment.

use std::fs;
use std::path::{Path, PathBuf};

use toml_edit::{DocumentMut, Item, Table, Value};

use crate::failure::Failure;
use crate::files;
use crate::listener::{Address, Watch};

/// The key with the signer's address.
const SIGNER: &str = "priv_validator_laddr";

/// A configuration file of the node.
#[derive(Debug)]
pub(crate) struct NodeConfig {
    path: PathBuf,
    text: String,
    document: DocumentMut,
}

impl NodeConfig {
    /// Reads the file. A link is followed, so that saving changes what it points to.
    pub(crate) fn open(path: &Path) -> Result<Self, Failure> {
        let real = fs::canonicalize(path).map_err(|e| Failure::file("read", path, &e))?;
        let text = fs::read_to_string(&real).map_err(|e| Failure::file("read", path, &e))?;
        let document = text.parse().map_err(|error: toml_edit::TomlError| {
            Failure::new(format!("{}: {}", path.display(), error.to_string().trim()))
        })?;
        Ok(Self {
            path: real,
            text,
            document,
        })
    }

    /// The text at a dotted key, if it is there.
    pub(crate) fn text(&self, key: &str) -> Result<Option<&str>, Failure> {
        let mut item = self.document.as_item();
        for part in key.split('.') {
            match item.get(part) {
                Some(found) => item = found,
                None => return Ok(None),
            }
        }
        item.as_str().map(Some).ok_or_else(|| {
            Failure::new(format!(
                "{}: {key} must be a text in quotes",
                self.path.display()
            ))
        })
    }

    /// Sets a dotted key. What stands around a value that is there stays: comments, blanks, order.
    pub(crate) fn set(&mut self, key: &str, value: impl Into<Value>) -> Result<(), Failure> {
        let broken = || Failure::new(format!("{key}: a part of it is no [section]"));
        let (section, name) = key.rsplit_once('.').unwrap_or(("", key));
        let mut table: &mut Table = self.document.as_table_mut();
        for part in section.split('.').filter(|part| !part.is_empty()) {
            table = table
                .entry(part)
                .or_insert_with(toml_edit::table)
                .as_table_mut()
                .ok_or_else(broken)?;
        }
        let mut value = value.into();
        match table.get_mut(name) {
            Some(Item::Value(old)) => {
                *value.decor_mut() = old.decor().clone();
                *old = value;
            }
            Some(Item::None) | None => {
                table.insert(name, Item::Value(value));
            }
            Some(_) => return Err(broken()),
        }
        Ok(())
    }

    /// Writes the file, if anything has changed.
    pub(crate) fn save(self) -> Result<(), Failure> {
        let text = self.document.to_string();
        if text == self.text {
            return Ok(());
        }
        files::replace(&self.path, text.as_bytes(), files::PUBLIC)
            .map_err(|e| Failure::file("write", &self.path, &e))
    }

    /// Where the node waits for a signer; `None` if it signs by itself.
    pub(crate) fn signer(&self) -> Result<Option<Address>, Failure> {
        match self.text(SIGNER)? {
            None | Some("") => Ok(None),
            Some(text) => Address::parse(text).map(Some).map_err(|problem| {
                Failure::new(format!(
                    "{}: {SIGNER} = {text:?} {problem}",
                    self.path.display()
                ))
            }),
        }
    }

    /// Sets where the node waits for a signer, empty for none.
    pub(crate) fn set_signer(&mut self, address: &str) -> Result<(), Failure> {
        self.set(SIGNER, address)
    }

    /// What to look at to see how far the node is with its signer; `None` if it needs none.
    pub(crate) fn watch(&self) -> Result<Option<Watch>, Failure> {
        let Some(signer) = self.signer()? else {
            return Ok(None);
        };
        let mut running = Vec::new();
        for key in ["rpc.laddr", "p2p.laddr"] {
            if let Some(Ok(Address::Tcp(port))) = self.text(key)?.map(Address::parse) {
                running.push(port);
            }
        }
        Ok(Some(Watch { signer, running }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::symlink;

    const TEXT: &str = "# top\n\nmoniker = \"Genesis\"\n# where the signer is\n# (two lines)\n\
        priv_validator_laddr = \"\" # trailing\n\n\
        ###  P2P  ###\n[p2p]\n\n# ours\n  laddr   = \"tcp://0.0.0.0:26656\"\n[rpc]\nladdr = \"tcp://127.0.0.1:26657\" \n";

    fn file(text: &str) -> (tempfile::TempDir, PathBuf) {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("config.toml");
        fs::write(&path, text).unwrap();
        (dir, path)
    }

    #[test]
    fn nothing_but_the_value_changes_and_back_again() {
        let (_dir, path) = file(TEXT);
        let mut config = NodeConfig::open(&path).unwrap();
        assert_eq!(config.signer().unwrap(), None);
        config.set_signer("tcp://0.0.0.0:26659").unwrap();
        config.save().unwrap();
        assert_eq!(
            fs::read_to_string(&path).unwrap(),
            TEXT.replace(
                "laddr = \"\" # trailing",
                "laddr = \"tcp://0.0.0.0:26659\" # trailing"
            )
        );
        let mut config = NodeConfig::open(&path).unwrap();
        let watch = config.watch().unwrap().unwrap();
        assert_eq!(watch.signer, Address::Tcp(26659));
        assert_eq!(watch.running, [26657, 26656]);
        config.set_signer("").unwrap();
        config.save().unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), TEXT);
    }

    #[test]
    fn a_link_stays_a_link() {
        let (dir, path) = file(TEXT);
        let link = dir.path().join("link.toml");
        symlink(&path, &link).unwrap();
        let mut config = NodeConfig::open(&link).unwrap();
        config.set("p2p.seeds", "a@b:1").unwrap();
        config.save().unwrap();
        assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
        assert!(
            fs::read_to_string(&path)
                .unwrap()
                .contains("seeds = \"a@b:1\"")
        );
    }

    #[test]
    fn a_mistake_names_the_file_and_the_place() {
        let (_dir, path) = file("a = 1\nb = = 2\n");
        let text = NodeConfig::open(&path).unwrap_err().to_string();
        assert!(
            text.contains("config.toml: TOML parse error at line 2"),
            "{text}"
        );
        let (_dir, path) = file("priv_validator_laddr = \"tcp://x\"\n");
        let config = NodeConfig::open(&path).unwrap();
        let text = config.signer().unwrap_err().to_string();
        assert!(
            text.contains("priv_validator_laddr = \"tcp://x\" has no port"),
            "{text}"
        );
    }
}
