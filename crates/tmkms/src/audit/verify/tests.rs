use super::super::entry::Entry;
use super::super::record::seal;
use super::*;
use proptest::prelude::*;
use std::time::SystemTime;

/// A log in so many files of so many records each, all but the first of them `stopped`.
fn log(files: u64, records: u64) -> (Vec<Vec<u8>>, Head) {
    let mut link = Link::default();
    let mut all = Vec::new();
    for file in 1..=files {
        let mut bytes = Vec::new();
        let opened = Entry::Opened {
            format: FORMAT,
            file,
            previous: hex::encode(link.hash),
        };
        for number in 0..records {
            let entry = if number == 0 {
                opened.clone()
            } else {
                Entry::stopped()
            };
            let (line, next) = seal(link, &entry, SystemTime::UNIX_EPOCH);
            bytes.extend(line);
            link = next;
        }
        all.push(bytes);
    }
    (all, Head { file: files, link })
}

fn judged(files: &[Vec<u8>], head: Option<Head>) -> Verdict {
    let names: Vec<String> = (1..=files.len()).map(|n| format!("f{n}")).collect();
    let files: Vec<LogFile<'_>> = names
        .iter()
        .zip(files)
        .map(|(name, bytes)| LogFile { name, bytes })
        .collect();
    verify(&files, 1, head)
}

fn findings(files: &[Vec<u8>], head: Option<Head>) -> Vec<String> {
    let found = judged(files, head).findings;
    found.iter().map(ToString::to_string).collect()
}

fn lines(bytes: &[u8]) -> Vec<Vec<u8>> {
    bytes
        .split_inclusive(|byte| *byte == b'\n')
        .map(<[u8]>::to_vec)
        .collect()
}

#[test]
fn log_as_it_was_written_is_whole_in_any_order_of_its_files() {
    let (mut files, head) = log(3, 5);
    assert_eq!(findings(&files, Some(head)), [""; 0]);
    files.rotate_left(1);
    let verdict = judged(&files, Some(head));
    assert!(verdict.findings.is_empty() && verdict.notes.is_empty());
    assert_eq!(verdict.end, head.link);
}

#[test]
fn what_is_missing_is_named_with_its_place() {
    let (files, head) = log(3, 5);
    let mut taken = lines(&files[1]);
    taken.drain(2..4);
    let changed = [files[0].clone(), taken.concat(), files[2].clone()];
    assert_eq!(
        findings(&changed, Some(head)),
        ["f2:3: records 8 to 9 are missing"]
    );
    let without = [files[0].clone(), files[2].clone()];
    assert_eq!(
        findings(&without, Some(head)),
        ["f2: file 2 is missing before file 3, with records 6 to 10"]
    );
    assert_eq!(
        findings(&files[1..], Some(head)),
        ["f1: file 1 is missing before file 2"]
    );
    let cut = [files[0].clone(), files[1].clone()];
    let told = findings(&cut, Some(head));
    assert!(
        told[0].starts_with("end: records 11 to 15 are missing: the head knows record 15"),
        "{told:?}"
    );
    let mut short = lines(&files[0]);
    short.pop();
    let changed = [short.concat(), files[1].clone(), files[2].clone()];
    let told = findings(&changed, Some(head));
    assert!(
        told[0].contains("does not go on where the file before it ends"),
        "{told:?}"
    );
}

#[test]
fn records_that_change_places_are_named() {
    let (files, head) = log(1, 6);
    let mut moved = lines(&files[0]);
    moved.swap(2, 3);
    assert_eq!(
        findings(&[moved.concat()], Some(head)),
        [
            "f1:3: record 3 is missing",
            "f1:4: record 3 stands here, and record 5 should: moved, or put in again"
        ]
    );
}

#[test]
fn log_that_was_written_anew_is_not_the_one_that_the_head_knows() {
    let (_, head) = log(1, 6);
    let mut link = Link::default();
    let mut bytes = Vec::new();
    let opened = Entry::Opened {
        format: FORMAT,
        file: 1,
        previous: hex::encode(link.hash),
    };
    for entry in std::iter::once(opened).chain((0..7).map(|_| Entry::started())) {
        let (line, next) = seal(link, &entry, SystemTime::UNIX_EPOCH);
        bytes.extend(line);
        link = next;
    }
    let told = findings(&[bytes], Some(head));
    assert!(
        told[0].starts_with("head: record 6 is not the one that was written"),
        "{told:?}"
    );
}

proptest! {
    /// One byte, anywhere, changed to anything else.
    #[test]
    fn no_change_of_a_byte_stays_unseen(at in any::<usize>(), to in any::<u8>()) {
        let (mut files, head) = log(2, 4);
        let len = files[1].len();
        let at = at % len;
        prop_assume!(files[1][at] != to);
        files[1][at] = to;
        let verdict = judged(&files, Some(head));
        prop_assert!(!verdict.findings.is_empty(), "{at}");
    }

    #[test]
    fn no_cut_at_the_end_stays_unseen(cut in 1_usize..700) {
        let (mut files, head) = log(2, 4);
        let len = files[1].len().saturating_sub(cut);
        files[1].truncate(len);
        let verdict = judged(&files, Some(head));
        // But for its line end the last record is there.
        prop_assert_eq!(verdict.findings.is_empty(), cut == 1);
    }

    #[test]
    fn no_bytes_make_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
        let (files, head) = log(1, 3);
        let mixed = [files[0].clone(), bytes].concat();
        let _ = judged(&[mixed], Some(head));
    }
}
