//! As much of HTTP/1.1 as a server needs that is only ever asked by our own bench.

use std::{
    io::{self, BufRead, BufReader, Read},
    net::TcpStream,
};

/// A request, read to the end of its body.
#[derive(Debug)]
pub struct Request {
    /// The method.
    pub method: String,
    /// The last segment of the path.
    pub name: String,
    /// The body.
    pub body: Vec<u8>,
}

/// Reads the next request; `None` when there is none any more.
///
/// # Errors
/// When the connection fails, or what comes is no request.
pub fn read_request(from: &mut BufReader<TcpStream>) -> io::Result<Option<Request>> {
    let mut line = String::new();
    if from.read_line(&mut line)? == 0 {
        return Ok(None);
    }
    let mut words = line.split_whitespace();
    let method = words.next().unwrap_or_default().to_owned();
    let path = words.next().unwrap_or_default();
    let name = path.rsplit('/').next().unwrap_or_default().to_owned();
    let mut length = 0;
    loop {
        let mut header = String::new();
        from.read_line(&mut header)?;
        let Some((key, value)) = header.split_once(':') else { break };
        if key.eq_ignore_ascii_case("content-length") {
            length = value.trim().parse().map_err(|_| io::ErrorKind::InvalidData)?;
        }
    }
    let mut body = vec![0; length];
    from.read_exact(&mut body)?;
    Ok(Some(Request { method, name, body }))
}
