//! As much of a Redis client as a test needs: a command, an answer, and no memory.

use std::{fmt::Write, io, net::SocketAddr, time::Duration};

use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader},
    net::TcpStream,
    time::timeout,
};

/// How long a server may take to answer before a look at it counts as a look at nothing.
const GLANCE: Duration = Duration::from_millis(200);

/// Sends one command over a connection of its own: its answer as text. The elements of an
/// array, and of the arrays in it, are lines; nil is an empty text.
///
/// # Errors
/// When the server cannot be reached, or answers with an error.
pub(super) async fn ask(address: SocketAddr, command: &[&str]) -> io::Result<String> {
    let mut request = format!("*{}\r\n", command.len());
    for part in command {
        write!(request, "${}\r\n{part}\r\n", part.len()).map_err(io::Error::other)?;
    }
    let mut connection = BufReader::new(TcpStream::connect(address).await?);
    connection.write_all(request.as_bytes()).await?;
    answer(&mut connection).await
}

/// The same, for a server that may be away: `None` unless it soon answers without an error.
pub(super) async fn glance(address: SocketAddr, command: &[&str]) -> Option<String> {
    timeout(GLANCE, ask(address, command)).await.ok()?.ok()
}

async fn answer(connection: &mut BufReader<TcpStream>) -> io::Result<String> {
    let mut parts = Vec::new();
    let mut missing = 1_i64;
    while missing > 0 {
        missing -= 1;
        let mut line = String::new();
        connection.read_line(&mut line).await?;
        let line = line.trim_end();
        let rest = line.get(1..).unwrap_or_default();
        let number = || rest.parse::<i64>().map_err(io::Error::other);
        match line.bytes().next() {
            Some(b'*') if number()? < 0 => parts.push(String::new()),
            Some(b'*') => missing += number()?,
            Some(b'$') => match usize::try_from(number()?) {
                Err(_) => parts.push(String::new()),
                Ok(length) => {
                    // The bytes are followed by a line end.
                    let mut bytes = vec![0; length + 2];
                    connection.read_exact(&mut bytes).await?;
                    parts.push(String::from_utf8_lossy(&bytes[..length]).into_owned());
                }
            },
            Some(b'+' | b':') => parts.push(rest.to_owned()),
            Some(b'-') => return Err(io::Error::other(rest)),
            _ => return Err(io::ErrorKind::UnexpectedEof.into()),
        }
    }
    Ok(parts.join("\n"))
}
