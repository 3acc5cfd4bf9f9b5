//! From the bytes of a stream to its frames, at the least cost that still tells them apart.

use flate2::{Decompress, FlushDecompress, Status};

use super::{
    chunked::{Chunks, Piece},
    fault::StreamFault,
    marker::Finder,
};

/// The longest chunk of a compressed stream that is no frame: a heartbeat of three bytes takes
/// nine, and even a frame that is all references to the one before it takes more than these.
const LONGEST_HEARTBEAT: u64 = 14;

/// What a compressed stream begins with (RFC 1952 §2.3): no name, no time, no checksum of it.
const GZIP_HEADER: [u8; 10] = [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 0xff];

/// Room for what is inflated at once.
const INFLATED_AT_ONCE: usize = 32 * 1024;

/// A frame that a viewer has whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Frame {
    /// The one with this number.
    Numbered(u64),
    /// One that was not looked into.
    Some,
}

/// How frames are told apart.
#[derive(Debug)]
pub(super) enum Follow {
    /// Each is a chunk, and carries its number near its beginning: the rest is not looked at.
    Chunks {
        /// Looks for the number.
        finder: Finder,
        /// The number of the chunk that is being read, once it is known.
        found: Option<u64>,
    },
    /// As [`Follow::Chunks`], in a compressed stream: all of it has to be inflated.
    Inflated(Box<Inflated>),
    /// Each is a chunk of a compressed stream, and nobody looks into it.
    Counted,
    /// Each ends as many bytes after its number as its picture does, whatever the chunks are
    /// and whatever stands around it.
    Picture {
        /// Looks for the number.
        finder: Finder,
        /// How long a picture goes on after its number.
        rest: u64,
        /// The number of the picture that is being read, and how much of it is still to come.
        reading: Option<(u64, u64)>,
    },
}

/// The state of a compressed stream that is looked into.
#[derive(Debug)]
pub(super) struct Inflated {
    /// How much of the header has been seen.
    header: usize,
    inflate: Decompress,
    room: Vec<u8>,
    finder: Finder,
    found: Option<u64>,
}

impl Follow {
    pub(super) fn chunks() -> Self {
        Self::Chunks { finder: Finder::default(), found: None }
    }

    pub(super) fn inflated() -> Self {
        Self::Inflated(Box::new(Inflated {
            header: 0,
            inflate: Decompress::new(false),
            room: vec![0; INFLATED_AT_ONCE],
            finder: Finder::default(),
            found: None,
        }))
    }

    pub(super) fn picture(rest: u64) -> Self {
        Self::Picture { finder: Finder::default(), rest, reading: None }
    }

    /// Reads on in bytes of a chunk of `size` bytes, which `ends` with them.
    fn read(
        &mut self,
        bytes: &[u8],
        size: u64,
        ends: bool,
        seen: &mut impl FnMut(Frame),
    ) -> Result<(), StreamFault> {
        match self {
            Self::Chunks { finder, found } => {
                if found.is_none() {
                    *found = finder.find(bytes).map(|(number, _)| number);
                }
                if ends {
                    *finder = Finder::default();
                    found.take().map(Frame::Numbered).into_iter().for_each(seen);
                }
            }
            Self::Inflated(inflated) => {
                inflated.read(bytes)?;
                if ends {
                    inflated.finder = Finder::default();
                    inflated.found.take().map(Frame::Numbered).into_iter().for_each(seen);
                }
            }
            Self::Counted if ends && size > LONGEST_HEARTBEAT => seen(Frame::Some),
            Self::Counted => {}
            Self::Picture { finder, rest, reading } => {
                read_pictures(bytes, finder, *rest, reading, seen);
            }
        }
        Ok(())
    }
}

fn read_pictures(
    mut bytes: &[u8],
    finder: &mut Finder,
    rest: u64,
    reading: &mut Option<(u64, u64)>,
    seen: &mut impl FnMut(Frame),
) {
    loop {
        let (number, left) = match reading.take() {
            Some(reading) => reading,
            None => match finder.find(bytes) {
                Some((number, after)) => {
                    bytes = after;
                    (number, rest)
                }
                None => return,
            },
        };
        let here = bytes.len() as u64;
        if left > here {
            *reading = Some((number, left - here));
            return;
        }
        bytes = &bytes[usize::try_from(left).unwrap_or(bytes.len())..];
        seen(Frame::Numbered(number));
    }
}

