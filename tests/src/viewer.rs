//! Someone who watches a session as server-sent events, and reads every byte of them.

use common::{Frame, Revision};
use reqwest::RequestBuilder;
use serde_json::Value;

use crate::{
    Answer,
    body::Body,
    document::{Answered, Document},
    wait,
};

/// One thing that a stream of events says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// A picture.
    Frame(Frame),
    /// Nothing new.
    Heartbeat,
    /// The last event: why.
    End(String),
}

/// An open stream of events.
#[derive(Debug)]
pub struct Viewer {
    body: Body,
    buffer: Vec<u8>,
    newest: Option<Revision>,
    frames: usize,
}

impl Viewer {
    /// Opens a stream, and checks how it begins.
    ///
    /// # Panics
    /// When it is refused or is no stream of events.
    pub async fn watch(request: RequestBuilder) -> Self {
        Self::tries_to_watch(request).await.unwrap_or_else(|refusal| match refusal {
            Some(answer) => panic!("no stream but {}: {}", answer.status, answer.text()),
            None => panic!("nobody answers"),
        })
    }

    /// Opens a stream, and checks how it begins; or says why there is none.
    ///
    /// # Errors
    /// The refusal, or nothing where nobody answers.
    ///
    /// # Panics
    /// When it is no stream of events.
    pub async fn tries_to_watch(request: RequestBuilder) -> Result<Self, Option<Answer>> {
        let response = wait::soon("a stream", request.send()).await.map_err(|_| None)?;
        Document::of_easel().holds(Answered::head(&response));
        if response.status() != 200 {
            return Err(Some(Answer::read(response).await));
        }
        assert_eq!(response.headers()["content-type"], "text/event-stream");
        assert_eq!(response.headers()["cache-control"], "no-store");
        assert_eq!(response.headers()["x-accel-buffering"], "no");
        assert_eq!(response.headers()["x-content-type-options"], "nosniff");
        let body = Body::of(response);
        let mut viewer = Self { body, buffer: Vec::new(), newest: None, frames: 0 };
        let first = viewer.block().await.expect("a stream that begins");
        let millis = first.strip_prefix("retry: ").expect("`retry:` before all else");
        millis.parse::<u64>().expect("milliseconds");
        Ok(viewer)
    }

    /// A header of the answer.
    ///
    /// # Panics
    /// When it is not there.
    pub fn header(&self, name: &str) -> &str {
        self.body.header(name)
    }

    /// Whether the answer has a header.
    pub fn has_header(&self, name: &str) -> bool {
        self.body.has_header(name)
    }

    /// Bytes of the body that came so far.
    pub fn wire_bytes(&self) -> usize {
        self.body.wire_bytes()
    }

    /// The highest revision seen so far.
    pub fn newest(&self) -> Option<Revision> {
        self.newest
    }

    /// How many frames came so far.
    pub fn frames(&self) -> usize {
        self.frames
    }

    /// The next event; `None` at the end of the body.
    ///
    /// # Panics
    /// When a frame goes back in time, or the stream says what no stream may.
    pub async fn next(&mut self) -> Option<Event> {
        let block = wait::soon("an event", self.block()).await?;
        Some(self.read(&block))
    }

    /// The next frame. Heartbeats are passed over.
    ///
    /// # Panics
    /// When the stream ends instead.
    pub async fn sees_next(&mut self) -> Frame {
        loop {
            match self.next().await {
                Some(Event::Frame(frame)) => return frame,
                Some(Event::Heartbeat) => {}
                other => panic!("no frame but {other:?}"),
            }
        }
    }

    /// Watches until a picture contains `text`.
    pub async fn sees(&mut self, text: &str) -> Frame {
        loop {
            let frame = self.sees_next().await;
            if frame.svg.contains(text) {
                return frame;
            }
        }
    }

    /// Watches until the end event, and makes sure that nothing follows it: why it ended.
    ///
    /// # Panics
    /// When the stream breaks off instead.
    pub async fn sees_end(&mut self) -> String {
        loop {
            match self.next().await {
                Some(Event::End(reason)) => {
                    assert_eq!(self.next().await, None, "an end is the last event");
                    return reason;
                }
                Some(_) => {}
                None => panic!("the stream ended without saying why"),
            }
        }
    }

    /// Waits for a sign of life.
    ///
    /// # Panics
    /// When anything else comes.
    pub async fn hears_a_heartbeat(&mut self) {
        assert_eq!(self.next().await, Some(Event::Heartbeat));
    }

    /// Reads up to the next empty line.
    async fn block(&mut self) -> Option<String> {
        loop {
            if let Some(end) = self.buffer.windows(2).position(|pair| pair == b"\n\n") {
                let rest = self.buffer.split_off(end + 2);
                let mut block = std::mem::replace(&mut self.buffer, rest);
                block.truncate(end);
                return Some(String::from_utf8(block).expect("events of UTF-8"));
            }
            if !self.body.more(&mut self.buffer).await {
                assert!(self.buffer.is_empty(), "half an event: {:?}", self.buffer);
                return None;
            }
        }
    }

    fn read(&mut self, block: &str) -> Event {
        let (mut id, mut name, mut data) = (None, None, Vec::new());
        for line in block.split('\n') {
            assert!(!line.contains('\r'), "{line:?}");
            match line.split_once(':') {
                Some(("", _)) => {}
                Some(("id", value)) => id = Some(value.trim_start()),
                Some(("event", value)) => name = Some(value.trim_start()),
                Some(("data", value)) => data.push(value.strip_prefix(' ').unwrap_or(value)),
                _ => panic!("a line that no stream has: {line:?}"),
            }
        }
        match (id, name) {
            (Some(id), None) => {
                let revision: Revision = id.parse().expect("a revision as the id");
                assert!(self.newest < Some(revision), "{revision} after {:?}", self.newest);
                self.newest = Some(revision);
                self.frames += 1;
                Event::Frame(Frame { revision, svg: data.join("\n").into() })
            }
            (None, Some("end")) => {
                let data: Value = serde_json::from_str(&data.join("\n")).expect("JSON");
                Event::End(data["reason"].as_str().expect("a reason").to_owned())
            }
            (None, None) if data.is_empty() => Event::Heartbeat,
            _ => panic!("an event that no stream has: {block:?}"),
        }
    }
}
