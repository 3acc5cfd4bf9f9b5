//! The options of a bench, and what they mean together.

use std::{fs, net::Ipv4Addr, path::PathBuf, time::Duration};

use clap::{Args, ValueEnum};
use common::{UserId, jwt};
use url::Url;

use super::{
    fault::BenchError,
    other::Other,
    picture::{Drawn, Published},
    process::ProcessTree,
};
use crate::config;

/// Viewers that come from one address of the loopback network, where nobody says how many:
/// below what a server lets in from one by default.
const VIEWERS_PER_ADDRESS: usize = 5_000;

/// More sessions and viewers than one process can have files for.
const MOST: u64 = 1_000_000;

#[derive(Args)]
pub(in crate::cli) struct Bench {
    /// The server; it needs higher limits than usual, see docs/bench.md
    #[arg(long, value_name = "URL", env = "EASEL_SERVER", default_value = "http://127.0.0.1:3000")]
    server: Url,
    /// Take sessions of this user; with EASEL_TOKEN, or a token that the server mints openly
    #[arg(long, conflicts_with = "stream_url")]
    user: Option<UserId>,
    /// The token of the user
    #[arg(long, hide = true, env = "EASEL_TOKEN", hide_env_values = true)]
    token: Option<String>,
    /// How many viewers watch
    #[arg(long, value_name = "COUNT", default_value_t = 1_000, value_parser = count())]
    viewers: u64,
    /// How many sessions they watch, evenly
    #[arg(long, value_name = "COUNT", default_value_t = 1, value_parser = count())]
    sessions: u64,
    /// Over how many addresses 127.0.0.x viewers of a server on this machine are spread
    /// [default: one for 5,000]
    #[arg(long, value_name = "COUNT", value_parser = clap::value_parser!(u64).range(1..=250))]
    source_addresses: Option<u64>,
    /// Updates per second of each session
    #[arg(long, value_name = "NUMBER", default_value = "10", value_parser = rate)]
    rate: f64,
    /// The next update of a session goes out when all its viewers have the last one, or all but
    /// the last WINDOW
    #[arg(
        long, value_name = "WINDOW", num_args = 0..=1, default_missing_value = "1",
        value_parser = clap::value_parser!(u64).range(1..=1_000), conflicts_with = "rate"
    )]
    as_fast_as_seen: Option<u64>,
    /// Send no updates: viewers only hold their connections, for what they take of memory
    #[arg(long, conflicts_with_all = ["rate", "as_fast_as_seen"])]
    idle: bool,
    /// How large the picture is, about
    #[arg(long, value_name = "BYTES", default_value_t = 1_000, value_parser = count())]
    bytes: u64,
    /// The template of the picture
    #[arg(long, value_name = "FILE", conflicts_with_all = ["bytes", "stream_url"])]
    template: Option<PathBuf>,
    /// The args of --template, as a JSON object
    #[arg(long, value_name = "JSON", requires = "template", value_parser = object)]
    args: Option<common::api::Args>,
    /// Which arg of --template goes from 0 to 99 and round again with the updates
    #[arg(long, value_name = "NAME", requires = "template", default_value = "value")]
    arg: String,
    /// How the stream is framed
    #[arg(long, value_enum, default_value_t = Format::Sse)]
    format: Format,
    /// How the stream is compressed
    #[arg(long, value_enum, default_value_t = Coding::Identity)]
    coding: Coding,
    /// How long to measure
    #[arg(long, default_value = "10s", value_parser = config::duration)]
    duration: Duration,
    /// How long the load runs before anything is counted
    #[arg(long, value_name = "DURATION", default_value = "1s", value_parser = config::duration)]
    warm_up: Duration,
    /// How long nothing happens before memory is read
    #[arg(long, value_name = "DURATION", default_value = "2s", value_parser = config::duration)]
    settle: Duration,
    /// How many connections send updates
    #[arg(long, value_name = "COUNT", default_value_t = 16, value_parser = count())]
    publishers: u64,
    /// How many viewers are let in at a time
    #[arg(long, value_name = "COUNT", default_value_t = 128, value_parser = count())]
    connecting: u64,
    /// The server's process on this machine: measures it with all that it has started
    #[arg(long)]
    pid: Option<u32>,
    /// Print the result as a JSON object, see docs/bench.md
    #[arg(long)]
    pub(super) json: bool,
    /// Measure a server that is not Easel: where the stream of {session} is
    #[arg(long, value_name = "URL", requires = "publish_url")]
    stream_url: Option<String>,
    /// Where the pictures of {session} are published
    #[arg(long, value_name = "URL", requires = "stream_url")]
    publish_url: Option<String>,
    /// How they are published
    #[arg(long, value_name = "METHOD", requires = "publish_url", default_value = "POST")]
    publish_method: String,
    /// What is published: {data} is the picture, {json-data} what it is inside a JSON string
    #[arg(long, value_name = "TEXT", requires = "publish_url", default_value = "{data}")]
    publish_body: String,
    /// A header for all requests, such as 'X-Key: secret'
    #[arg(long = "header", value_name = "HEADER", value_parser = header)]
    headers: Vec<String>,
}

/// How a stream is framed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum Format {
    /// Server-sent events
    Sse,
    /// multipart/x-mixed-replace
    Multipart,
}

/// How a stream is compressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum Coding {
    /// Not at all
    Identity,
    /// By gzip
    Gzip,
}

/// When the next update goes out.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Pace {
    /// So many a second, in each session.
    Rate(f64),
    /// When all viewers of a session have all but so many less one.
    Window(usize),
    /// Never.
    Idle,
}

