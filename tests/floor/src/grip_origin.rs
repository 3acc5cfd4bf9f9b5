//! The server behind Pushpin: it tells the proxy to hold every request open as a stream, on the
//! channel of its name, and has nothing else to say (the GRIP protocol).
//!
//! `grip-origin ADDRESS`

use std::{
    io::{self, BufReader, Write},
    net::{TcpListener, TcpStream},
    process::ExitCode,
    thread,
};

use floor::read_request;

#[expect(clippy::print_stderr, reason = "a program tells its user why it failed")]
fn main() -> ExitCode {
    let Some(address) = std::env::args().nth(1) else {
        eprintln!("usage: grip-origin ADDRESS:PORT");
        return ExitCode::from(2);
    };
    match serve(&address) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("grip-origin: {address}: {error}");
            ExitCode::FAILURE
        }
    }
}

fn serve(address: &str) -> io::Result<()> {
    for socket in TcpListener::bind(address)?.incoming() {
        let socket = socket?;
        thread::spawn(move || converse(socket));
    }
    Ok(())
}

/// What comes over one connection. How it ends is of no interest.
fn converse(socket: TcpStream) -> io::Result<()> {
    let mut writer = socket.try_clone()?;
    let mut reader = BufReader::new(socket);
    while let Some(request) = read_request(&mut reader)? {
        let answer = format!(
            "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nGrip-Hold: stream\r\n\
             Grip-Channel: {}\r\nContent-Length: 0\r\n\r\n",
            request.name
        );
        writer.write_all(answer.as_bytes())?;
    }
    Ok(())
}
