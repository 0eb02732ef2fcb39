//! What hands do to the files: removed, replaced, put back, cut, used twice; under a running
//! signer, and while it is down.

use std::fs;
use std::path::{Path, PathBuf};

use super::halting::halted;
use super::life::{asked, bury_silently, connected, live, live_well, must_not_start};
use super::{Context, Mode};
use crate::autopsy::{Death, Finding};
use crate::error::CrashError;
use crate::home::Home;
use crate::report::Report;
use crate::script::next_height;
use crate::world::{Model, Plan, Transport, World};

/// The mode.
pub const MODE: Mode = Mode {
    name: "files",
    help: "state files removed, replaced, put back, cut or used twice, running or not",
    left_out: |_| None,
    run,
};

/// Something that is done to the files.
type Deed = fn(&Files) -> Result<(), CrashError>;

/// The files, and where copies of them from an earlier time are.
struct Files {
    ring: PathBuf,
    document: PathBuf,
}

impl Files {
    fn of(home: &Home) -> Self {
        Self {
            ring: home.ring_file(),
            document: home.state_file(),
        }
    }
}

/// While it runs: each must stop the signing, and the next start be good.
const UNDER_IT: &[(&str, Deed)] = &[
    ("the ring is removed", |files| remove(&files.ring)),
    ("the document is removed", |files| remove(&files.document)),
    ("the ring is replaced by a copy", |files| {
        replace(&files.ring)
    }),
    ("the document is replaced by a copy", |files| {
        replace(&files.document)
    }),
];

/// While it is down: it goes on as it should, or does not start and says why.
const MEANWHILE: &[(&str, Deed)] = &[
    ("the ring is removed", |files| remove(&files.ring)),
    ("the document is removed", |files| remove(&files.document)),
    ("the ring is put back", |files| put_back(&files.ring)),
    ("the document is put back", |files| {
        put_back(&files.document)
    }),
    ("the document is emptied", |files| cut(&files.document, 0)),
    ("the document is cut", |files| cut(&files.document, 100)),
    ("the ring is emptied", |files| cut(&files.ring, 0)),
    ("the ring is cut", |files| cut(&files.ring, 20_000)),
];

fn run(context: &Context, report: &mut Report) -> Result<(), CrashError> {
    for (what, deed) in UNDER_IT {
        let mut world = begin(context, &format!("files, {what} under it"), report)?;
        let files = Files::of(&world.home);
        let signer = halted(&mut world, &context.launch, report, || deed(&files))?;
        bury_silently(signer, report)?;
        // The document may be gone, as after a loss of power.
        if let Finding::NeedsOperator(text) = world.autopsy(Death::Machine) {
            world.ledger.violation(text);
        }
        live_well(context, &mut world, report)?;
        report.add(&world.ledger);
    }
    for (what, deed) in MEANWHILE {
        let mut world = begin(context, &format!("files, {what} meanwhile"), report)?;
        meanwhile(context, &mut world, what, *deed, report)?;
        report.add(&world.ledger);
    }
    for whole in [
        both_are_put_back,
        directory_is_removed,
        second_signer_does_not_start,
    ] {
        let mut world = begin(context, "files", report)?;
        whole(context, &mut world, report)?;
        report.add(&world.ledger);
    }
    Ok(())
}

/// A chain with some signatures, and a copy of its state from before the last of them.
fn begin(context: &Context, what: &str, report: &mut Report) -> Result<World, CrashError> {
    let mut world = context.world(Transport::Unix, context.rng(what))?;
    world.ledger.enter(context.place(what));
    live(&mut world, &context.launch, &Plan::plain(7), None, report)?;
    for file in [world.home.state_file(), world.home.ring_file()] {
        fs::copy(&file, old(&file)).map_err(CrashError::doing("copy the state"))?;
    }
    live(&mut world, &context.launch, &Plan::plain(7), None, report)?;
    Ok(world)
}

fn meanwhile(
    context: &Context,
    world: &mut World,
    what: &str,
    deed: Deed,
    report: &mut Report,
) -> Result<(), CrashError> {
    deed(&Files::of(&world.home))?;
    report.faults += 1;
    match world.autopsy(Death::Machine) {
        Finding::Recovered => {
            report.notes.push(format!("{what} meanwhile: it goes on"));
            live_well(context, world, report)
        }
        Finding::NeedsOperator(_) => {
            let what = format!("{what} meanwhile");
            refuses_to_start(context, world, &what, report).map(drop)
        }
    }
}

/// It must end with an error that names the state; the report keeps it.
fn refuses_to_start(
    context: &Context,
    world: &mut World,
    what: &str,
    report: &mut Report,
) -> Result<String, CrashError> {
    report.lives += 1;
    let who = "with its state unusable the signer";
    let output = must_not_start(world, &context.launch, who, &["state.json"])?;
    let path = world.home.path().display().to_string();
    let last = output.lines().last().unwrap_or_default();
    let text = last.replace(&path, "HOME");
    report
        .notes
        .push(format!("{what}: it does not start: {text}"));
    Ok(text)
}

