//! The body of a stream as its reader has it: inflated, where it came compressed, by another
//! library than the one that compressed it.

use miniz_oxide::{
    DataFormat, MZError, MZFlush,
    inflate::stream::{InflateState, inflate},
};
use reqwest::{RequestBuilder, Response};

/// The header of every gzip stream of ours.
const HEADER: [u8; 10] = [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 0xff];

/// A body that comes bit by bit.
pub struct Body {
    response: Response,
    inflater: Option<Inflater>,
    wire_bytes: usize,
}

impl Body {
    /// The body of an answer.
    ///
    /// # Panics
    /// When it is coded in a way that nobody asked for.
    pub fn of(response: Response) -> Self {
        let inflater = response.headers().get("content-encoding").map(|coding| {
            assert_eq!(coding, "gzip");
            Inflater::default()
        });
        Self { response, inflater, wire_bytes: 0 }
    }

    /// A header of the answer.
    ///
    /// # Panics
    /// When it is not there.
    pub fn header(&self, name: &str) -> &str {
        self.response.headers()[name].to_str().expect("a header of plain text")
    }

    /// Whether the answer has a header.
    pub fn has_header(&self, name: &str) -> bool {
        self.response.headers().contains_key(name)
    }

    /// Bytes that came so far.
    pub fn wire_bytes(&self) -> usize {
        self.wire_bytes
    }

    /// Waits for more, and whether there is any.
    ///
    /// # Panics
    /// When the body breaks off, or cannot be inflated.
    pub async fn more(&mut self, buffer: &mut Vec<u8>) -> bool {
        let known = buffer.len();
        // Part of a compressed block may say nothing by itself.
        while buffer.len() == known {
            let chunk = self.response.chunk().await.expect("a body that does not break off");
            let Some(chunk) = chunk else { return false };
            self.wire_bytes += chunk.len();
            match &mut self.inflater {
                Some(inflater) => inflater.inflate(&chunk, buffer),
                None => buffer.extend_from_slice(&chunk),
            }
        }
        true
    }
}

impl std::fmt::Debug for Body {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Body").field("wire_bytes", &self.wire_bytes).finish_non_exhaustive()
    }
}

/// Asks for a compressed answer.
pub fn compressed(request: RequestBuilder) -> RequestBuilder {
    request.header("accept-encoding", "gzip")
}

/// Reads gzip as clients do: the header, and then one endless deflate stream.
pub struct Inflater {
    header: Vec<u8>,
    state: Box<InflateState>,
}

impl Default for Inflater {
    fn default() -> Self {
        Self { header: Vec::new(), state: InflateState::new_boxed(DataFormat::Raw) }
    }
}

impl Inflater {
    /// Appends what can be read by now.
    ///
    /// # Panics
    /// When it is not gzip, or says that it ends.
    pub fn inflate(&mut self, bytes: &[u8], plain: &mut Vec<u8>) {
        let (header, mut bytes) = bytes.split_at(bytes.len().min(HEADER.len() - self.header.len()));
        self.header.extend_from_slice(header);
        assert!(HEADER.starts_with(&self.header), "no header of gzip: {:x?}", self.header);
        let mut piece = vec![0; 64 * 1024];
        loop {
            let result = inflate(&mut self.state, bytes, &mut piece, MZFlush::None);
            bytes = &bytes[result.bytes_consumed..];
            plain.extend_from_slice(&piece[..result.bytes_written]);
            match result.status {
                Ok(miniz_oxide::MZStatus::Ok) if result.bytes_written == piece.len() => {}
                Ok(miniz_oxide::MZStatus::Ok) if bytes.is_empty() => return,
                Ok(miniz_oxide::MZStatus::Ok) => {}
                // Nothing to read, and nothing to write.
                Err(MZError::Buf) if bytes.is_empty() => return,
                other => panic!("the stream cannot go on: {other:?}"),
            }
        }
    }
}
