//! Bytes on their way: made once, and framed for whoever sends them.

use bytes::Bytes;

/// The longest size line: sixteen digits and a line end.
const SIZE_LINE: usize = 18;

/// A piece of a stream, as one chunk of the chunked transfer coding (RFC 9112 §7.1). Whoever
/// writes to a socket sends it as it is; whoever hands it to a library that frames for itself
/// gives it the payload. Both are the same bytes in memory.
#[derive(Debug, Clone)]
pub struct Chunk {
    framed: Bytes,
    /// Bytes before the payload.
    head: usize,
}

/// What ends a stream of chunks.
pub const LAST: Bytes = Bytes::from_static(b"0\r\n\r\n");

const LINE_END: &[u8] = b"\r\n";

impl Chunk {
    /// A chunk whose payload is what `write` appends: something, since an empty chunk would end
    /// the stream.
    pub fn of(capacity: usize, write: impl FnOnce(&mut Vec<u8>)) -> Self {
        let mut bytes = Vec::with_capacity(SIZE_LINE + capacity + LINE_END.len());
        bytes.resize(SIZE_LINE, 0);
        write(&mut bytes);
        let size_line = format!("{:x}\r\n", bytes.len() - SIZE_LINE);
        bytes.extend_from_slice(LINE_END);
        let begin = SIZE_LINE - size_line.len();
        bytes[begin..SIZE_LINE].copy_from_slice(size_line.as_bytes());
        Self { framed: Bytes::from(bytes).slice(begin..), head: size_line.len() }
    }

    /// A chunk with this payload.
    pub fn with(payload: &[u8]) -> Self {
        Self::of(payload.len(), |bytes| bytes.extend_from_slice(payload))
    }

    /// The whole chunk.
    pub fn framed(&self) -> &Bytes {
        &self.framed
    }

    /// What is in it.
    pub fn payload(&self) -> Bytes {
        self.framed.slice(self.head..self.framed.len() - LINE_END.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_chunk_is_its_size_its_payload_and_a_line_end() {
        let chunk = Chunk::with(b"hello, world: sixteen and more");
        assert_eq!(&chunk.framed()[..], b"1e\r\nhello, world: sixteen and more\r\n");
        assert_eq!(&chunk.payload()[..], b"hello, world: sixteen and more");
        assert_eq!(&Chunk::with(b"x").framed()[..], b"1\r\nx\r\n");
    }
}
