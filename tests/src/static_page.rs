//! A web site of one page, on a loopback address that is another origin than the server's.

use std::{
    net::{IpAddr, SocketAddr},
    sync::{Arc, Mutex, PoisonError},
};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    task::JoinSet,
};

/// Answers every request with one HTML page, until it is dropped.
#[derive(Debug)]
pub struct StaticPage {
    address: SocketAddr,
    asked_for: Arc<Mutex<Vec<String>>>,
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
        let asked_for: Arc<Mutex<Vec<String>>> = Arc::default();
        let mut serving = JoinSet::new();
        let asked = asked_for.clone();
        serving.spawn(async move {
            let mut connections = JoinSet::new();
            while let Ok((connection, _)) = listener.accept().await {
                connections.spawn(answer(connection, html.clone(), asked.clone()));
            }
        });
        Self { address, asked_for, _serving: serving }
    }

    /// Where the page is.
    pub fn url(&self) -> String {
        format!("http://{}/", self.address)
    }

    /// The paths that were asked for so far.
    pub fn asked_for(&self) -> Vec<String> {
        self.asked_for.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

async fn answer(mut connection: TcpStream, html: String, asked: Arc<Mutex<Vec<String>>>) {
    let mut request = Vec::new();
    while !request.windows(4).any(|end| end == b"\r\n\r\n") {
        match connection.read_buf(&mut request).await {
            Ok(0) | Err(_) => return,
            Ok(_) => {}
        }
    }
    // GET /path HTTP/1.1
    let path = String::from_utf8_lossy(&request).split(' ').nth(1).map(str::to_owned);
    asked.lock().unwrap_or_else(PoisonError::into_inner).extend(path);
    let head = "HTTP/1.1 200 OK\r\nContent-Type: text/html; charset=utf-8\r\nConnection: close";
    let answer = format!("{head}\r\nContent-Length: {}\r\n\r\n{html}", html.len());
    // A browser that has gone away needs no answer.
    drop(connection.write_all(answer.as_bytes()).await);
}
