//! The harness: nodes to start, actors who do things to them, viewers who watch, and a
//! browser. Stories in `it/` are written with these words and over real sockets only.
#![expect(
    clippy::expect_used,
    clippy::panic,
    reason = "a harness fails its test with the clearest words it has"
)]

mod actor;
mod answer;
mod body;
mod browser;
pub mod document;
mod door;
mod forger;
mod mailbox;
mod member;
mod node;
mod picture;
mod postgres;
mod process;
mod python;
mod receiver;
mod redis;
mod server;
mod smtp;
mod static_page;
mod viewer;
pub mod wait;
mod wire;

pub use self::{
    actor::Actor,
    answer::Answer,
    body::{Body, Inflater, compressed},
    browser::{Browser, Size},
    document::Document,
    door::Door,
    forger::Forger,
    mailbox::{Mail, Mailbox},
    member::{Member, PASSWORD},
    node::{Node, Setup},
    picture::Picture,
    postgres::Postgres,
    process::{Outcome, Process, Running, binary, easel, ready},
    python::python,
    receiver::{Delivery, Receiver},
    redis::{Redis, RedisCluster, RedisSentinel},
    smtp::{ReceivedMail, SmtpMood, SmtpServer, SmtpStep},
    static_page::StaticPage,
    viewer::{Event, Viewer},
    wire::Wire,
};

/// A template that shows one value.
pub const LABEL: &str = concat!(
    "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"120\" height=\"20\">",
    "<text y=\"15\">{{ value }}</text></svg>"
);

/// A template whose pictures can be told apart by a number, for [`number`].
pub const COUNTER: &str = concat!(
    "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"120\" height=\"20\" data-n=\"{{ n }}\">",
    "<text y=\"15\">{{ n }}</text></svg>"
);

/// The number in a picture that [`COUNTER`] drew.
///
/// # Panics
/// When there is none.
pub fn number(svg: &str) -> u64 {
    let (_, rest) = svg.split_once("data-n=\"").expect("a picture with a number");
    let (digits, _) = rest.split_once('"').expect("a whole attribute");
    digits.parse().expect("a number")
}

/// A clock that stands still, on a summer's day, until a story moves it.
///
/// # Panics
/// Never: the date exists.
pub fn still_clock() -> backend::clock::ManualClock {
    let noon = time::OffsetDateTime::from_unix_timestamp(2_000_000_000).expect("a date");
    backend::clock::ManualClock::new(noon)
}

/// The root of the workspace.
pub fn workspace() -> std::path::PathBuf {
    let here = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
    here.parent().expect("the tests live in the workspace").to_owned()
}
