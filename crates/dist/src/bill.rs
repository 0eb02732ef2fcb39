//! The bill of materials of a program, in CycloneDX 1.5: every crate that is linked into it, as
//! Cargo resolves its features for the target, and what the toolchain links besides.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::process::Command;

use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use crate::build::cargo;
use crate::source::Source;
use crate::{Outcome, doing, run_text};

/// A crate: its name and version.
type Name = (String, String);

/// Writes the bill.
///
/// # Errors
/// When Cargo does not tell what is in the program.
pub fn of(source: &Source, target: &str, program: &str) -> Outcome<Vec<u8>> {
    let tree = tree(source, target, program)?;
    let licences = licences(source)?;
    let sums = sums(source)?;
    let own: Name = (program.to_owned(), source.version().to_owned());
    let mut components: Vec<Value> = tree
        .keys()
        .filter(|name| **name != own)
        .map(|name| component(name, licences.get(name), sums.get(name)))
        .collect();
    let toolchain = toolchain()?;
    components.extend(toolchain.iter().cloned());
    let mut dependencies: Vec<Value> = tree
        .iter()
        .map(|(name, below)| {
            let below: Vec<String> = below.iter().map(purl).collect();
            json!({ "ref": purl(name), "dependsOn": below })
        })
        .collect();
    let linked = toolchain
        .iter()
        .map(|part| json!({ "ref": part.get("bom-ref"), "dependsOn": [] }));
    dependencies.extend(linked);
    let bill = json!({
        "bomFormat": "CycloneDX",
        "specVersion": "1.5",
        "serialNumber": serial(&components),
        "version": 1,
        "metadata": {
            "timestamp": timestamp(source.epoch())?,
            "component": {
                "type": "application",
                "bom-ref": purl(&own),
                "name": own.0,
                "version": own.1,
                "purl": purl(&own),
                "licenses": [{ "expression": "Apache-2.0" }],
            },
            "properties": [{ "name": "target", "value": target }],
        },
        "components": components,
        "dependencies": dependencies,
    });
    let mut text = serde_json::to_vec_pretty(&bill).map_err(doing("write the bill"))?;
    text.push(b'\n');
    Ok(text)
}

/// What is linked, and by whom: `cargo tree` knows the features of this program alone.
fn tree(source: &Source, target: &str, program: &str) -> Outcome<BTreeMap<Name, BTreeSet<Name>>> {
    let mut command = Command::new(cargo());
    command.current_dir(source.root());
    command.args(["tree", "--locked", "--package", program, "--target", target]);
    command.args([
        "--edges",
        "normal",
        "--no-dedupe",
        "--prefix",
        "depth",
        "--format",
        "|{p}",
    ]);
    parse_tree(&run_text(&mut command)?)
}

/// Lines such as `2|serde v1.0.200 (proc-macro)`, each below the last one of a lesser depth.
fn parse_tree(text: &str) -> Outcome<BTreeMap<Name, BTreeSet<Name>>> {
    let mut tree: BTreeMap<Name, BTreeSet<Name>> = BTreeMap::new();
    let mut above: Vec<Name> = Vec::new();
    for line in text.lines().filter(|line| !line.is_empty()) {
        let unreadable = || format!("`cargo tree` printed {line:?}");
        let (depth, package) = line.split_once('|').ok_or_else(unreadable)?;
        let depth: usize = depth.parse().map_err(|_| unreadable())?;
        let mut words = package.split(' ');
        let (name, version) = (words.next(), words.next().and_then(|v| v.strip_prefix('v')));
        let (Some(name), Some(version)) = (name, version) else {
            return Err(unreadable());
        };
        let name = (name.to_owned(), version.to_owned());
        above.truncate(depth);
        if let Some(user) = above.last() {
            tree.entry(user.clone()).or_default().insert(name.clone());
        }
        tree.entry(name.clone()).or_default();
        above.push(name);
    }
    Ok(tree)
}

/// Of each crate, its licence as an expression.
fn licences(source: &Source) -> Outcome<BTreeMap<Name, String>> {
    let mut command = Command::new(cargo());
    command.current_dir(source.root());
    command.args(["metadata", "--locked", "--format-version", "1"]);
    let metadata: Value =
        serde_json::from_str(&run_text(&mut command)?).map_err(doing("read `cargo metadata`"))?;
    let packages = metadata.get("packages").and_then(Value::as_array);
    let licence = |package: &Value| {
        let text = |field| Some(package.get(field)?.as_str()?.to_owned());
        // The form of old crates, in which a slash is an `or`.
        let expression = text("license")?.replace('/', " OR ");
        Some(((text("name")?, text("version")?), expression))
    };
    Ok(packages.into_iter().flatten().filter_map(licence).collect())
}

