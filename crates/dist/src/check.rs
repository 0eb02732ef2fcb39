//! Whether two builds, in places that have nothing in common but the toolchain, give the same bytes.

use std::fs;
use std::path::Path;
use std::time::Instant;

use crate::release::{self, SUMS};
use crate::source::Source;
use crate::{Outcome, doing};

/// Makes the release twice from copies of the sources, compares every file, and puts the first into
/// `to`.
///
/// # Errors
/// When they differ, with the names of what does.
pub fn run(source: &Source, target: &str, to: &Path) -> Outcome {
    let dir = tempfile::tempdir().map_err(doing("make a directory"))?;
    // Paths of different lengths, which would shift what is compiled in.
    let places = ["a", "a/longer/path/to/the/same/sources"].map(|name| dir.path().join(name));
    let mut made = Vec::new();
    let mut seconds = Vec::new();
    for (number, place) in places.iter().enumerate() {
        println!(
            "build {} of {} in {}",
            number + 1,
            places.len(),
            place.display()
        );
        let start = Instant::now();
        let root = place.join("checkout");
        let copy = source.copy_to(&root)?;
        let out = place.join("out");
        made.push(release::make(&copy, target, &root.join("target"), &out)?);
        seconds.push(format!("{} s", start.elapsed().as_secs()));
    }
    let [first, second] = places.map(|place| place.join("out"));
    let names = made.into_iter().flatten();
    let differing: Vec<String> = names
        .filter(|name| !is_same(&first, &second, name))
        .collect();
    if !differing.is_empty() {
        let kept = dir.keep();
        return Err(format!(
            "two builds differ in {}; both are kept in {}",
            differing.join(", "),
            kept.display()
        ));
    }
    let sums = fs::read_to_string(first.join(SUMS)).map_err(doing("read the sums"))?;
    println!(
        "two builds in different places ({}) gave the same bytes:\n{sums}",
        seconds.join(", ")
    );
    keep(&first, to)?;
    println!("they are in {}", to.display());
    Ok(())
}

/// Copies the files of a release.
fn keep(from: &Path, to: &Path) -> Outcome {
    let copy = || {
        fs::create_dir_all(to)?;
        for entry in fs::read_dir(from)? {
            let entry = entry?;
            fs::copy(entry.path(), to.join(entry.file_name()))?;
        }
        Ok::<_, std::io::Error>(())
    };
    copy().map_err(doing(&format!("copy the release to {}", to.display())))
}

fn is_same(first: &Path, second: &Path, name: &str) -> bool {
    let [first, second] = [first, second].map(|out| fs::read(out.join(name)));
    matches!((first, second), (Ok(one), Ok(other)) if one == other)
}
