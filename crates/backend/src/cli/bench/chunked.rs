//! Bodies in the chunked coding (RFC 9112 §7.1), read a piece at a time: what is in a chunk is
//! passed on as it lies in the buffer and never looked at, so a chunk costs the same however
//! long it is.

use super::fault::StreamFault;

/// More than any picture has. A size beyond it is no size.
const LARGEST_CHUNK: u64 = 1 << 30;

/// A reader of one body, between any two bytes of it.
#[derive(Debug, Default)]
pub(super) struct Chunks {
    place: Place,
    /// Of the chunk that is being read.
    size: u64,
}

#[derive(Debug, Default, Clone, Copy)]
enum Place {
    /// In the digits of a size.
    #[default]
    Size,
    /// After them, before the line's end.
    Extension,
    /// In a chunk, with so much of it still to come.
    Data(u64),
    /// In the line end after a chunk.
    DataEnd,
    /// In the lines after the last chunk; whether the current one has a character yet.
    Trailer { blank: bool },
    /// After all of it.
    End,
}

/// A part of a body.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Piece<'a> {
    /// Some of a chunk, at least a byte.
    Data {
        /// The bytes.
        bytes: &'a [u8],
        /// How long the whole chunk is.
        size: u64,
        /// Whether the chunk ends with these bytes.
        ends: bool,
    },
    /// There is no more to come.
    End,
}

impl Chunks {
    /// The next piece of `input`, which moves on past it; `None` when there is none before more
    /// input comes.
    pub(super) fn next<'a>(
        &mut self,
        input: &mut &'a [u8],
    ) -> Result<Option<Piece<'a>>, StreamFault> {
        while let Some((&byte, rest)) = input.split_first() {
            if let Place::Data(left) = self.place {
                let length = usize::try_from(left).unwrap_or(usize::MAX).min(input.len());
                let (bytes, rest) = input.split_at(length);
                *input = rest;
                let left = left - length as u64;
                self.place = if left == 0 { Place::DataEnd } else { Place::Data(left) };
                return Ok(Some(Piece::Data { bytes, size: self.size, ends: left == 0 }));
            }
            *input = rest;
            self.place = self.after(byte)?;
            if let Place::End = self.place {
                return Ok(Some(Piece::End));
            }
        }
        Ok(None)
    }

    /// Where a byte leads that is not in a chunk.
    fn after(&mut self, byte: u8) -> Result<Place, StreamFault> {
        Ok(match (self.place, byte) {
            (Place::Size | Place::Extension, b'\n') if self.size == 0 => {
                Place::Trailer { blank: true }
            }
            (Place::Size | Place::Extension, b'\n') => Place::Data(self.size),
            (Place::Size, b';' | b'\r' | b' ' | b'\t') | (Place::Extension, _) => Place::Extension,
            (Place::Size, _) => {
                let digit = char::from(byte).to_digit(16).ok_or(StreamFault::Chunk)?;
                self.size = self.size * 16 + u64::from(digit);
                if self.size > LARGEST_CHUNK {
                    return Err(StreamFault::Chunk);
                }
                Place::Size
            }
            (Place::DataEnd, b'\r') => Place::DataEnd,
            (Place::DataEnd, b'\n') => {
                self.size = 0;
                Place::Size
            }
            (Place::Trailer { blank: true }, b'\n') => Place::End,
            (Place::Trailer { blank }, b'\r') => Place::Trailer { blank },
            (Place::Trailer { .. }, byte) => Place::Trailer { blank: byte == b'\n' },
            (Place::End, _) => Place::End,
            (Place::DataEnd | Place::Data(_), _) => return Err(StreamFault::Chunk),
        })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// All chunks of a body that comes in at these places in two pieces each, and whether it
    /// ended.
    fn read(body: &[u8], cuts: &[usize]) -> Result<(Vec<Vec<u8>>, bool), StreamFault> {
        let mut cuts: Vec<usize> = cuts.iter().map(|cut| cut % (body.len() + 1)).collect();
        cuts.extend([0, body.len()]);
        cuts.sort_unstable();
        let (mut chunks, mut chunk, mut ended) = (Vec::new(), Vec::new(), false);
        let mut reader = Chunks::default();
        for cut in cuts.windows(2) {
            let mut input = &body[cut[0]..cut[1]];
            while let Some(piece) = reader.next(&mut input)? {
                match piece {
                    Piece::Data { bytes, size, ends } => {
                        assert!(!bytes.is_empty());
                        chunk.extend_from_slice(bytes);
                        if ends {
                            assert_eq!(chunk.len() as u64, size);
                            chunks.push(std::mem::take(&mut chunk));
                        }
                    }
                    Piece::End => ended = true,
                }
            }
        }
        Ok((chunks, ended))
    }

    proptest! {
        #[test]
        fn chunks_come_out_whole_wherever_the_network_cuts_them(
            chunks in prop::collection::vec(prop::collection::vec(any::<u8>(), 1..400), 0..8),
            cuts in prop::collection::vec(any::<usize>(), 0..40),
            extended in any::<bool>(),
        ) {
            let mut body = Vec::new();
            for chunk in &chunks {
                let extension = if extended { ";a=\"b\"" } else { "" };
                body.extend_from_slice(format!("{:x}{extension}\r\n", chunk.len()).as_bytes());
                body.extend_from_slice(chunk);
                body.extend_from_slice(b"\r\n");
            }
            prop_assert_eq!(read(&body, &cuts).unwrap(), (chunks.clone(), false));
            let trailer = if extended { "A: b\r\n" } else { "" };
            body.extend_from_slice(format!("0\r\n{trailer}\r\n").as_bytes());
            prop_assert_eq!(read(&body, &cuts).unwrap(), (chunks, true));
        }

        #[test]
        fn anything_at_all_is_read_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..64)) {
            drop(read(&bytes, &[]));
        }
    }

    #[test]
    fn what_is_no_chunk_is_refused() {
        for body in ["x\r\n", "-1\r\n", "2\r\nabc\r\n", "fffffffffffffffffff\r\n", "40000001\r\n"] {
            assert!(matches!(read(body.as_bytes(), &[]), Err(StreamFault::Chunk)), "{body}");
        }
    }
}
