//! The bare loop: what is left of a server of live pictures when everything is left out that can
//! be. One chunk is made for each update, and written to the socket of every viewer: no server
//! can do with less than these system calls.
//!
//! `floor ADDRESS`: `GET /NAME` watches, `POST /NAME` publishes.

use std::{
    collections::HashMap,
    io::{self, BufReader, ErrorKind, Write},
    net::{TcpListener, TcpStream},
    process::ExitCode,
    sync::{Arc, Mutex, PoisonError},
    thread,
};

use floor::{Request, read_request};

/// Who watches what.
type Viewers = Arc<Mutex<HashMap<String, Vec<TcpStream>>>>;

const STREAM_HEAD: &str =
    "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n";

const ANSWER: &str = "HTTP/1.1 204 No Content\r\n\r\n";

#[expect(clippy::print_stderr, reason = "a program tells its user why it failed")]
fn main() -> ExitCode {
    let Some(address) = std::env::args().nth(1) else {
        eprintln!("usage: floor ADDRESS:PORT");
        return ExitCode::from(2);
    };
    match serve(&address) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("floor: {address}: {error}");
            ExitCode::FAILURE
        }
    }
}

fn serve(address: &str) -> io::Result<()> {
    let viewers = Viewers::default();
    for socket in TcpListener::bind(address)?.incoming() {
        let (socket, viewers) = (socket?, viewers.clone());
        // Of a viewer nothing but its socket is left when its thread ends; a publisher's thread
        // does the writing, one at a time for all of them.
        thread::spawn(move || converse(socket, &viewers));
    }
    Ok(())
}

/// What comes over one connection. How it ends is of no interest.
fn converse(socket: TcpStream, viewers: &Viewers) -> io::Result<()> {
    socket.set_nodelay(true)?;
    let mut writer = socket.try_clone()?;
    let mut reader = BufReader::with_capacity(64 * 1024, socket);
    while let Some(Request { method, name, body }) = read_request(&mut reader)? {
        if method == "GET" {
            writer.write_all(STREAM_HEAD.as_bytes())?;
            writer.set_nonblocking(true)?;
            let mut viewers = viewers.lock().unwrap_or_else(PoisonError::into_inner);
            viewers.entry(name).or_default().push(writer);
            return Ok(());
        }
        let mut viewers = viewers.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(watching) = viewers.get_mut(&name) {
            let chunk = chunk(&body);
            watching.retain_mut(|viewer| write_whole(viewer, &chunk).is_ok());
        }
        drop(viewers);
        writer.write_all(ANSWER.as_bytes())?;
    }
    Ok(())
}

/// A picture as an event, in a chunk.
fn chunk(picture: &[u8]) -> Vec<u8> {
    let (start, end) = ("data: ", "\n\n");
    let length = start.len() + picture.len() + end.len();
    let mut chunk = format!("{length:x}\r\n{start}").into_bytes();
    chunk.extend_from_slice(picture);
    chunk.extend_from_slice(end.as_bytes());
    chunk.extend_from_slice(b"\r\n");
    chunk
}

/// Writes all of `bytes`, whatever it takes: a loop this bare has nothing else to do.
fn write_whole(viewer: &mut TcpStream, mut bytes: &[u8]) -> io::Result<()> {
    while !bytes.is_empty() {
        match viewer.write(bytes) {
            Ok(0) => return Err(ErrorKind::WriteZero.into()),
            Ok(written) => bytes = &bytes[written..],
            Err(error) if error.kind() == ErrorKind::WouldBlock => thread::yield_now(),
            Err(error) => return Err(error),
        }
    }
    Ok(())
}