/// Of each crate from the registry, the sum in Cargo.lock.
fn sums(source: &Source) -> Outcome<BTreeMap<Name, String>> {
    let text = fs::read_to_string(source.root().join("Cargo.lock"));
    let text = text.map_err(doing("read Cargo.lock"))?;
    let lock: toml::Table = text.parse().map_err(doing("read Cargo.lock"))?;
    let packages = lock.get("package").and_then(toml::Value::as_array);
    let sum = |package: &toml::Value| {
        let text = |field| package.get(field).and_then(toml::Value::as_str);
        let name = (text("name")?.to_owned(), text("version")?.to_owned());
        Some((name, text("checksum")?.to_owned()))
    };
    Ok(packages.into_iter().flatten().filter_map(sum).collect())
}

fn component(name: &Name, licence: Option<&String>, sum: Option<&String>) -> Value {
    let licences = licence.map(|expression| json!([{ "expression": expression }]));
    let sums = sum.map(|sum| json!([{ "alg": "SHA-256", "content": sum }]));
    let fields = [
        ("type", Some(json!("library"))),
        ("bom-ref", Some(json!(purl(name)))),
        ("name", Some(json!(name.0))),
        ("version", Some(json!(name.1))),
        ("purl", Some(json!(purl(name)))),
        ("licenses", licences),
        ("hashes", sums),
    ];
    let known = fields.into_iter();
    let known = known.filter_map(|(field, value)| Some((field.to_owned(), value?)));
    Value::Object(known.collect())
}

/// The standard library, and the C library that is linked statically.
fn toolchain() -> Outcome<Vec<Value>> {
    let rust = run_text(Command::new("rustc").arg("--version"))?;
    let c = run_text(Command::new("getconf").arg("GNU_LIBC_VERSION"))?;
    let part = |name: &str, words: &str, licence: &str| {
        let version = words.split_whitespace().nth(1).unwrap_or_default();
        json!({
            "type": "library",
            "bom-ref": format!("toolchain:{name}@{version}"),
            "name": name,
            "version": version,
            "licenses": [{ "expression": licence }],
        })
    };
    Ok(vec![
        part("rust-std", &rust, "MIT OR Apache-2.0"),
        part("glibc", &c, "LGPL-2.1-or-later"),
    ])
}

fn purl((name, version): &Name) -> String {
    format!("pkg:cargo/{name}@{version}")
}

/// The same contents have the same number (RFC 9562, version 8).
fn serial(components: &[Value]) -> String {
    let sum = Sha256::digest(Value::from(components).to_string());
    let mut bytes: Vec<u8> = sum.iter().copied().take(16).collect();
    for (place, clear, set) in [(6, 0x0f, 0x80), (8, 0x3f, 0x80)] {
        if let Some(byte) = bytes.get_mut(place) {
            *byte = *byte & clear | set;
        }
    }
    let text = hex::encode(bytes);
    let (mut parts, mut rest) = (Vec::new(), text.as_str());
    for length in [8, 4, 4, 4] {
        let (part, after) = rest.split_at(length);
        parts.push(part);
        rest = after;
    }
    parts.push(rest);
    format!("urn:uuid:{}", parts.join("-"))
}

/// RFC 3339, in UTC.
fn timestamp(epoch: u64) -> Outcome<String> {
    let mut date = Command::new("date");
    date.args(["--utc", "+%Y-%m-%dT%H:%M:%SZ"])
        .arg(format!("--date=@{epoch}"));
    Ok(run_text(&mut date)?.trim().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tree_of_cargo_is_read_with_its_edges() {
        let text = "0|tmkms v0.1.0 (/src/crates/tmkms)\n1|clap v4.6.0\n2|clap_derive v4.6.0 \
                    (proc-macro)\n1|hex v0.4.3\n";
        let tree = parse_tree(text).unwrap();
        let name = |name: &str, version: &str| (name.to_owned(), version.to_owned());
        let below = &tree[&name("tmkms", "0.1.0")];
        assert_eq!(*below, [name("clap", "4.6.0"), name("hex", "0.4.3")].into());
        assert_eq!(
            tree[&name("clap", "4.6.0")],
            [name("clap_derive", "4.6.0")].into()
        );
        assert!(parse_tree("tmkms v0.1.0").is_err());
    }

    #[test]
    fn serial_number_is_a_uuid_and_that_of_the_contents() {
        let one = serial(&[json!({ "name": "hex" })]);
        assert_eq!(one, serial(&[json!({ "name": "hex" })]));
        assert_ne!(one, serial(&[json!({ "name": "toml" })]));
        assert_eq!(one.len(), "urn:uuid:".len() + 36);
        assert_eq!(one.as_bytes()["urn:uuid:".len() + 14], b'8');
    }
}
