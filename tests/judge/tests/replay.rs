//! Every input that was ever worth keeping, judged again: the fuzzers' corpus, and what they
//! found.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "the helpers of a test fail it like the test itself"
)]

use std::{
    fs,
    io::ErrorKind,
    panic::catch_unwind,
    path::{Path, PathBuf},
};

use judge::JUDGEMENTS;

fn fuzz() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz")
}

/// The files of a folder in the order of their names.
fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        // Nothing was found by that fuzzer yet, and an empty folder cannot be committed.
        Err(error) if error.kind() == ErrorKind::NotFound => return Vec::new(),
        Err(error) => panic!("{folder:?}: {error}"),
    };
    let mut files: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    files.sort();
    files
}

fn names(folder: &Path) -> Vec<String> {
    let name = |path: &PathBuf| path.file_name().unwrap().to_str().unwrap().to_owned();
    files(folder).iter().map(name).collect()
}

/// Judges all files of `place` for each judgement, and says how many there were.
fn replay(place: &str) -> usize {
    let mut faults = Vec::new();
    let mut judged = 0;
    for (name, judge) in JUDGEMENTS {
        for file in files(&fuzz().join(place).join(name)) {
            let input = fs::read(&file).unwrap();
            if catch_unwind(|| judge(&input)).is_err() {
                faults.push(file);
            }
            judged += 1;
        }
    }
    assert!(faults.is_empty(), "not as it must be: {faults:#?}");
    judged
}

#[test]
fn the_corpus_is_judged_well() {
    assert!(replay("corpus") > 100, "the corpus is not what it was");
}

#[test]
fn what_was_found_once_stays_mended() {
    assert!(replay("regressions") > 0);
}

#[test]
fn every_judgement_has_a_fuzzer_a_corpus_and_a_dictionary() {
    let mut expected: Vec<String> = JUDGEMENTS.iter().map(|(name, _)| (*name).to_owned()).collect();
    expected.sort();
    for place in ["corpus", "dictionaries"] {
        assert_eq!(names(&fuzz().join(place)), expected, "{place}");
    }
    let found = names(&fuzz().join("regressions"));
    assert!(found.iter().all(|name| expected.contains(name)), "{found:?}");
    let programs: Vec<String> = expected.iter().map(|name| format!("{name}.rs")).collect();
    assert_eq!(names(&fuzz().join("fuzz_targets")), programs);
    for (name, _) in JUDGEMENTS {
        assert!(!files(&fuzz().join("corpus").join(name)).is_empty(), "{name}");
    }
}
