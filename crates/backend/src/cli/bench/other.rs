//! Servers that are not Easel: whatever streams to viewers what someone publishes.

use super::{
    fault::BenchError,
    options::Plan,
    picture::Published,
    requests::{Place, Requests, Talk},
};

/// What stands in a URL for the name of a session.
const SESSION: &str = "{session}";

/// Such a server. Its channels come into being by being used.
#[derive(Debug)]
pub(super) struct Other {
    /// The URL of a session's stream.
    pub(super) stream: String,
    /// The URL that its pictures are published at…
    pub(super) publish: String,
    /// …by this method.
    pub(super) method: String,
    pub(super) published: Published,
}

impl Other {
    /// What the bench says to this server.
    pub(super) fn requests(&self, plan: &Plan, run: &str) -> Result<Requests, BenchError> {
        if plan.sessions > 1 && !self.stream.contains(SESSION) {
            return Err(BenchError::Option(format!(
                "--stream-url needs {SESSION} in it for more than one of --sessions"
            )));
        }
        let place = |n| {
            let name = format!("{run}-{n}");
            Place {
                stream: self.stream.replace(SESSION, &name),
                publish: self.publish.replace(SESSION, &name),
                name,
            }
        };
        let accept = "Accept: text/event-stream".to_owned();
        let talk = Talk {
            stream_headers: std::iter::once(accept).chain(plan.headers.clone()).collect(),
            method: self.method.clone(),
            publish_headers: plan.headers.clone(),
            body: self.published.body.clone(),
        };
        Requests::new((0..plan.sessions).map(place).collect(), talk)
    }
}
