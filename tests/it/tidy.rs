//! What never happens: the absences that ARCHITECTURE.md promises, as far as a search can
//! find them.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use tests::workspace;

/// A Rust file of ours: where it is, relative to the workspace, and what it says.
struct Source {
    path: String,
    text: String,
}

impl Source {
    /// Its lines without comments, numbered.
    fn code(&self) -> impl Iterator<Item = (usize, &str)> {
        let lines = self.text.lines().enumerate();
        lines
            .map(|(n, line)| (n + 1, line))
            .filter(|(_, line)| !line.trim_start().starts_with("//"))
    }

    fn is_in(&self, places: &[&str]) -> bool {
        places.iter().any(|place| {
            self.path == *place || self.path.strip_prefix(place).is_some_and(|r| r.starts_with('/'))
        })
    }
}

fn collect(directory: &Path, sources: &mut Vec<Source>) {
    let mut entries: Vec<PathBuf> =
        fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path()).collect();
    entries.sort();
    for path in entries {
        let name = path.file_name().unwrap().to_str().unwrap();
        if path.is_dir() && name != "target" && name != "dist" {
            collect(&path, sources);
        } else if name.ends_with(".rs") {
            let text = fs::read_to_string(&path).unwrap();
            let path = path.strip_prefix(workspace()).unwrap().to_str().unwrap().to_owned();
            sources.push(Source { path, text });
        }
    }
}

fn sources() -> Vec<Source> {
    let mut sources = Vec::new();
    collect(&workspace().join("crates"), &mut sources);
    collect(&workspace().join("tests"), &mut sources);
    assert!(sources.len() > 60, "the search finds our files");
    sources
}

/// Whether `line` has `word` as whole words; it may end in the middle of a path.
fn names(line: &str, word: &str) -> bool {
    let part_of_word = |c: char| c.is_ascii_alphanumeric() || c == '_';
    line.match_indices(word).any(|(at, _)| {
        let goes_on =
            word.ends_with(part_of_word) && line[at + word.len()..].starts_with(part_of_word);
        !line[..at].ends_with(part_of_word) && !goes_on
    })
}

#[test]
fn the_search_itself_finds_what_it_should() {
    for (line, word) in [
        ("use axum::Router;", "axum"),
        ("    tera::Tera::new()", "tera::"),
        ("use crate::{hub::Hub, store::X}", "store::"),
        ("tokio::spawn(x)", "tokio::spawn"),
        ("std::time::SystemTime::now()", "SystemTime"),
    ] {
        assert!(names(line, word), "{word} in {line}");
    }
    for (line, word) in [
        ("my_axum", "axum"),
        ("axums", "axum"),
        ("literal.svg.tera", "tera::"),
        ("restore::X", "store::"),
        ("tokio::task::spawn_blocking(x)", "task::spawn"),
    ] {
        assert!(!names(line, word), "{word} in {line}");
    }
}

/// Insists that `words` stand in the code of the crates only where they are `allowed`.
#[track_caller]
fn only_in(words: &[&str], allowed: &[&str]) {
    let mut faults = Vec::new();
    for source in sources() {
        if source.path.starts_with("tests/") || source.is_in(allowed) {
            continue;
        }
        for (n, line) in source.code() {
            if words.iter().any(|word| names(line, word)) {
                faults.push(format!("{}:{n}: {}", source.path, line.trim()));
            }
        }
    }
    assert!(faults.is_empty(), "{words:?} belong only in {allowed:?}:\n{}", faults.join("\n"));
}

#[test]
fn only_the_edge_knows_the_web_framework() {
    only_in(&["axum"], &["crates/backend/src/http", "crates/backend/src/connections"]);
}

#[test]
fn only_stores_know_their_databases() {
    only_in(&["sqlx", "fred"], &["crates/backend/src/store", "crates/backend/src/bus"]);
}

#[test]
fn only_the_render_room_knows_the_template_engine() {
    only_in(&["tera::", "use tera", "Tera"], &["crates/backend/src/render"]);
}

#[test]
fn only_the_mail_room_knows_the_mail_library() {
    only_in(&["lettre"], &["crates/backend/src/mail"]);
}

#[test]
fn only_common_jwt_knows_the_token_library() {
    only_in(&["jsonwebtoken"], &["crates/common/src/jwt"]);
}

#[test]
fn only_the_lifecycle_starts_tasks() {
    let starters = ["tokio::spawn", "task::spawn", "thread::spawn", "JoinSet", "spawn_local"];
    let frontend_has_one_thread = "crates/frontend";
    only_in(&starters, &["crates/backend/src/lifecycle.rs", frontend_has_one_thread]);
}

#[test]
fn only_the_clock_reads_the_clock() {
    let clocks = ["now_utc", "now_local", "SystemTime", "std::time::Instant"];
    only_in(&clocks, &["crates/backend/src/clock.rs"]);
}

#[test]
fn no_test_sleeps() {
    let sleeps = [concat!("time::", "sleep"), concat!("thread::", "sleep")];
    for source in sources() {
        let is_test = source.path.starts_with("tests/") || source.path.ends_with("tests.rs");
        for (n, line) in source.code().filter(|_| is_test) {
            assert!(!sleeps.iter().any(|sleep| names(line, sleep)), "{}:{n}: {line}", source.path);
        }
    }
}

