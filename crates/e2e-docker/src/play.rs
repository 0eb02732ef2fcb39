//! A run: the scenes one after the other.

use std::path::Path;
use std::time::Instant;

use crate::Outcome;
use crate::guide::{Guide, Ledger};
use crate::images::Parts;
use crate::options::Options;
use crate::scenes::SCENES;
use crate::stage::Stage;

/// Plays what is asked for; `false` if a scene failed.
///
/// # Errors
/// When nothing can be played.
pub fn run(options: &Options) -> Outcome<bool> {
    if options.scene.iter().any(|name| name == "list") {
        for scene in SCENES {
            println!("{:<14} {}", scene.name, scene.about);
        }
        return Ok(true);
    }
    if let Some(name) = options
        .scene
        .iter()
        .find(|name| !SCENES.iter().any(|scene| scene.name == **name))
    {
        return Err(format!(
            "there is no scene {name}; `--scene list` shows those that there are"
        ));
    }
    e2e::wait::listen_for_interrupts()?;
    e2e::namespace::remove_stale();
    crate::daemon::remove_stale();
    let stage = Stage {
        parts: Parts::of_environment()?,
        ledger: Ledger::default(),
        is_verbose: options.verbose,
    };
    let mut failed = Vec::new();
    for scene in SCENES {
        if !options.scene.is_empty() && !options.scene.iter().any(|name| name == scene.name) {
            continue;
        }
        println!("{}: {}", scene.name, scene.about);
        let start = Instant::now();
        let played = (scene.play)(&stage);
        let seconds = start.elapsed().as_secs();
        match played {
            Ok(()) => println!("{}: ok, {seconds} s", scene.name),
            Err(text) => {
                println!("{}: FAILED after {seconds} s\n{text}", scene.name);
                failed.push(scene.name);
            }
        }
        if e2e::wait::is_interrupted() {
            return Err("interrupted".to_owned());
        }
    }
    if !failed.is_empty() {
        println!("failed: {}", failed.join(", "));
        return Ok(false);
    }
    if options.scene.is_empty() {
        return is_complete(&stage.ledger);
    }
    Ok(true)
}

/// Whether all scenes together have run every command of the guide.
fn is_complete(ledger: &Ledger) -> Outcome<bool> {
    let guide = Guide::read(&Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/guide.md"))?;
    let missing = ledger.missing(&guide);
    for step in &missing {
        println!("{}: no scene runs `{}`", step.at, step.command);
    }
    Ok(missing.is_empty())
}
