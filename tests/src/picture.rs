//! Someone who watches a session as `multipart/x-mixed-replace`, and checks every byte of
//! the framing that browsers depend on.

use reqwest::RequestBuilder;

use crate::{
    Answer,
    body::Body,
    document::{Answered, Document},
    wait,
};

/// What Chromium must have read before it begins to show a cross-origin picture.
const SNIFFED_BYTES: usize = 1024;

const PART_HEADERS: &str = "\r\nContent-Type: image/svg+xml; charset=utf-8\r\n\r\n";

/// An open multipart stream.
#[derive(Debug)]
pub struct Picture {
    body: Body,
    buffer: Vec<u8>,
    delimiter: String,
    newest: Option<String>,
    frames: usize,
}

impl Picture {
    /// Opens a stream as `<img>` does, and checks how it begins: padding, then the first
    /// part's whole header block.
    ///
    /// # Panics
    /// When it is refused or begins otherwise.
    pub async fn watch(request: RequestBuilder) -> Self {
        let accept = "image/avif,image/webp,image/apng,image/svg+xml,image/*,*/*;q=0.8";
        let request = request.header("sec-fetch-dest", "image").header("accept", accept);
        let opening = async { request.send().await.expect("an answer") };
        let response = wait::soon("a stream", opening).await;
        Document::of_easel().holds(Answered::head(&response));
        if response.status() != 200 {
            let answer = Answer::read(response).await;
            panic!("no stream but {}: {}", answer.status, answer.text());
        }
        assert_eq!(response.headers()["cache-control"], "no-store");
        assert_eq!(response.headers()["x-accel-buffering"], "no");
        assert_eq!(response.headers()["x-content-type-options"], "nosniff");
        assert!(!response.headers().contains_key("content-length"));
        let content_type = response.headers()["content-type"].to_str().expect("plain text");
        let boundary = content_type
            .strip_prefix("multipart/x-mixed-replace; boundary=")
            .unwrap_or_else(|| panic!("no multipart stream but {content_type}"));
        assert!((16..=70).contains(&boundary.len()), "{boundary}");
        assert!(boundary.bytes().all(|b| b.is_ascii_alphanumeric()), "{boundary}");
        let delimiter = format!("\r\n--{boundary}");
        let (body, buffer) = (Body::of(response), Vec::new());
        let mut picture = Self { body, buffer, delimiter, newest: None, frames: 0 };
        let padding = picture.up_to_delimiter().await;
        assert!(padding.len() >= SNIFFED_BYTES, "only {} bytes of padding", padding.len());
        assert!(padding.bytes().all(|b| b == b' '), "{padding:?}");
        assert!(picture.passes(PART_HEADERS).await, "the first part has no header block");
        picture
    }

    /// The boundary of this stream.
    pub fn boundary(&self) -> &str {
        self.delimiter.trim_start_matches("\r\n--")
    }

    /// A header of the answer.
    ///
    /// # Panics
    /// When it is not there.
    pub fn header(&self, name: &str) -> &str {
        self.body.header(name)
    }

    /// Bytes of the body that came so far.
    pub fn wire_bytes(&self) -> usize {
        self.body.wire_bytes()
    }

    /// How many frames came so far.
    pub fn frames(&self) -> usize {
        self.frames
    }

    /// The last picture that came.
    pub fn last(&self) -> Option<&str> {
        self.newest.as_deref()
    }

    /// The next frame: a body, and at once the boundary and the next part's header block.
    ///
    /// # Panics
    /// When the stream ends instead.
    pub async fn sees_next(&mut self) -> String {
        let svg = wait::soon("a frame", self.up_to_delimiter()).await;
        assert!(!self.passes("--\r\n").await, "the stream has ended");
        assert!(self.passes(PART_HEADERS).await, "no header block follows the boundary");
        assert!(svg.starts_with("<svg"), "{svg}");
        self.frames += 1;
        self.newest = Some(svg.clone());
        svg
    }

    /// Watches until a picture contains `text`.
    pub async fn sees(&mut self, text: &str) -> String {
        loop {
            let svg = self.sees_next().await;
            if svg.contains(text) {
                return svg;
            }
        }
    }

    /// Watches the stream end as browsers need it: the last frame once more, the closing
    /// boundary, and the clean end of the body.
    ///
    /// # Panics
    /// When it ends in any other way.
    pub async fn sees_end(&mut self) -> String {
        loop {
            let svg = wait::soon("a frame", self.up_to_delimiter()).await;
            if self.passes("--\r\n").await {
                assert_eq!(self.newest.as_deref(), Some(&*svg), "the picture stays");
                let rest = wait::soon("the end of the body", self.more()).await;
                assert!(!rest && self.buffer.is_empty(), "something follows the end");
                return svg;
            }
            assert!(self.passes(PART_HEADERS).await, "no header block follows the boundary");
            self.newest = Some(svg);
        }
    }

    async fn more(&mut self) -> bool {
        self.body.more(&mut self.buffer).await
    }

    /// Takes everything before the next boundary, and the boundary itself.
    async fn up_to_delimiter(&mut self) -> String {
        let delimiter = self.delimiter.clone().into_bytes();
        loop {
            let found = self.buffer.windows(delimiter.len()).position(|part| part == delimiter);
            if let Some(at) = found {
                let rest = self.buffer.split_off(at + delimiter.len());
                let mut body = std::mem::replace(&mut self.buffer, rest);
                body.truncate(at);
                return String::from_utf8(body).expect("a body of UTF-8");
            }
            assert!(self.more().await, "the stream broke off");
        }
    }

    /// Takes `text` if that comes next.
    async fn passes(&mut self, text: &str) -> bool {
        let text = text.as_bytes();
        while self.buffer.len() < text.len() && text.starts_with(&self.buffer) {
            assert!(wait::soon("more bytes", self.more()).await, "the stream broke off");
        }
        let comes = self.buffer.starts_with(text);
        if comes {
            self.buffer.drain(..text.len());
        }
        comes
    }
}