/// What is measured.
pub(super) enum Target {
    /// Easel, on sessions that the bench makes.
    Easel { server: Url, user: Option<(UserId, Option<String>)>, drawn: Drawn },
    /// Any other server.
    Other(Other),
}

/// A bench that makes sense.
pub(super) struct Plan {
    pub(super) target: Target,
    pub(super) viewers: usize,
    pub(super) sessions: usize,
    pub(super) publishers: usize,
    pub(super) connecting: usize,
    pub(super) source_addresses: Option<u64>,
    pub(super) pace: Pace,
    pub(super) format: Format,
    pub(super) coding: Coding,
    pub(super) duration: Duration,
    pub(super) warm_up: Duration,
    pub(super) settle: Duration,
    pub(super) server: Option<ProcessTree>,
    pub(super) headers: Vec<String>,
}

fn count() -> clap::builder::RangedU64ValueParser<u64> {
    clap::value_parser!(u64).range(1..=MOST)
}

fn rate(text: &str) -> Result<f64, String> {
    let rate = text.parse().ok().filter(|rate| (0.001..=100_000.0).contains(rate));
    rate.ok_or_else(|| "must be a number from 0.001 to 100000".to_owned())
}

fn object(text: &str) -> Result<common::api::Args, String> {
    serde_json::from_str(text).map_err(|error| format!("must be a JSON object: {error}"))
}

fn header(text: &str) -> Result<String, String> {
    let fine = text.split_once(':').is_some_and(|(name, _)| !name.is_empty());
    match fine && text.chars().all(|c| !c.is_control()) {
        true => Ok(text.to_owned()),
        false => Err("must be 'Name: value'".to_owned()),
    }
}

impl Bench {
    /// What the options mean together.
    pub(super) fn plan(self) -> Result<Plan, BenchError> {
        let wrong = |what: &str| Err(BenchError::Option(what.to_owned()));
        if self.sessions > self.viewers {
            return wrong(
                "--sessions must not be more than --viewers: each has someone to watch it",
            );
        }
        let pace = match self.as_fast_as_seen {
            _ if self.idle => Pace::Idle,
            Some(window) => Pace::Window(whole(window)),
            None => Pace::Rate(self.rate),
        };
        if self.coding == Coding::Gzip {
            if self.stream_url.is_some() {
                return wrong("--coding gzip reads the streams of Easel only");
            }
            if matches!(pace, Pace::Window(window) if window > 1) {
                return wrong(
                    "--coding gzip needs a window of 1 in --as-fast-as-seen: most viewers count \
                     frames without looking into them, and with more on the way cannot know \
                     which they have",
                );
            }
        }
        let bytes = whole(self.bytes);
        let target = match (self.stream_url, self.publish_url) {
            (Some(stream), Some(publish)) => Target::Other(Other {
                stream,
                publish,
                method: self.publish_method,
                published: Published::new(bytes, &self.publish_body),
            }),
            _ => Target::Easel {
                server: self.server,
                user: owner(self.user, self.token)?,
                drawn: match self.template {
                    None => Drawn::generated(bytes),
                    Some(path) => {
                        let template = fs::read_to_string(&path);
                        let template =
                            template.map_err(|source| BenchError::File { path, source })?;
                        Drawn::of(&template, self.args.unwrap_or_default(), &self.arg)?
                    }
                },
            },
        };
        Ok(Plan {
            target,
            viewers: whole(self.viewers),
            sessions: whole(self.sessions),
            publishers: whole(self.publishers.min(self.sessions)),
            connecting: whole(self.connecting),
            source_addresses: self.source_addresses,
            pace,
            format: self.format,
            coding: self.coding,
            duration: self.duration,
            warm_up: self.warm_up,
            settle: self.settle,
            server: self.pid.map(|root| ProcessTree { root }),
            headers: self.headers,
        })
    }
}

/// Options are bounded far below what a count can be.
fn whole(count: u64) -> usize {
    usize::try_from(count).unwrap_or(usize::MAX)
}

/// Whose sessions to make, with what token: a token says itself whose it is.
fn owner(
    user: Option<UserId>,
    token: Option<String>,
) -> Result<Option<(UserId, Option<String>)>, BenchError> {
    let Some(token) = token else { return Ok(user.map(|user| (user, None))) };
    let claims = jwt::unverified(&token);
    match (user, claims.map(|claims| claims.sub)) {
        (Some(user), _) | (None, Some(user)) => Ok(Some((user, Some(token)))),
        (None, None) => Err(BenchError::Option("EASEL_TOKEN is no token".to_owned())),
    }
}

impl Plan {
    /// The addresses that viewers of a server at `server` come from, in turn; none where the
    /// system chooses.
    pub(super) fn sources(&self, server: std::net::IpAddr) -> Result<Vec<Ipv4Addr>, BenchError> {
        let on_loopback = server.is_ipv4() && server.is_loopback();
        let count = match self.source_addresses {
            Some(count) if count > 1 && !on_loopback => {
                return Err(BenchError::Option(
                    "--source-addresses needs a server on an IPv4 loopback address: other \
                     addresses are not this machine's to choose"
                        .to_owned(),
                ));
            }
            Some(count) => whole(count),
            None if on_loopback => self.viewers.div_ceil(VIEWERS_PER_ADDRESS),
            None => 1,
        };
        if count == 1 {
            return Ok(Vec::new());
        }
        // The first is left to those who publish.
        let address = |n: usize| Ipv4Addr::new(127, 0, 0, u8::try_from(n + 2).unwrap_or(u8::MAX));
        Ok((0..count.min(250)).map(address).collect())
    }
}
