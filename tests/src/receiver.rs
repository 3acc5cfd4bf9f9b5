//! Someone who is told of events: a web server that keeps what it is sent, and answers as it likes.

use std::{
    net::{Ipv4Addr, SocketAddr},
    sync::{
        Arc,
        atomic::{AtomicU16, Ordering},
    },
};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    sync::watch,
    task::JoinSet,
};

use crate::wait;

/// A status that is none: the receiver says nothing.
const SILENCE: u16 = 0;

/// A request as it came.
#[derive(Debug, Clone)]
pub struct Delivery {
    /// Method and path.
    pub line: String,
    headers: Vec<(String, String)>,
    /// Its body.
    pub body: String,
}

impl Delivery {
    /// The value of a header.
    ///
    /// # Panics
    /// When there is none.
    pub fn header(&self, name: &str) -> &str {
        let mut headers = self.headers.iter();
        let found = headers.find(|(other, _)| other.eq_ignore_ascii_case(name));
        found.map(|(_, value)| value.as_str()).unwrap_or_else(|| panic!("no {name}"))
    }
}

#[derive(Debug)]
struct State {
    status: AtomicU16,
    deliveries: watch::Sender<Vec<Delivery>>,
}

/// A receiver of webhooks. Dropping it ends it.
#[derive(Debug)]
pub struct Receiver {
    address: SocketAddr,
    state: Arc<State>,
    _serving: JoinSet<()>,
}

impl Receiver {
    /// A receiver that is content: 204.
    ///
    /// # Panics
    /// When there is no free port.
    pub async fn start() -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.expect("a free port");
        let address = listener.local_addr().expect("an address");
        let (status, deliveries) = (AtomicU16::new(204), watch::Sender::default());
        let state = Arc::new(State { status, deliveries });
        let mut serving = JoinSet::new();
        let shared = state.clone();
        serving.spawn(async move {
            let mut connections = JoinSet::new();
            while let Ok((connection, _)) = listener.accept().await {
                let state = shared.clone();
                connections.spawn(async move {
                    // A client may go away at any time.
                    drop(answer(connection, &state).await);
                });
            }
        });
        Self { address, state, _serving: serving }
    }

    /// Where it listens.
    pub fn url(&self) -> String {
        format!("http://{}/hooks?key=1", self.address)
    }

    /// Answers with this status from now on. A redirection leads back here.
    pub fn answers(&self, status: u16) {
        self.state.status.store(status, Ordering::Relaxed);
    }

    /// Takes what it is sent from now on, and says nothing.
    pub fn hangs(&self) {
        self.answers(SILENCE);
    }

    /// Waits until it was sent so much, and shows it.
    ///
    /// # Panics
    /// When that does not come.
    pub async fn receives(&self, count: usize) -> Vec<Delivery> {
        let mut deliveries = self.state.deliveries.subscribe();
        let are_there = |deliveries: &Vec<Delivery>| deliveries.len() >= count;
        let deliveries = wait::soon("a delivery", deliveries.wait_for(are_there)).await;
        deliveries.expect("a receiver").clone()
    }
}

async fn answer(mut connection: TcpStream, state: &State) -> std::io::Result<()> {
    let mut request = Vec::new();
    let (head, mut body) = loop {
        if connection.read_buf(&mut request).await? == 0 {
            return Ok(());
        }
        if let Some(end) = request.windows(4).position(|end| end == b"\r\n\r\n") {
            let body = request.split_off(end + 4);
            break (String::from_utf8_lossy(&request).into_owned(), body);
        }
    };
    let mut lines = head.trim_end().lines().map(str::to_owned);
    let line = lines.next().unwrap_or_default();
    let line = line.trim_end_matches(" HTTP/1.1").to_owned();
    let headers: Vec<(String, String)> = lines
        .filter_map(|line| line.split_once(": ").map(|(a, b)| (a.to_owned(), b.to_owned())))
        .collect();
    let mut delivery = Delivery { line, headers, body: String::new() };
    let length: usize = delivery.header("content-length").parse().expect("a length");
    while body.len() < length && connection.read_buf(&mut body).await? > 0 {}
    delivery.body = String::from_utf8_lossy(&body).into_owned();
    state.deliveries.send_modify(|deliveries| deliveries.push(delivery));
    let status = match state.status.load(Ordering::Relaxed) {
        SILENCE => std::future::pending().await,
        status => status,
    };
    let answer = format!(
        "HTTP/1.1 {status} x\r\nLocation: /elsewhere\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
    );
    connection.write_all(answer.as_bytes()).await
}
