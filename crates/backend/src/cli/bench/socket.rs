//! Connections that nobody waits for.

use std::{
    io,
    net::{Ipv4Addr, SocketAddr, SocketAddrV4, TcpStream as StdTcpStream},
};

use mio::net::TcpStream;
use rustix::{
    io::Errno,
    net::{self, AddressFamily, SocketType},
};

/// Begins a connection to `to`, from an address of this machine if it matters which. One
/// address has some 28,000 ports to call another from, and servers count clients by address.
pub(super) fn connect(to: SocketAddr, from: Option<Ipv4Addr>) -> io::Result<TcpStream> {
    let family = if to.is_ipv4() { AddressFamily::INET } else { AddressFamily::INET6 };
    let socket = StdTcpStream::from(net::socket(family, SocketType::STREAM, None)?);
    socket.set_nonblocking(true)?;
    socket.set_nodelay(true)?;
    if let Some(from) = from {
        net::bind(&socket, &SocketAddrV4::new(from, 0))?;
    }
    match net::connect(&socket, &to) {
        Ok(()) | Err(Errno::INPROGRESS) => Ok(TcpStream::from_std(socket)),
        Err(error) => Err(error.into()),
    }
}

/// Whether a connection that has begun is there; an error if it never will be.
pub(super) fn is_connected(socket: &TcpStream) -> io::Result<bool> {
    if let Some(error) = socket.take_error()? {
        return Err(error);
    }
    match socket.peer_addr() {
        Ok(_) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::NotConnected => Ok(false),
        Err(error) => Err(error),
    }
}

/// Reads all that has come, and passes it on a buffer at a time; says whether the connection
/// was closed.
///
/// The system tells of new bytes once, so they have to be read until there are none. A buffer
/// that was not filled says that as well, and saves asking; only who closes may have done so
/// behind the last byte.
pub(super) fn read_all<E: From<io::Error>>(
    socket: &mut impl io::Read,
    buffer: &mut [u8],
    closing: bool,
    mut take: impl FnMut(&[u8]) -> Result<(), E>,
) -> Result<bool, E> {
    loop {
        match socket.read(buffer) {
            Ok(0) => return Ok(true),
            Ok(length) => {
                take(&buffer[..length])?;
                if length < buffer.len() && !closing {
                    return Ok(false);
                }
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(false),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error.into()),
        }
    }
}
