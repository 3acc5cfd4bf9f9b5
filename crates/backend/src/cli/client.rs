//! `easel push` and `easel watch`: a server from the outside, over its public API.

use std::{error::Error, time::Duration};

use clap::Args;
use common::{
    SessionAddress,
    api::{self, Problem},
    path,
};
use eventsource_stream::{Event, Eventsource};
use reqwest::{Client, RequestBuilder, Response, StatusCode};
use serde_json::Value;
use tokio::time::Instant;
use tokio_stream::StreamExt;
use url::Url;

use super::{Failure, print};

/// How long a server may take to answer. A stream has all the time in the world after that.
pub(super) const ANSWER_WITHIN: Duration = Duration::from_secs(10);

/// The pauses between attempts to reach a stream again grow from the first to the second.
const RETRY_AFTER: [Duration; 2] = [Duration::from_secs(1), Duration::from_secs(30)];

#[derive(Args)]
struct Target {
    /// The session: USER/SESSION, or SESSION for a public one
    session: SessionAddress,
    /// The server
    #[arg(long, value_name = "URL", env = "EASEL_SERVER", default_value = "http://127.0.0.1:3000")]
    server: Url,
    /// The token of a session's owner
    #[arg(long, hide = true, env = "EASEL_TOKEN", hide_env_values = true)]
    token: Option<String>,
}

#[derive(Args)]
pub(super) struct Push {
    #[command(flatten)]
    target: Target,
    /// What to change: name=value, the value as JSON where it is JSON, as text elsewhere
    #[arg(required = true, value_name = "KEY=VALUE", value_parser = assignment)]
    args: Vec<(String, Value)>,
}

#[derive(Args)]
pub(super) struct Watch {
    #[command(flatten)]
    target: Target,
}

fn assignment(text: &str) -> Result<(String, Value), String> {
    let (name, value) = text.split_once('=').ok_or("must be KEY=VALUE")?;
    if name.is_empty() {
        return Err("must have a name before the =".to_owned());
    }
    let value = serde_json::from_str(value).unwrap_or_else(|_| Value::String(value.to_owned()));
    Ok((name.to_owned(), value))
}

impl Target {
    fn request(&self, method: reqwest::Method, path: &str) -> Result<RequestBuilder, Failure> {
        let client = Client::builder().connect_timeout(ANSWER_WITHIN).build()?;
        let base = self.server.as_str().trim_end_matches('/');
        let request = client.request(method, format!("{base}{path}"));
        Ok(match &self.token {
            Some(token) => request.bearer_auth(token),
            None => request,
        })
    }
}

/// Why a request failed, down to the first cause: "error sending request" helps nobody.
pub(super) fn root_cause(error: &reqwest::Error) -> String {
    let mut cause: &dyn Error = error;
    while let Some(deeper) = cause.source() {
        cause = deeper;
    }
    match error.url() {
        Some(url) => format!("{url}: {cause}"),
        None => cause.to_string(),
    }
}

fn retry_after(response: &Response) -> Option<Duration> {
    let seconds = response.headers().get("retry-after")?.to_str().ok()?.parse().ok()?;
    Some(Duration::from_secs(seconds))
}

pub(super) async fn refusal(response: Response) -> String {
    let status = response.status();
    match response.json::<Problem>().await {
        Ok(problem) => format!("{status}: {}: {}", problem.code, problem.detail),
        Err(_) => status.to_string(),
    }
}

pub(super) async fn push(push: Push) -> Result<(), Failure> {
    let args: api::Args = push.args.into_iter().collect();
    let request =
        push.target.request(reqwest::Method::PATCH, &path::session(&push.target.session))?;
    let sent = request.timeout(ANSWER_WITHIN).json(&args).send().await;
    let response = sent.map_err(|error| Failure::Failed(root_cause(&error)))?;
    if !response.status().is_success() {
        return Err(Failure::Failed(refusal(response).await));
    }
    let etag = response.headers().get("etag").and_then(|etag| etag.to_str().ok()).unwrap_or("");
    print(&format!("{} is at revision {}", push.target.session, etag.trim_matches('"')))
}

/// How one connection to a stream ended.
enum Ended {
    /// For good: the reason that the server gave.
    Final(String),
    /// It makes sense to connect again.
    Lost(String),
    /// The server refused, and may have said how long to wait (RFC 9110 §10.2.3).
    Refused(String, Option<Duration>),
}

pub(super) async fn watch(watch: Watch) -> Result<(), Failure> {
    let mut seen = Seen::default();
    let [mut pause, longest] = RETRY_AFTER;
    loop {
        let events = seen.events;
        let (why, asked_for) = match follow(&watch.target, &mut seen).await? {
            Ended::Final(reason) => return print(&format!("ended: {reason}")),
            // The first answer of a server is final; later ones may be those of a restart.
            Ended::Refused(problem, _) if seen.events == 0 => {
                return Err(Failure::Failed(problem));
            }
            Ended::Refused(problem, asked_for) => (problem, asked_for),
            Ended::Lost(why) => (why, None),
        };
        if seen.events > events {
            pause = RETRY_AFTER[0];
        }
        pause = pause.max(asked_for.unwrap_or_default());
        print(&format!("{why}; trying again in {pause:?}"))?;
        tokio::time::sleep(pause).await;
        pause = (pause * 2).min(longest);
    }
}

#[derive(Default)]
struct Seen {
    last_event_id: Option<String>,
    at: Option<Instant>,
    events: u64,
}

impl Seen {
    fn frame(&mut self, event: &Event) -> Result<(), Failure> {
        let now = Instant::now();
        let delay = match self.at.replace(now) {
            Some(before) => format!("{:.3} s after the last", (now - before).as_secs_f64()),
            None => "first".to_owned(),
        };
        self.events += 1;
        self.last_event_id = Some(event.id.clone());
        print(&format!("{}  {:>7} bytes  {delay}", event.id, event.data.len()))
    }
}

async fn follow(target: &Target, seen: &mut Seen) -> Result<Ended, Failure> {
    let mut request = target
        .request(reqwest::Method::GET, &path::stream(&target.session))?
        .header("accept", "text/event-stream");
    if let Some(id) = &seen.last_event_id {
        request = request.header("last-event-id", id);
    }
    let response = match request.send().await {
        Ok(response) => response,
        Err(error) => return Ok(Ended::Refused(root_cause(&error), None)),
    };
    match response.status() {
        StatusCode::OK => {}
        StatusCode::NO_CONTENT => return Ok(Ended::Final("the session is gone".to_owned())),
        // What is not there (any more) looks to someone else's token like what is private.
        StatusCode::FORBIDDEN if seen.events > 0 => {
            return Ok(Ended::Final(refusal(response).await));
        }
        _ => {
            let asked_for = retry_after(&response);
            return Ok(Ended::Refused(refusal(response).await, asked_for));
        }
    }
    let mut events = response.bytes_stream().eventsource();
    while let Some(event) = events.next().await {
        match event {
            Ok(event) if event.event == "end" => {
                let reason = serde_json::from_str::<Value>(&event.data)
                    .ok()
                    .and_then(|end| end["reason"].as_str().map(str::to_owned))
                    .unwrap_or_else(|| "for no known reason".to_owned());
                return Ok(match reason.as_str() {
                    "draining" => Ended::Lost("the node is stopping".to_owned()),
                    _ => Ended::Final(reason),
                });
            }
            Ok(event) => seen.frame(&event)?,
            Err(_) => return Ok(Ended::Lost("the connection was lost".to_owned())),
        }
    }
    Ok(Ended::Lost("the connection was closed".to_owned()))
}
