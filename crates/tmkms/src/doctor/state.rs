//! The state of a chain: who has it locked, how old it is, what was signed last, and how that
//! stands to the node's height.

use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use guard::{Knowledge, Mark};
use privval::ChainId;
use store::{OpenError, inspect, ring_path};

use super::finding::Finding;
use super::node::NodeView;
use crate::config::{Chain, Softsign};
use crate::signer::{floor, mark_path};

/// KIRA makes a validator inactive after 121 missed blocks in a row; this leaves time to act.
const MANY_BLOCKS: i64 = 10;

/// Who has a state, as the kernel's table of locks shows it (proc_locks(5)).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Lock {
    /// Nobody.
    Free,
    /// This process; 0 where it is in another PID namespace.
    Held(u32),
}

/// Looks who has a state, without touching the lock.
///
/// # Errors
/// Why that cannot be seen.
pub(super) fn lock(state_file: &Path) -> Result<Lock, String> {
    let metadata = match ring_path(state_file).metadata() {
        Ok(metadata) => metadata,
        // A signer makes its ring before it signs.
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Lock::Free),
        Err(error) => return Err(error.to_string()),
    };
    let table = fs::read_to_string("/proc/locks").map_err(|error| error.to_string())?;
    Ok(held(&table, metadata.ino()).map_or(Lock::Free, Lock::Held))
}

/// `1: FLOCK  ADVISORY  WRITE 708 08:03:131130 0 EOF`. The device is not compared: on overlay and
/// btrfs it is not the one that stat(2) tells. A waiting lock begins with `->`.
fn held(table: &str, inode: u64) -> Option<u32> {
    table.lines().find_map(|line| {
        let words: Vec<&str> = line.split_whitespace().collect();
        let [_, "FLOCK", _, _, pid, file, ..] = words.as_slice() else {
            return None;
        };
        let (_, number) = file.rsplit_once(':')?;
        (number.parse() == Ok(inode)).then(|| pid.parse().unwrap_or_default())
    })
}

/// What is known of what was signed last.
#[derive(Clone, Debug, Default)]
pub(super) struct Past {
    /// The mark that the signer would start from, or goes on from.
    pub(super) mark: Option<Mark>,
    /// Whether the files could be read.
    pub(super) is_known: bool,
}

/// Reads the state as the signer would find it.
pub(super) fn read(chain: &Chain, key: Option<&Softsign>, findings: &mut Vec<Finding>) -> Past {
    let file = &chain.state_file.value;
    let state = match inspect(file, &chain.id) {
        Ok(state) => state,
        Err(error) => {
            findings.push(wrong(&error));
            return Past::default();
        }
    };
    let beside = match key.map(|key| beside(key, &chain.id)) {
        Some(Err(finding)) => {
            findings.push(finding);
            return Past::default();
        }
        Some(Ok(mark)) => mark,
        None => None,
    };
    let state = match state {
        Some(Knowledge::Mark(mark)) => Some(mark),
        _ => None,
    };
    let (mark, place) = match (state, beside) {
        (Some(mark), Some((floor, path))) if floor.hrs() > mark.hrs() => (Some(floor), path),
        (None, Some((floor, path))) => (Some(floor), path),
        (mark, _) => (mark, file.clone()),
    };
    findings.push(tell(chain, mark.as_ref(), &place));
    Past {
        mark,
        is_known: true,
    }
}

fn beside(key: &Softsign, chain: &ChainId) -> Result<Option<(Mark, PathBuf)>, Finding> {
    let file = &key.path.value;
    match floor(file, chain) {
        Ok(mark) => Ok(mark.map(|mark| (mark, mark_path(file)))),
        Err(error) => Err(Finding::broken(
            "state.mark_beside_key",
            format!("the mark beside the key cannot be used: {error}"),
        )
        .mend("import the key again with the node's priv_validator_state.json")),
    }
}

fn tell(chain: &Chain, mark: Option<&Mark>, place: &Path) -> Finding {
    let Some(mark) = mark else {
        return Finding::fine(
            "state.none",
            format!(
                "chain {}: nothing was signed that is known of ({} is not there yet)",
                chain.id,
                chain.state_file.value.display()
            ),
        );
    };
    let age = age_s(&ring_path(&chain.state_file.value)).or_else(|| age_s(place));
    let age = age.map_or_else(String::new, |age| format!(", written {} ago", span(age)));
    Finding::fine(
        "state.ok",
        format!(
            "chain {}: last signed at h/r/s {} ({}{age})",
            chain.id,
            mark.hrs(),
            place.display()
        ),
    )
}

fn age_s(path: &Path) -> Option<u64> {
    let written = path.metadata().ok()?.modified().ok()?;
    let age = SystemTime::now()
        .duration_since(written)
        .unwrap_or_default();
    Some(age.as_secs())
}

fn span(seconds: u64) -> String {
    match seconds {
        0..=119 => format!("{seconds} s"),
        120..=7_199 => format!("{} min", seconds / 60),
        7_200..=172_799 => format!("{} h", seconds / 3_600),
        _ => format!("{} d", seconds / 86_400),
    }
}

