//! Sessions of Easel for a bench: made before it, and taken away after it as far as one can.

use std::time::Duration;

use common::{
    SessionAddress, UserId,
    api::{CreateSession, Token, TokenRequest},
    path,
};
use reqwest::{Client, Method, RequestBuilder, Response};
use url::Url;

use super::{
    fault::BenchError,
    options::{Coding, Format, Plan},
    picture::Drawn,
    requests::{Place, Requests, Talk},
};
use crate::cli::client::{ANSWER_WITHIN, refusal, root_cause};

/// How much longer than its load a session lives, in case the bench does not get to delete it.
const LEFT_OVER: Duration = Duration::from_secs(600);

/// A server with the sessions of a bench.
pub(super) struct Easel {
    client: Client,
    base: String,
    token: Option<String>,
    sessions: Vec<SessionAddress>,
}

impl Easel {
    /// Makes the sessions of `plan`, named after `run`.
    pub(super) async fn set_up(
        plan: &Plan,
        server: &Url,
        user: Option<&(UserId, Option<String>)>,
        drawn: &Drawn,
        run: &str,
    ) -> Result<Self, BenchError> {
        let client = Client::builder().connect_timeout(ANSWER_WITHIN).timeout(ANSWER_WITHIN);
        let client = client.build().map_err(|error| set_up("a client", &error))?;
        let base = server.as_str().trim_end_matches('/').to_owned();
        let mut easel = Self { client, base, token: None, sessions: Vec::new() };
        if let Some((user, token)) = user {
            easel.token = Some(match token {
                Some(token) => token.clone(),
                None => easel.mint(user).await?,
            });
        }
        let lifetime = plan.warm_up + plan.duration + plan.settle * 2 + LEFT_OVER;
        for n in 0..plan.sessions {
            let id = format!("{run}-{n}");
            let body = CreateSession {
                session_id: Some(id.clone()),
                template: Some(drawn.template.clone()),
                args: Some(drawn.args.clone()),
                ttl_seconds: Some(lifetime.as_secs()),
                ..CreateSession::default()
            };
            let to = match user {
                Some((user, _)) => path::user_session_create(user),
                None => path::PUBLIC_SESSION_CREATE.to_owned(),
            };
            let request = easel.request(Method::POST, &to).json(&body);
            send("a session of the bench", request).await?;
            let id = id.parse().map_err(|error| BenchError::Option(format!("{id}: {error}")))?;
            let owner = user.map(|(user, _)| user.clone());
            easel.sessions.push(SessionAddress { owner, id });
        }
        Ok(easel)
    }

    fn request(&self, method: Method, path: &str) -> RequestBuilder {
        let request = self.client.request(method, format!("{}{path}", self.base));
        match &self.token {
            Some(token) => request.bearer_auth(token),
            None => request,
        }
    }

    async fn mint(&self, user: &UserId) -> Result<String, BenchError> {
        let body = TokenRequest { user_id: user.to_string(), password: None, ttl_seconds: None };
        let answer = send("a token", self.request(Method::POST, path::TOKEN).json(&body)).await?;
        let token: Token = answer.json().await.map_err(|error| set_up("a token", &error))?;
        Ok(token.token)
    }

    /// What the bench says to this server.
    pub(super) fn requests(&self, plan: &Plan, drawn: &Drawn) -> Result<Requests, BenchError> {
        let form = match plan.format {
            Format::Sse => "sse",
            Format::Multipart => "multipart",
        };
        let place = |session: &SessionAddress| Place {
            name: session.id.to_string(),
            stream: format!("{}{}?as={form}", self.base, path::stream(session)),
            publish: format!("{}{}", self.base, path::session(session)),
        };
        let coding = match plan.coding {
            Coding::Identity => "identity",
            Coding::Gzip => "gzip",
        };
        let stream_headers = [format!("Accept-Encoding: {coding}")];
        let mut publish_headers = vec!["Content-Type: application/json".to_owned()];
        publish_headers
            .extend(self.token.iter().map(|token| format!("Authorization: Bearer {token}")));
        let talk = Talk {
            stream_headers: stream_headers.into_iter().chain(plan.headers.clone()).collect(),
            method: Method::PUT.to_string(),
            publish_headers: publish_headers.into_iter().chain(plan.headers.clone()).collect(),
            body: drawn.update.clone(),
        };
        Requests::new(self.sessions.iter().map(place).collect(), talk)
    }

    /// Deletes what can be deleted: public sessions belong to nobody, and end by themselves.
    pub(super) async fn tidy(&self) -> Result<(), BenchError> {
        for session in self.sessions.iter().filter(|session| session.owner.is_some()) {
            let request = self.request(Method::DELETE, &path::session(session));
            send("the deletion of a session", request).await?;
        }
        Ok(())
    }
}

fn set_up(what: &'static str, error: &reqwest::Error) -> BenchError {
    BenchError::SetUp { what, said: root_cause(error) }
}

async fn send(what: &'static str, request: RequestBuilder) -> Result<Response, BenchError> {
    let response = request.send().await.map_err(|error| set_up(what, &error))?;
    match response.status().is_success() {
        true => Ok(response),
        false => Err(BenchError::SetUp { what, said: refusal(response).await }),
    }
}