/// Ring and document agree with each other and are old: the signer does not start before the
/// newest ones are back.
fn both_are_put_back(
    context: &Context,
    world: &mut World,
    report: &mut Report,
) -> Result<(), CrashError> {
    world
        .ledger
        .enter(context.place("files, both are put back"));
    let files = [world.home.state_file(), world.home.ring_file()];
    let mut newest = Vec::new();
    for file in &files {
        newest.push(fs::read(file).map_err(CrashError::doing("read the state"))?);
        put_back(file)?;
    }
    report.faults += 1;
    let text = refuses_to_start(context, world, "both are put back", report)?;
    if !text.contains("is old: it ends at") {
        world
            .ledger
            .violation(format!("put back state: the signer says {text:?}"));
    }
    for (file, content) in files.iter().zip(newest) {
        fs::write(file, content).map_err(CrashError::doing("write the state"))?;
    }
    live_well(context, world, report)
}

/// The whole directory goes while it signs. Then it does not start, nor once the directory is made
/// again; after a reboot it knows nothing, and lets pass the height that the node is at.
fn directory_is_removed(
    context: &Context,
    world: &mut World,
    report: &mut Report,
) -> Result<(), CrashError> {
    world
        .ledger
        .enter(context.place("files, directory removed"));
    let directory = world.home.state_directory();
    report.faults += 1;
    let signer = asked(world, &context.launch, |signer| {
        signer.talk(&Plan::mixed(3))?;
        fs::remove_dir_all(&directory).map_err(CrashError::doing("remove the state"))?;
        let next = signer.world.script.plain(signer.world.model.mark.as_ref());
        signer.ask(&next, &Plan::mixed(0).with_faults())
    })?;
    if !world.model.has_halted {
        let text = "the state was removed, and the signer went on signing";
        world.ledger.violation(text);
    }
    bury_silently(signer, report)?;
    refuses_to_start(context, world, "the directory is removed", report)?;
    fs::create_dir(&directory).map_err(CrashError::doing("make the state directory"))?;
    refuses_to_start(context, world, "the directory is made again", report)?;
    world.home.forget_boot()?;
    forgets_and_lets_pass(context, world, report)
}

fn forgets_and_lets_pass(
    context: &Context,
    world: &mut World,
    report: &mut Report,
) -> Result<(), CrashError> {
    let Some(released) = world.ledger.highest().map(|r| r.canonical.clone()) else {
        return Ok(());
    };
    // From here on any signature would be a violation, and the disk has nothing to show.
    world.model = Model::default();
    world.ledger.begin_new_chain();
    connected(world, &context.launch, report, |signer| {
        let plan = Plan::mixed(0);
        for _ in 0..20 {
            let conflict = signer.world.script.conflicting(&released);
            signer.ask(&conflict, &plan)?;
        }
        let next = signer.world.script.at(next_height(released.hrs()));
        signer.ask(&next, &plan)
    })
}

fn second_signer_does_not_start(
    context: &Context,
    world: &mut World,
    report: &mut Report,
) -> Result<(), CrashError> {
    world.ledger.enter(context.place("files, a second signer"));
    let launch = context.launch.clone();
    report.faults += 1;
    connected(world, &launch, report, |signer| {
        signer.talk(&Plan::mixed(5))?;
        let who = "a second signer on one state";
        must_not_start(signer.world, &launch, who, &["is in use by another signer"])?;
        signer.talk(&Plan::mixed(20))
    })?;
    report.lives += 1;
    live_well(context, world, report)
}

fn remove(file: &Path) -> Result<(), CrashError> {
    fs::remove_file(file).map_err(CrashError::doing("remove a state file"))
}

/// As an editor or tmkms does: another file takes the name.
fn replace(file: &Path) -> Result<(), CrashError> {
    let copy = file.with_extension("copy");
    fs::copy(file, &copy).map_err(CrashError::doing("copy a state file"))?;
    fs::rename(copy, file).map_err(CrashError::doing("replace a state file"))
}

fn put_back(file: &Path) -> Result<(), CrashError> {
    fs::copy(old(file), file)
        .map(drop)
        .map_err(CrashError::doing("put back a state file"))
}

fn cut(file: &Path, length: u64) -> Result<(), CrashError> {
    fs::File::options()
        .write(true)
        .open(file)
        .and_then(|file| file.set_len(length))
        .map_err(CrashError::doing("cut a state file"))
}

/// Beside the home's state directory, which the signer does not look into.
fn old(file: &Path) -> PathBuf {
    let name = file.file_name().unwrap_or_default();
    let directory = file.parent().and_then(Path::parent);
    directory.unwrap_or(Path::new(".")).join(name)
}
