//! The work that servers are compared by.

/// A load, as `easel bench` is told of it.
#[derive(Debug)]
pub(super) struct Work {
    /// For `--only`.
    pub(super) name: &'static str,
    /// What it is, in a table.
    pub(super) title: &'static str,
    pub(super) viewers: u32,
    pub(super) sessions: u32,
    /// When updates go out: options of `easel bench`.
    pub(super) pace: &'static [&'static str],
    /// The sizes of pictures, in bytes.
    pub(super) bytes: &'static [u32],
}

/// A badge, a drawing and a large drawing.
const SIZES: &[u32] = &[200, 4_096, 16_384];

const ONE_AT_A_TIME: &[&str] = &["--as-fast-as-seen", "1"];

/// All work there is.
pub(super) const WORKS: [Work; 5] = [
    Work {
        name: "rate",
        title: "1,000 viewers, 10 updates/s",
        viewers: 1_000,
        sessions: 1,
        pace: &["--rate", "10"],
        bytes: SIZES,
    },
    Work {
        name: "window",
        title: "1,000 viewers, as fast as all follow",
        viewers: 1_000,
        sessions: 1,
        pace: ONE_AT_A_TIME,
        bytes: SIZES,
    },
    Work {
        name: "crowd",
        title: "10,000 viewers, as fast as all follow",
        viewers: 10_000,
        sessions: 1,
        pace: ONE_AT_A_TIME,
        bytes: SIZES,
    },
    Work {
        name: "sessions",
        title: "10,000 viewers of 1,000 sessions, as fast as all follow",
        viewers: 10_000,
        sessions: 1_000,
        pace: ONE_AT_A_TIME,
        bytes: SIZES,
    },
    Work {
        name: "idle",
        title: "10,000 viewers, no updates",
        viewers: 10_000,
        sessions: 1,
        pace: &["--idle"],
        bytes: &[200],
    },
];

/// The names of all work.
pub(super) const NAMES: [&str; WORKS.len()] = {
    let mut names = [""; WORKS.len()];
    let mut at = 0;
    while at < names.len() {
        names[at] = WORKS[at].name;
        at += 1;
    }
    names
};

impl Work {
    /// Whether it is about memory alone.
    pub(super) fn is_idle(&self) -> bool {
        self.pace.contains(&"--idle")
    }
}