impl Inflated {
    fn read(&mut self, mut input: &[u8]) -> Result<(), StreamFault> {
        while let (Some(expected), Some((byte, rest))) =
            (GZIP_HEADER.get(self.header), input.split_first())
        {
            if byte != expected {
                return Err(StreamFault::Compressed);
            }
            self.header += 1;
            input = rest;
        }
        loop {
            let (read, made) = (self.inflate.total_in(), self.inflate.total_out());
            let status = self
                .inflate
                .decompress(input, &mut self.room, FlushDecompress::None)
                .map_err(|_| StreamFault::Compressed)?;
            let read = usize::try_from(self.inflate.total_in() - read).unwrap_or(usize::MAX);
            let made = usize::try_from(self.inflate.total_out() - made).unwrap_or(usize::MAX);
            input = input.get(read..).unwrap_or_default();
            if self.found.is_none() {
                self.found = self.finder.find(&self.room[..made]).map(|(number, _)| number);
            }
            // A stream of pictures has no last block.
            if status == Status::StreamEnd {
                return Err(StreamFault::Compressed);
            }
            if input.is_empty() && made < self.room.len() {
                return Ok(());
            }
            if read == 0 && made == 0 {
                return Err(StreamFault::Compressed);
            }
        }
    }
}

/// A body that is being read.
#[derive(Debug)]
pub(super) struct Body {
    /// `None` where the body just goes on until the connection is closed.
    chunks: Option<Chunks>,
    follow: Follow,
}

impl Body {
    pub(super) fn new(chunked: bool, follow: Follow) -> Self {
        Self { chunks: chunked.then(Chunks::default), follow }
    }

