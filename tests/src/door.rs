//! Where a server can be reached, whichever process it runs in.

use std::net::{IpAddr, SocketAddr};

use common::{SessionAddress, path};
use reqwest::{Client, ClientBuilder, Method, RequestBuilder, redirect};
use serde_json::json;

use crate::{Actor, Answer, Picture, Viewer, wait};

/// Machines that speak through a proxy still reach themselves directly.
fn client() -> ClientBuilder {
    Client::builder().no_proxy().redirect(redirect::Policy::none())
}

/// The two listeners of a server, and a client to knock with.
#[derive(Debug, Clone)]
pub struct Door {
    base: String,
    ops: String,
    client: Client,
}

impl Door {
    /// The door of a server on these addresses.
    ///
    /// # Panics
    /// When there can be no client.
    pub fn new(public: SocketAddr, ops: SocketAddr) -> Self {
        let client = client().build().expect("a client");
        Self { base: format!("http://{public}"), ops: format!("http://{ops}"), client }
    }

    /// The same door for a client that speaks HTTP/2, all on one connection.
    ///
    /// # Panics
    /// When there can be no client.
    pub fn over_http2(&self) -> Self {
        let client = client().http2_prior_knowledge().build().expect("a client");
        Self { client, ..self.clone() }
    }

    /// The same door for a client at another address of this machine, such as 127.0.0.2.
    ///
    /// # Panics
    /// When there can be no client.
    pub fn from_address(&self, address: &str) -> Self {
        let address: IpAddr = address.parse().expect("an address");
        let client = client().local_address(address).build().expect("a client");
        Self { client, ..self.clone() }
    }

    /// Where everyone knocks: `http://127.0.0.1:PORT`.
    pub fn base(&self) -> &str {
        &self.base
    }

    /// A URL for everyone.
    pub fn url(&self, path: &str) -> String {
        format!("{}{path}", self.base)
    }

    /// A request that nobody has signed.
    pub fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.client.request(method, self.url(path))
    }

    /// Sends a request and reads the whole answer, which must be one that the OpenAPI document
    /// promises.
    ///
    /// # Panics
    /// When there is no answer, or it is another.
    pub async fn send(&self, request: RequestBuilder) -> Answer {
        let (client, request) = request.build_split();
        let request = request.expect("a request");
        let method = request.method().clone();
        let answer = async {
            let answer = Answer::read(client.execute(request).await.expect("an answer")).await;
            answer.is_promised_for(&method);
            answer
        };
        wait::soon("an answer", answer).await
    }

    /// Asks without a token.
    pub async fn get(&self, path: &str) -> Answer {
        self.send(self.request(Method::GET, path)).await
    }

    /// Asks the listener for operators.
    pub async fn ops(&self, path: &str) -> Answer {
        let request = self.client.get(format!("{}{path}", self.ops));
        let answer = async { Answer::read(request.send().await.expect("an answer")).await };
        wait::soon("an answer", answer).await
    }

    /// One number of the metrics page, by its name with labels; 0 if it is not there yet.
    ///
    /// # Panics
    /// When it is no number.
    pub async fn metric(&self, name: &str) -> u64 {
        let page = self.ops(path::METRICS).await.is(200);
        let line = page.text().lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
        line.map_or(0, |number| number.parse().expect("a whole number"))
    }

    /// Signs in as `user`, where minting is open.
    pub async fn owner(&self, user: &str) -> Actor {
        let request = self.request(Method::POST, path::TOKEN).json(&json!({ "user_id": user }));
        let answer = self.send(request).await.is(200).json();
        self.bearer(user, answer["token"].as_str().unwrap_or_default())
    }

    /// Someone who holds this token and says it is of `user`.
    ///
    /// # Panics
    /// When `user` is no id.
    pub fn bearer(&self, user: &str, token: &str) -> Actor {
        let user = user.parse().expect("a user id");
        Actor::new(self.clone(), Some(user), Some(token.to_owned()))
    }

    /// Someone without a token: whose sessions are the public ones.
    pub fn anyone(&self) -> Actor {
        Actor::new(self.clone(), None, None)
    }

    /// Someone without a token who watches `alice/chart` or `chart` as events.
    pub async fn viewer(&self, address: &str) -> Viewer {
        Viewer::watch(self.stream(address)).await
    }

    /// Someone without a token who watches `alice/chart` or `chart` as an `<img>` does.
    pub async fn picture(&self, address: &str) -> Picture {
        Picture::watch(self.stream(address)).await
    }

    /// A request for a stream, without a token.
    ///
    /// # Panics
    /// When there can be no such address.
    pub fn stream(&self, address: &str) -> RequestBuilder {
        let address: SessionAddress = address.parse().expect("an address");
        self.request(Method::GET, &path::stream(&address))
    }

    /// A request for a stream such as `alice/chart` or `alice/chart.svg`, with a ticket.
    pub fn with_ticket(&self, address: &str, ticket: &str) -> RequestBuilder {
        let separator = if address.contains('?') { '&' } else { '?' };
        self.request(Method::GET, &format!("/stream/{address}{separator}ticket={ticket}"))
    }

    /// A request for a stream such as `alice/chart` or `alice/chart.svg`, with a cookie.
    pub fn with_cookie(&self, address: &str, cookie: &str) -> RequestBuilder {
        self.request(Method::GET, &format!("/stream/{address}")).header("cookie", cookie)
    }
}
