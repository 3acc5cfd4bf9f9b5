//! A web site of one page, on a loopback address that is another origin than the server's.

use std::net::{IpAddr, SocketAddr};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    task::JoinSet,
};

/// Answers every request with one HTML page, until it is dropped.
#[derive(Debug)]
pub struct StaticPage {
    address: SocketAddr,
    _serving: JoinSet<()>,
}

impl StaticPage {
    /// Serves `html` on a free port of `address`.
    ///
    /// # Panics
    /// When there is none.
    pub async fn serve(address: [u8; 4], html: String) -> Self {
        let listener = TcpListener::bind((IpAddr::from(address), 0)).await.expect("a free port");
        let address = listener.local_addr().expect("an address");
        let mut serving = JoinSet::new();
        serving.spawn(async move {
            let mut connections = JoinSet::new();
            while let Ok((connection, _)) = listener.accept().await {
                connections.spawn(answer(connection, html.clone()));
            }
        });
        Self { address, _serving: serving }
    }

    /// Where the page is.
    pub fn url(&self) -> String {
        format!("http://{}/", self.address)
    }
}

async fn answer(mut connection: TcpStream, html: String) {
    let mut request = Vec::new();
    while !request.windows(4).any(|end| end == b"\r\n\r\n") {
        match connection.read_buf(&mut request).await {
            Ok(0) | Err(_) => return,
            Ok(_) => {}
        }
    }
    let head = "HTTP/1.1 200 OK\r\nContent-Type: text/html; charset=utf-8\r\nConnection: close";
    let answer = format!("{head}\r\nContent-Length: {}\r\n\r\n{html}", html.len());
    // A browser that has gone away needs no answer.
    drop(connection.write_all(answer.as_bytes()).await);
}
