//! Compression that is made once and shared by every viewer, whenever they came.
//!
//! A gzip stream (RFC 1952) is a header and deflate blocks (RFC 1951). Each piece of a stream is
//! compressed by itself, ends on a byte and is never the last block, so pieces can follow each
//! other in any order: one buffer serves all. A piece may refer back to the one that was sent
//! right before it, for whoever has that. There is no trailer: it would be a sum over what one
//! viewer got, and the stream ends by closing.

use flate2::{Compress, CompressError, Compression, FlushCompress};

/// What a stream begins with: gzip, deflate, no name, no time, of no known system.
pub(super) const HEADER: [u8; 10] = [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 0xff];

/// How far back a block may refer.
const WINDOW: usize = 32 * 1024;
const WINDOW_BITS: u8 = 15;

/// Where pictures stop getting smaller.
const LEVEL: Compression = Compression::new(6);

/// For pictures that would keep others waiting.
const FAST: Compression = Compression::new(1);
const LARGE: usize = 64 * 1024;

/// Room for an empty block, which ends every piece, and then some: with less, the compressor
/// would repeat it.
const FLUSH_ROOM: usize = 64;

/// Longest uncompressed block (RFC 1951 §3.2.4).
const STORED: usize = 0xffff;

/// Appends `plain`, compressed for whoever was sent `before` last; for everyone if that is empty.
pub(super) fn append(out: &mut Vec<u8>, before: &[u8], plain: &[u8]) {
    let begin = out.len();
    if let Err(error) = deflate(out, before, plain) {
        tracing::error!(%error, "the compressor fails");
        out.truncate(begin);
        store(out, plain);
    }
}

fn deflate(out: &mut Vec<u8>, before: &[u8], plain: &[u8]) -> Result<(), CompressError> {
    let mut compress = Compress::new_with_window_bits(
        if plain.len() > LARGE { FAST } else { LEVEL },
        false,
        WINDOW_BITS,
    );
    if !before.is_empty() {
        compress.set_dictionary(&before[before.len().saturating_sub(WINDOW)..])?;
    }
    let mut rest = plain;
    loop {
        out.reserve(rest.len() / 4 + FLUSH_ROOM);
        let taken = compress.total_in();
        compress.compress_vec(rest, out, FlushCompress::Sync)?;
        rest = &rest[usize::try_from(compress.total_in() - taken).unwrap_or(rest.len())..];
        // All of it has come out once there is room left.
        if rest.is_empty() && out.len() < out.capacity() {
            return Ok(());
        }
    }
}

/// Appends `plain` as it is, as deflate writes that.
fn store(out: &mut Vec<u8>, plain: &[u8]) {
    for piece in plain.chunks(STORED) {
        let length = u16::try_from(piece.len()).unwrap_or(u16::MAX);
        out.push(0);
        out.extend_from_slice(&length.to_le_bytes());
        out.extend_from_slice(&(!length).to_le_bytes());
        out.extend_from_slice(piece);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use flate2::{Decompress, FlushDecompress};
    use proptest::{collection::vec, prelude::*};

    /// What a client makes of pieces that came one after another.
    fn inflated(pieces: &[Vec<u8>], bytes: usize) -> Vec<u8> {
        let mut inflater = Decompress::new(false);
        let mut plain = Vec::with_capacity(bytes + 64);
        for piece in pieces {
            let before = inflater.total_in();
            inflater.decompress_vec(piece, &mut plain, FlushDecompress::Sync).unwrap();
            assert_eq!(inflater.total_in() - before, piece.len() as u64, "a piece is whole");
        }
        plain
    }

    fn piece(before: &[u8], plain: &[u8]) -> Vec<u8> {
        let mut out = Vec::new();
        append(&mut out, before, plain);
        out
    }

    #[test]
    fn a_piece_refers_back_to_the_one_before_it() {
        let drawing = |n: u32| {
            let paths = (0..400).map(|p| format!("<path d='M{p} {} l{n}'/>", p * p % 977));
            paths.collect::<String>().into_bytes()
        };
        let (one, two) = (drawing(1), drawing(1).repeat(3));
        let delta = piece(&one, &one);
        assert!(delta.len() * 10 < piece(&[], &one).len(), "{} bytes", delta.len());
        let sent = [piece(&[], &one), delta, piece(&one, &two), piece(&two, &one)];
        assert_eq!(inflated(&sent, 100_000), [&one[..], &one, &two, &one].concat());
    }

    #[test]
    fn what_is_stored_is_read_too() {
        let plain: Vec<u8> = (0..200_000_u32).map(|n| (n * 7 % 251) as u8).collect();
        let mut stored = Vec::new();
        store(&mut stored, &plain);
        assert_eq!(inflated(&[stored, piece(&plain, b"and on")], 201_000), {
            [&plain[..], b"and on"].concat()
        });
    }

    proptest! {
        #[test]
        fn pieces_follow_each_other_whatever_is_in_them(
            plains in vec(vec(prop_oneof![Just(b'a'), any::<u8>()], 1..5_000), 1..8),
            refers in vec(any::<bool>(), 8),
        ) {
            let mut pieces = Vec::new();
            for (at, plain) in plains.iter().enumerate() {
                let refers = refers[at] && at > 0;
                pieces.push(piece(if refers { &plains[at - 1] } else { &[] }, plain));
            }
            prop_assert_eq!(inflated(&pieces, 50_000), plains.concat());
        }
    }
}