fn wrong(error: &OpenError) -> Finding {
    let text = error.to_string();
    match error {
        OpenError::NoDirectory { directory, .. } => Finding::broken("state.no_directory", text)
            .mend(format!("mkdir -p {}", directory.display())),
        OpenError::IsDirectory(path) => {
            Finding::broken("state.directory", text).mend(format!("rmdir {}", path.display()))
        }
        OpenError::Io { source, .. } if source.kind() == std::io::ErrorKind::PermissionDenied => {
            Finding::unseen("state.unseen", "the state", text)
                .mend("run as the user that runs the signer, or as root")
        }
        OpenError::OtherChain { .. } => Finding::broken("state.other_chain", text)
            .mend("correct `state_file`, or the chain's `id`, in tmkms.toml"),
        _ => Finding::broken("state.damaged", text).mend(
            "tmkms state import -c tmkms.toml --height HEIGHT   (the last block with this \
             validator's signature, or a backup instead; the damaged file is moved away first)",
        ),
    }
}

/// The mark beside the height of the node of the same chain.
pub(super) fn compare(past: &Past, view: &NodeView, is_validator: bool) -> Option<Finding> {
    if !past.is_known {
        return None;
    }
    let Some(mark) = &past.mark else {
        return unknown_past(view);
    };
    let (mark, height) = (mark.hrs().height.value(), view.height);
    let ahead = mark.saturating_sub(height);
    if ahead > 1 && view.catching_up {
        let found = format!(
            "signed up to height {mark}, and the node is catching up at {height}: requests below \
             are refused, as they should be"
        );
        return Some(
            Finding::warning("state.ahead_of_syncing_node", found)
                .mend("wait until the node has caught up"),
        );
    }
    if ahead > 1 {
        let found = format!(
            "signed up to height {mark}, but the node is at {height}: whatever it asks for below \
             is refused. It was reset, or the chain began anew under the same id, or this is the \
             state of another chain"
        );
        return Some(
            Finding::broken("state.ahead_of_node", found)
                .mend("a node that was reset: wait until it has caught up")
                .mend(
                    "a chain that began anew, which never goes on where it was: a new state_file \
                     in tmkms.toml (docs/guide.md, \"Start over\")",
                ),
        );
    }
    let behind = height.saturating_sub(mark);
    if is_validator && behind > MANY_BLOCKS {
        let found = format!(
            "{behind} heights were not signed: the mark is at {mark}, the node at {height}"
        );
        return Some(
            Finding::broken("state.behind_node", found)
                .mend(
                    "tmkms status -c tmkms.toml   (is the signer connected, and what is refused?)",
                )
                .mend("is another signer at work? Stop it before this one signs"),
        );
    }
    let found = format!("signed up to height {mark}, and the node is at {height}");
    Some(Finding::fine("state.fits_node", found))
}

/// A signer without a past lets heights pass for half a minute.
fn unknown_past(view: &NodeView) -> Option<Finding> {
    (view.height > 1).then(|| {
        Finding::warning(
            "state.no_past",
            format!(
                "there is no state, and the chain is at height {}: each height that is asked for \
                 in the first 30 s is let pass, and a chain with this validator alone waits for \
                 ever",
                view.height
            ),
        )
        .mend("tmkms state import -c tmkms.toml NODE_HOME/data/priv_validator_state.json")
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::signer::whole_height;
    use privval::Height;

    fn past(height: i64) -> Past {
        Past {
            mark: Some(whole_height(Height::try_from(height).unwrap())),
            is_known: true,
        }
    }

    fn view(height: i64) -> NodeView {
        NodeView {
            at: String::new(),
            chain_id: "testnet-1".to_owned(),
            version: "0.37.2".to_owned(),
            height,
            catching_up: false,
            block_age_s: None,
            skew_s: None,
            address: String::new(),
            validators: Ok(Vec::new()),
            signed: Vec::new(),
        }
    }

    fn id(past: &Past, view: &NodeView) -> &'static str {
        compare(past, view, true).unwrap().id
    }

    #[test]
    fn mark_may_be_one_ahead_and_ten_behind() {
        for (mark, expected) in [
            (100, "state.fits_node"),
            (101, "state.fits_node"),
            (102, "state.ahead_of_node"),
            (90, "state.fits_node"),
            (89, "state.behind_node"),
        ] {
            assert_eq!(id(&past(mark), &view(100)), expected, "{mark}");
        }
        // Who is no validator signs nothing, and is not late.
        let idle = compare(&past(1), &view(100), false).unwrap();
        assert_eq!(idle.id, "state.fits_node");
        let syncing = NodeView {
            catching_up: true,
            ..view(100)
        };
        assert_eq!(id(&past(150), &syncing), "state.ahead_of_syncing_node");
    }

    #[test]
    fn missing_past_matters_on_a_chain_that_has_one() {
        let none = Past {
            mark: None,
            is_known: true,
        };
        assert_eq!(id(&none, &view(2)), "state.no_past");
        assert_eq!(compare(&none, &view(1), true), None);
        assert_eq!(compare(&Past::default(), &view(100), true), None);
    }

    #[test]
    fn lock_is_found_by_its_inode() {
        let table = "\
1: POSIX  ADVISORY  WRITE 7 08:03:131130 0 EOF
2: FLOCK  ADVISORY  WRITE 708 08:03:131130 0 EOF
2: -> FLOCK  ADVISORY  WRITE 709 08:03:131130 0 EOF
3: FLOCK  ADVISORY  WRITE 0 00:2a:5 0 EOF
garbage
";
        assert_eq!(held(table, 131_130), Some(708));
        assert_eq!(held(table, 5), Some(0));
        assert_eq!(held(table, 13), None);
    }

    #[test]
    fn spans_are_in_the_unit_that_people_would_take() {
        let told: Vec<String> = [5, 119, 120, 7_200, 180_000].map(span).to_vec();
        assert_eq!(told, ["5 s", "119 s", "2 min", "2 h", "2 d"]);
    }
}
