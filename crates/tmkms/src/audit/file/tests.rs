use super::super::verify::{LogFile, Verdict, verify};
use super::*;

fn open(path: &Path, rotate_len: u64) -> (AuditFile, Option<Cut>) {
    AuditFile::open(path, rotate_len).unwrap()
}

fn add(log: &mut AuditFile, count: usize) {
    let entry = || (SystemTime::now(), Entry::started());
    let mut entries: VecDeque<_> = (0..count).map(|_| entry()).collect();
    log.append(&mut entries).unwrap();
    assert!(entries.is_empty());
}

fn judged(path: &Path) -> Verdict {
    let directory = fs::read_dir(path.parent().unwrap()).unwrap();
    let mut files = Vec::new();
    for entry in directory {
        let file = entry.unwrap().path();
        if file.extension().is_none_or(|ext| ext != "head") {
            files.push((file.display().to_string(), fs::read(&file).unwrap()));
        }
    }
    let files: Vec<LogFile<'_>> = files
        .iter()
        .map(|(name, bytes)| LogFile { name, bytes })
        .collect();
    let head = Head::parse(&fs::read(head_path(path)).unwrap());
    verify(&files, 1, head)
}

#[test]
fn files_follow_each_other_and_a_restart_goes_on() {
    let home = tempfile::tempdir().unwrap();
    let path = home.path().join("audit/audit.log");
    for round in 1..=3 {
        let (mut log, cut) = open(&path, 4_000);
        assert_eq!(cut, None);
        add(&mut log, 40);
        log.sync().unwrap();
        assert_eq!(log.own_directory().as_deref(), path.parent());
        assert!(log.number > round);
    }
    let verdict = judged(&path);
    assert_eq!((verdict.findings, verdict.counts["started"]), (vec![], 120));
}

#[test]
fn of_a_write_that_was_not_finished_the_next_record_tells() {
    let home = tempfile::tempdir().unwrap();
    let path = home.path().join("audit.log");
    for cut in [1, 2, 90, 250] {
        let (mut log, _) = open(&path, 1 << 20);
        add(&mut log, 3);
        drop(log);
        let bytes = fs::read(&path).unwrap();
        fs::write(&path, &bytes[..bytes.len() - cut]).unwrap();
    }
    // As a loss of power leaves it, and as another program does.
    let mut file = open_append(&path).unwrap();
    file.write_all(&[0; 300]).unwrap();
    file.write_all(b"\nnot a record\n").unwrap();
    let (mut log, cut) = open(&path, 1 << 20);
    add(&mut log, 1);
    log.sync().unwrap();
    let verdict = judged(&path);
    assert_eq!((cut, verdict.findings), (None, vec![]));
    assert_eq!(verdict.counts["torn"], 3, "{:?}", verdict.notes);
}

#[test]
fn crash_at_any_point_of_a_rotation_loses_no_record() {
    for stage in 0..4 {
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join("audit.log");
        let (mut log, _) = open(&path, 1 << 20);
        add(&mut log, 5);
        log.sync().unwrap();
        let full = rotated_path(&path, 1);
        if stage > 0 {
            fs::rename(&path, &full).unwrap();
        }
        if stage > 1 {
            log.write_one(&Entry::Rotated { next: 2 }).unwrap();
        }
        if stage > 2 {
            fs::write(&path, "{\"seq\":7,\"ti").unwrap();
        }
        drop(log);
        let (mut log, cut) = open(&path, 1 << 20);
        assert_eq!(cut, None, "{stage}");
        add(&mut log, 2);
        log.sync().unwrap();
        let verdict = judged(&path);
        assert_eq!(
            (verdict.findings, verdict.counts["started"]),
            (vec![], 7),
            "{stage}"
        );
    }
}

#[test]
fn name_that_is_taken_keeps_the_file_growing() {
    let home = tempfile::tempdir().unwrap();
    let path = home.path().join("audit.log");
    let (mut log, _) = open(&path, 2_000);
    fs::write(rotated_path(&path, 1), "precious").unwrap();
    add(&mut log, 60);
    assert_eq!(log.number, 1);
    assert_eq!(fs::read(rotated_path(&path, 1)).unwrap(), b"precious");
    fs::remove_file(rotated_path(&path, 1)).unwrap();
    add(&mut log, 60);
    log.sync().unwrap();
    assert!(log.number > 1);
    let verdict = judged(&path);
    assert_eq!((verdict.findings, verdict.counts["started"]), (vec![], 120));
}

#[test]
fn removed_files_and_a_removed_head_are_noticed() {
    let home = tempfile::tempdir().unwrap();
    let path = home.path().join("audit.log");
    let (mut log, _) = open(&path, 1 << 20);
    add(&mut log, 5);
    log.sync().unwrap();
    let link = log.link;
    drop(log);
    fs::remove_file(&path).unwrap();
    let (mut log, cut) = open(&path, 1 << 20);
    let cut = cut.unwrap();
    assert_eq!((cut.found, cut.head), (Link::default(), link));
    assert_eq!(log.number, 2);
    add(&mut log, 1);
    log.sync().unwrap();
    drop(log);
    fs::remove_file(head_path(&path)).unwrap();
    let (_, cut) = open(&path, 1 << 20);
    assert_eq!(
        cut.unwrap().to_string(),
        "the file with its head is gone, which is beside it"
    );
}
