//! What can go wrong with a bench, and with one of its viewers.

use std::{io, path::PathBuf};

/// Why a bench cannot be run, or has no result.
#[derive(Debug, thiserror::Error)]
pub(super) enum BenchError {
    /// An option makes no sense, by itself or with the others: what would be right.
    #[error("{0}")]
    Option(String),
    /// A file could not be read.
    #[error("{path}: {source}", path = path.display())]
    File {
        /// Which.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// The server's name has no address.
    #[error("{host} has no address: {source}")]
    Resolve {
        /// The name.
        host: String,
        /// Why not.
        source: io::Error,
    },
    /// The system lets this process open too few files.
    #[error(
        "{needed} connections need as many open files, and this process may have {limit}: raise \
         `ulimit -Hn`, or take fewer --viewers"
    )]
    OpenFiles {
        /// How many would be needed.
        needed: u64,
        /// How many there may be.
        limit: u64,
    },
    /// Not a single viewer was let in.
    #[error("no viewer could watch: {0}")]
    NoViewers(String),
    /// All viewers have gone.
    #[error("all viewers lost their connection: {0}")]
    Deserted(String),
    /// A request that sets the bench up was refused.
    #[error("{what} was refused: {said}")]
    SetUp {
        /// What was asked for.
        what: &'static str,
        /// The server's words.
        said: String,
    },
    /// An update did not go through.
    #[error("an update failed: {0}")]
    Update(StreamFault),
    /// Nothing that was received belongs to the bench.
    #[error(
        "no viewer received a picture of this bench: is what is published streamed to those who \
         watch, as it is?"
    )]
    Nothing,
    /// A process is not there, or not ours to look at.
    #[error("process {pid} of --pid cannot be measured: {source}")]
    Process {
        /// Which.
        pid: u32,
        /// Why not.
        source: io::Error,
    },
    /// A connection could not even be begun.
    #[error(transparent)]
    Connection(#[from] StreamFault),
    /// The system would not do its part.
    #[error(transparent)]
    Io(#[from] io::Error),
}

/// Why one connection is of no more use.
#[derive(Debug, thiserror::Error)]
pub(super) enum StreamFault {
    /// The connection failed.
    #[error("{0}")]
    Connection(#[from] io::Error),
    /// There was no answer in time.
    #[error("no answer within {0:?}")]
    Late(std::time::Duration),
    /// It was closed.
    #[error("the server closed the connection")]
    Closed,
    /// The server answered, and not as it should.
    #[error("{status} {said}")]
    Refused {
        /// The status of the answer.
        status: u16,
        /// What came with it, as far as it had come.
        said: String,
    },
    /// The answer does not begin like one.
    #[error("the answer is not HTTP/1.1")]
    Head,
    /// The body is not in chunks, or not in proper ones.
    #[error("the stream is not in proper chunks")]
    Chunk,
    /// The stream is not in the coding that was asked for.
    #[error("the server does not compress its stream as --coding asks, or does unasked")]
    Coding,
    /// What was compressed cannot be read.
    #[error("the compressed stream cannot be read")]
    Compressed,
}
