//! The head of an answer, as far as a bench has to know it.

use super::fault::StreamFault;

/// More headers than any server sends.
const MOST_HEADERS: usize = 64;

/// A head that is longer is none.
const LONGEST: usize = 16 * 1024;

/// How much of what came with a refusal is shown.
const SHOWN: usize = 400;

/// How long a body is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Length {
    /// It comes in chunks, and says itself where it ends.
    Chunked,
    /// As many bytes.
    Bytes(u64),
    /// Until the connection is closed.
    UntilClosed,
}

/// The head of an answer.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Head {
    pub(super) status: u16,
    pub(super) length: Length,
    pub(super) gzip: bool,
    /// Whether the server closes the connection after this answer.
    pub(super) closes: bool,
    /// Where the body begins.
    pub(super) size: usize,
}

impl Head {
    /// Reads the head that `bytes` begin with; `None` when it is not all there yet.
    pub(super) fn read(bytes: &[u8]) -> Result<Option<Self>, StreamFault> {
        let mut headers = [httparse::EMPTY_HEADER; MOST_HEADERS];
        let mut response = httparse::Response::new(&mut headers);
        let size = match response.parse(bytes) {
            Ok(httparse::Status::Complete(size)) => size,
            Ok(httparse::Status::Partial) if bytes.len() < LONGEST => return Ok(None),
            Ok(httparse::Status::Partial) | Err(_) => return Err(StreamFault::Head),
        };
        let status = response.code.unwrap_or_default();
        let mut head = Self {
            status,
            length: Length::UntilClosed,
            gzip: false,
            closes: response.version == Some(0),
            size,
        };
        for header in response.headers.iter() {
            let value = String::from_utf8_lossy(header.value).trim().to_ascii_lowercase();
            match header.name.to_ascii_lowercase().as_str() {
                "transfer-encoding" if value == "chunked" => head.length = Length::Chunked,
                "content-length" => {
                    head.length = Length::Bytes(value.parse().map_err(|_| StreamFault::Head)?);
                }
                "content-encoding" => head.gzip = value == "gzip",
                "connection" if value == "close" => head.closes = true,
                _ => {}
            }
        }
        if matches!(status, 204 | 304) {
            head.length = Length::Bytes(0);
        }
        Ok(Some(head))
    }

    /// This answer as a refusal, in the words that came with it.
    pub(super) fn refusal(&self, bytes: &[u8]) -> StreamFault {
        let body = bytes.get(self.size..).unwrap_or_default();
        let said = match serde_json::from_slice::<common::api::Problem>(body) {
            Ok(problem) => format!("{}: {}", problem.code, problem.detail),
            Err(_) => String::from_utf8_lossy(&body[..body.len().min(SHOWN)]).trim().to_owned(),
        };
        StreamFault::Refused { status: self.status, said }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_head_says_how_its_body_is_read() {
        let stream =
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\ncontent-encoding: gzip\r\n\r\n5";
        let head = Head::read(stream).unwrap().unwrap();
        assert_eq!((head.status, head.length, head.gzip), (200, Length::Chunked, true));
        assert_eq!((&stream[head.size..], head.closes), (&b"5"[..], false));
        let answer = b"HTTP/1.1 201 Created\r\nContent-Length: 12\r\nConnection: close\r\n\r\n";
        let head = Head::read(answer).unwrap().unwrap();
        assert_eq!((head.length, head.closes), (Length::Bytes(12), true));
        let empty = Head::read(b"HTTP/1.1 204 No Content\r\n\r\n").unwrap().unwrap();
        assert_eq!(empty.length, Length::Bytes(0));
        let old = Head::read(b"HTTP/1.0 200 OK\r\n\r\n").unwrap().unwrap();
        assert_eq!((old.length, old.closes), (Length::UntilClosed, true));
    }

    #[test]
    fn half_a_head_is_waited_for_and_no_head_is_refused() {
        assert_eq!(Head::read(b"HTTP/1.1 200 OK\r\nA: b\r\n").unwrap(), None);
        assert!(Head::read(b"SSH-2.0-OpenSSH\r\n").is_err());
        assert!(Head::read(&[b"HTTP/1.1 200 OK\r\nA: ", &[b'a'; LONGEST][..]].concat()).is_err());
        assert!(Head::read(b"HTTP/1.1 200 OK\r\nContent-Length: many\r\n\r\n").is_err());
    }

    #[test]
    fn a_refusal_is_shown_in_its_own_words() {
        let answer = b"HTTP/1.1 403 Forbidden\r\nContent-Length: 9\r\n\r\nGo away.\n";
        let head = Head::read(answer).unwrap().unwrap();
        assert_eq!(head.refusal(answer).to_string(), "403 Go away.");
    }
}
