//! What a bench says to a server, byte for byte, and where.

use std::net::{SocketAddr, ToSocketAddrs};

use url::Url;

use super::{fault::BenchError, picture::Body};

/// Where requests go to, and what they begin with there.
#[derive(Debug)]
struct Endpoint {
    at: SocketAddr,
    authority: String,
}

impl Endpoint {
    fn of(url: &Url) -> Result<Self, BenchError> {
        if url.scheme() != "http" {
            return Err(BenchError::Option(format!(
                "{url}: the bench speaks plain HTTP/1.1; name the server behind its proxy as \
                 http://HOST:PORT"
            )));
        }
        let host = url.host_str().unwrap_or_default().to_owned();
        let port = url.port_or_known_default().unwrap_or(80);
        let name = host.trim_matches(['[', ']']);
        let resolve = || (name, port).to_socket_addrs();
        let found =
            resolve().map_err(|source| BenchError::Resolve { host: host.clone(), source })?;
        // A name may stand for both loopback addresses, and servers listen on the first kind.
        let mut found: Vec<SocketAddr> = found.collect();
        found.sort_by_key(SocketAddr::is_ipv6);
        let at = found.first().copied().ok_or_else(|| BenchError::Resolve {
            host: host.clone(),
            source: std::io::ErrorKind::NotFound.into(),
        })?;
        let authority = match url.port() {
            Some(port) => format!("{host}:{port}"),
            None => host,
        };
        Ok(Self { at, authority })
    }
}

/// The path of a URL with its query, as a request line has it.
fn target(url: &Url) -> String {
    match url.query() {
        Some(query) => format!("{}?{query}", url.path()),
        None => url.path().to_owned(),
    }
}

/// A session and its URLs.
pub(super) struct Place {
    pub(super) name: String,
    /// Of its stream.
    pub(super) stream: String,
    /// Of its updates.
    pub(super) publish: String,
}

/// How to watch and how to update, whatever the session.
pub(super) struct Talk {
    /// What to ask for a stream with.
    pub(super) stream_headers: Vec<String>,
    pub(super) method: String,
    pub(super) publish_headers: Vec<String>,
    pub(super) body: Body,
}

/// All requests of a bench.
#[derive(Debug)]
pub(super) struct Requests {
    pub(super) stream_at: SocketAddr,
    pub(super) publish_at: SocketAddr,
    sessions: Vec<SessionRequests>,
    body: Body,
}

#[derive(Debug)]
struct SessionRequests {
    name: String,
    stream: String,
    /// All of a head but the length of its body.
    publish: String,
}

impl Requests {
    pub(super) fn new(places: Vec<Place>, talk: Talk) -> Result<Self, BenchError> {
        let parse = |url: &str| {
            let wrong = |error| BenchError::Option(format!("{url}: {error}"));
            Url::parse(url).map_err(wrong)
        };
        let first = places.first().ok_or_else(|| BenchError::Option("no session".to_owned()))?;
        let (from, to) =
            (Endpoint::of(&parse(&first.stream)?)?, Endpoint::of(&parse(&first.publish)?)?);
        let lines = |headers: &[String]| -> String {
            headers.iter().map(|header| format!("{header}\r\n")).collect()
        };
        let (asking, telling) = (lines(&talk.stream_headers), lines(&talk.publish_headers));
        let mut sessions = Vec::with_capacity(places.len());
        for place in places {
            let (stream, publish) =
                (target(&parse(&place.stream)?), target(&parse(&place.publish)?));
            sessions.push(SessionRequests {
                name: place.name,
                stream: format!(
                    "GET {stream} HTTP/1.1\r\nHost: {}\r\n{asking}\r\n",
                    from.authority
                ),
                publish: format!(
                    "{} {publish} HTTP/1.1\r\nHost: {}\r\n{telling}Content-Length: ",
                    talk.method, to.authority
                ),
            });
        }
        Ok(Self { stream_at: from.at, publish_at: to.at, sessions, body: talk.body })
    }

    /// The request for the stream of a session, by its place.
    pub(super) fn stream(&self, session: usize) -> &[u8] {
        self.sessions[session].stream.as_bytes()
    }

    /// Appends an update of a session.
    pub(super) fn update(&self, session: usize, number: u64, to: &mut Vec<u8>) {
        let session = &self.sessions[session];
        let mut body = Vec::new();
        self.body.write(number, &session.name, &mut body);
        to.extend_from_slice(session.publish.as_bytes());
        to.extend_from_slice(format!("{}\r\n\r\n", body.len()).as_bytes());
        to.extend_from_slice(&body);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::bench::picture::Part;

    fn requests(base: &str) -> Result<Requests, BenchError> {
        let place = |name: &str| Place {
            name: name.to_owned(),
            stream: format!("{base}/sub/{name}?as=sse"),
            publish: format!("{base}/pub?id={name}"),
        };
        let talk = Talk {
            stream_headers: vec!["Accept: text/event-stream".to_owned()],
            method: "POST".to_owned(),
            publish_headers: vec!["Content-Type: text/plain".to_owned()],
            body: Body::of("n=#", &[("#", Part::Digits)]),
        };
        Requests::new(vec![place("s0"), place("s1")], talk)
    }

    #[test]
    fn requests_are_written_as_a_server_expects_them() {
        let requests = requests("http://127.0.0.1:7").unwrap();
        assert_eq!(requests.stream_at, "127.0.0.1:7".parse().unwrap());
        let stream = "GET /sub/s1?as=sse HTTP/1.1\r\nHost: 127.0.0.1:7\r\n\
                      Accept: text/event-stream\r\n\r\n";
        assert_eq!(String::from_utf8_lossy(requests.stream(1)), stream);
        let mut update = Vec::new();
        requests.update(0, 12, &mut update);
        let expected = "POST /pub?id=s0 HTTP/1.1\r\nHost: 127.0.0.1:7\r\n\
                        Content-Type: text/plain\r\nContent-Length: 12\r\n\r\nn=0000000012";
        assert_eq!(String::from_utf8_lossy(&update), expected);
    }

    #[test]
    fn what_cannot_be_reached_this_way_is_said() {
        let said = requests("https://127.0.0.1:7").unwrap_err().to_string();
        assert!(said.contains("plain HTTP/1.1"), "{said}");
        assert!(requests("http://[::1]:7").is_ok_and(|requests| requests.stream_at.is_ipv6()));
        assert!(matches!(requests("nonsense"), Err(BenchError::Option(_))));
    }
}