    /// Reads on in `input`, and calls `seen` for every frame that is whole with it.
    pub(super) fn read(
        &mut self,
        mut input: &[u8],
        mut seen: impl FnMut(Frame),
    ) -> Result<(), StreamFault> {
        let Some(chunks) = &mut self.chunks else {
            return self.follow.read(input, 0, false, &mut seen);
        };
        while let Some(piece) = chunks.next(&mut input)? {
            match piece {
                Piece::Data { bytes, size, ends } => {
                    self.follow.read(bytes, size, ends, &mut seen)?;
                }
                Piece::End => return Err(StreamFault::Closed),
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use flate2::{Compress, Compression, FlushCompress};
    use proptest::prelude::*;

    use super::*;
    use crate::cli::bench::marker::{attribute, digits};

    fn chunk(data: &[u8]) -> Vec<u8> {
        [format!("{:x}\r\n", data.len()).as_bytes(), data, b"\r\n"].concat()
    }

    fn event(number: u64) -> String {
        format!(
            "id: 17-{number}\ndata: <svg {}>{}</svg>\n\n",
            attribute(&digits(number)),
            "a".repeat(300)
        )
    }

    /// Raw blocks that end in a full flush, made by a compressor of their own.
    fn blocks(data: &[u8]) -> Vec<u8> {
        let mut made = Vec::with_capacity(data.len() + 100);
        let mut compress = Compress::new(Compression::default(), false);
        compress.compress_vec(data, &mut made, FlushCompress::Full).unwrap();
        assert!(made.ends_with(&[0, 0, 0xff, 0xff]));
        made
    }

    /// A stream as Easel compresses it: the header and the opening, then frames, with a
    /// heartbeat between any two.
    fn compressed(numbers: &[u64]) -> Vec<u8> {
        let opening = [&GZIP_HEADER[..], &blocks(b"retry: 2000\n\n")].concat();
        let heartbeat = blocks(b":\n\n");
        assert!(heartbeat.len() as u64 <= LONGEST_HEARTBEAT);
        let mut stream = chunk(&opening);
        for number in numbers {
            stream.extend(chunk(&heartbeat));
            stream.extend(chunk(&blocks(event(*number).as_bytes())));
        }
        stream
    }

    fn frames(mut body: Body, stream: &[u8], step: usize) -> Result<Vec<Frame>, StreamFault> {
        let mut frames = Vec::new();
        for piece in stream.chunks(step) {
            body.read(piece, |frame| frames.push(frame))?;
        }
        Ok(frames)
    }

    proptest! {
        #[test]
        fn every_frame_is_found_however_the_stream_is_cut(
            numbers in prop::collection::vec(0..1_000_000_u64, 0..6), step in 1..700_usize,
        ) {
            let expected: Vec<_> = numbers.iter().map(|n| Frame::Numbered(*n)).collect();
            let mut plain = chunk(b"retry: 2000\n\n");
            for number in &numbers {
                plain.extend(chunk(b":\n\n"));
                plain.extend(chunk(event(*number).as_bytes()));
            }
            let found = frames(Body::new(true, Follow::chunks()), &plain, step).unwrap();
            prop_assert_eq!(&found, &expected);

            let gzip = compressed(&numbers);
            let found = frames(Body::new(true, Follow::inflated()), &gzip, step).unwrap();
            prop_assert_eq!(&found, &expected);

            let counted = frames(Body::new(true, Follow::Counted), &gzip, step).unwrap();
            // The opening is longer than a heartbeat, and comes before anything is counted.
            prop_assert_eq!(counted.len(), numbers.len() + 1);
        }

        #[test]
        fn a_picture_is_found_whatever_chunks_it_comes_in(
            numbers in prop::collection::vec(0..1_000_000_u64, 0..6),
            step in 1..700_usize, size in 1..700_usize, chunked in any::<bool>(),
        ) {
            let expected: Vec<_> = numbers.iter().map(|n| Frame::Numbered(*n)).collect();
            let plain: String = numbers.iter().map(|number| event(*number)).collect();
            let stream = match chunked {
                true => plain.as_bytes().chunks(size).flat_map(chunk).collect(),
                false => plain.into_bytes(),
            };
            let rest = "\">".len() + 300 + "</svg>".len();
            let body = Body::new(chunked, Follow::picture(rest as u64));
            prop_assert_eq!(frames(body, &stream, step).unwrap(), expected);
        }
    }

    #[test]
    fn a_frame_is_there_with_its_last_byte_and_not_before() {
        let stream = chunk(event(7).as_bytes());
        // Two bytes of line end stand after the last of the frame.
        let (all_but_one, last) = stream.split_at(stream.len() - 3);
        let mut body = Body::new(true, Follow::chunks());
        body.read(all_but_one, |frame| panic!("{frame:?} is not whole")).unwrap();
        let mut seen = None;
        body.read(last, |frame| seen = Some(frame)).unwrap();
        assert_eq!(seen, Some(Frame::Numbered(7)));
    }

    #[test]
    fn a_delta_is_read_by_what_came_before_it() {
        let (first, second) = (event(1), event(2));
        let mut compress = Compress::new(Compression::default(), false);
        let mut stream = chunk(&GZIP_HEADER);
        let mut delta = Vec::new();
        for event in [&first, &second] {
            delta = Vec::with_capacity(1000);
            compress.compress_vec(event.as_bytes(), &mut delta, FlushCompress::Sync).unwrap();
            stream.extend(chunk(&delta));
        }
        assert!((LONGEST_HEARTBEAT + 1..50).contains(&(delta.len() as u64)), "{}", delta.len());
        let found = frames(Body::new(true, Follow::inflated()), &stream, 4096).unwrap();
        assert_eq!(found, [Frame::Numbered(1), Frame::Numbered(2)]);
    }

    #[test]
    fn what_is_not_compressed_as_it_should_be_is_refused() {
        let plain = chunk(event(1).as_bytes());
        let ended = chunk(&[&GZIP_HEADER[..], &[3, 0]].concat());
        for stream in [plain, ended] {
            let found = frames(Body::new(true, Follow::inflated()), &stream, 4096);
            assert!(matches!(found, Err(StreamFault::Compressed)), "{found:?}");
        }
        let ended = frames(Body::new(true, Follow::chunks()), b"0\r\n\r\n", 4096);
        assert!(matches!(ended, Err(StreamFault::Closed)), "{ended:?}");
    }
}