/// Which rooms of the server each room may use, itself aside.
const ROOMS: &[(&str, &[&str])] = &[
    ("account", &["clock", "config", "mail", "metrics", "outbox", "store", "token", "webhook"]),
    ("clock", &[]),
    ("bus", &["encode", "lifecycle", "store"]),
    ("config", &["limit", "mail", "render", "store", "webhook"]),
    ("delivery", &["clock", "encode", "hub", "lifecycle", "limit"]),
    ("encode", &["metrics"]),
    ("hub", &["bus", "clock", "encode", "metrics"]),
    ("idempotency", &["clock", "lifecycle", "store"]),
    ("lifecycle", &[]),
    ("limit", &["clock", "metrics", "store"]),
    ("mail", &["clock", "outbox", "render", "store"]),
    ("metrics", &[]),
    ("outbox", &["clock", "lifecycle", "metrics", "store"]),
    ("render", &["clock", "lifecycle", "metrics"]),
    (
        "session",
        &["bus", "clock", "config", "encode", "hub", "lifecycle", "render", "store", "token"],
    ),
    ("store", &[]),
    ("telemetry", &["config"]),
    ("ticket", &["clock", "store", "token"]),
    ("token", &["clock", "config", "store"]),
    ("webhook", &["clock", "outbox", "store"]),
];

#[test]
fn rooms_use_what_lies_below_them_and_nothing_else() {
    let rooms = fs::read_dir(workspace().join("crates/backend/src")).unwrap();
    let rooms: Vec<String> = rooms
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .map(|name| name.trim_end_matches(".rs").to_owned())
        .collect();
    let mut faults = Vec::new();
    for (room, allowed) in ROOMS {
        assert!(rooms.contains(&(*room).to_owned()), "there is no room {room}");
        let places =
            [format!("crates/backend/src/{room}"), format!("crates/backend/src/{room}.rs")];
        let places = places.each_ref().map(String::as_str);
        for source in sources().iter().filter(|source| source.is_in(&places)) {
            // Imports are written over several lines, so the whole file is one text here.
            let code: String = source.code().map(|(_, line)| line.trim()).collect();
            for other in rooms.iter().filter(|other| *other != room) {
                let direct = code.contains(&format!("crate::{other}::"));
                let grouped = code.split("use crate::{").skip(1).any(|rest| {
                    let group = rest.split_once("};").map_or(rest, |(group, _)| group);
                    names(group, &format!("{other}::"))
                });
                if (direct || grouped) && !allowed.contains(&other.as_str()) {
                    faults.push(format!("{} uses {other}", source.path));
                }
            }
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

#[test]
fn common_alone_is_free_of_servers_clocks_and_io() {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let tree = Command::new(cargo)
        .current_dir(workspace())
        .args(["tree", "--package", "common", "--edges", "normal", "--prefix", "none"])
        .args(["--offline", "--format", "{p}"])
        .output()
        .unwrap();
    assert!(tree.status.success(), "{}", String::from_utf8_lossy(&tree.stderr));
    let tree = String::from_utf8(tree.stdout).unwrap();
    let names: Vec<_> = tree.lines().filter_map(|line| line.split(' ').next()).collect();
    assert!(names.contains(&"serde"), "{names:?}");
    for foreign in [
        "tokio",
        "axum",
        "hyper",
        "reqwest",
        "sqlx",
        "tera",
        "jsonwebtoken",
        "aws-lc-rs",
        "ring",
        "rand",
        "getrandom",
        "mio",
        "utoipa",
        "tracing",
    ] {
        assert!(!names.contains(&foreign), "common depends on {foreign}");
    }
    only_in_common(&["std::fs", "std::net", "std::env", "std::process", "SystemTime", "Instant"]);
}

fn only_in_common(never: &[&str]) {
    for source in sources().iter().filter(|source| source.path.starts_with("crates/common/")) {
        for (n, line) in source.code() {
            assert!(!never.iter().any(|word| names(line, word)), "{}:{n}: {line}", source.path);
        }
    }
}

#[test]
fn every_file_says_what_it_is_and_has_a_size_and_a_name_to_remember() {
    let nameless = ["utils", "util", "helpers", "types", "misc", "manager", "core", "common"];
    for Source { path, text } in sources() {
        let name = path.rsplit('/').next().unwrap().trim_end_matches(".rs");
        assert!(!nameless.contains(&name), "{path}: what is it?");
        assert!(text.lines().count() <= 500, "{path} is too long");
        // The tests of a room are part of it and need no introduction.
        assert!(text.starts_with("//!") || name == "tests", "{path} does not begin with //!");
    }
}

#[test]
fn nothing_is_left_undone() {
    let leftovers = [
        concat!("to", "do!"),
        concat!("unimple", "mented!"),
        concat!("db", "g!"),
        concat!("#[ig", "nore"),
        concat!("FIX", "ME"),
        concat!("TO", "DO"),
    ];
    for source in sources() {
        for (n, line) in source.text.lines().enumerate() {
            let found = leftovers.iter().find(|word| line.contains(*word));
            assert!(found.is_none(), "{}:{}: {line}", source.path, n + 1);
        }
    }
}
