//! A wire to a server that can be cut, held and slowed down.

use std::{
    future::pending,
    net::{Ipv4Addr, SocketAddr},
    time::Duration,
};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::tcp::{OwnedReadHalf, OwnedWriteHalf},
    net::{TcpListener, TcpStream},
    sync::{mpsc, watch},
    task::JoinSet,
    time::{Instant, sleep_until},
};

/// How many chunks may be under way in a direction, and how many bytes in a chunk.
const CHUNKS: usize = 64;
const CHUNK: usize = 16 * 1024;

#[derive(Debug, Clone, Copy, Default)]
struct State {
    /// How often it was cut: a connection that saw fewer cuts at its begin ends.
    cuts: u64,
    held: bool,
    refusing: bool,
    delay: Duration,
}

/// A TCP proxy in front of a server, until it is dropped. Whoever connects while the server is
/// away is let in, and then closed.
#[derive(Debug)]
pub struct Wire {
    address: SocketAddr,
    state: watch::Sender<State>,
    _carrying: JoinSet<()>,
}

impl Wire {
    /// Lays a wire from a free port to a server.
    ///
    /// # Panics
    /// When there is no free port.
    pub async fn to(server: SocketAddr) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.expect("a free port");
        let address = listener.local_addr().expect("an address");
        let state = watch::Sender::new(State::default());
        let mut carrying = JoinSet::new();
        let now = state.subscribe();
        carrying.spawn(async move {
            let mut connections = JoinSet::new();
            while let Ok((connection, _)) = listener.accept().await {
                while connections.try_join_next().is_some() {}
                if !now.borrow().refusing {
                    connections.spawn(connect(connection, server, now.clone()));
                }
            }
        });
        Self { address, state, _carrying: carrying }
    }

    /// Where it begins.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Where it begins, for clients of Redis.
    pub fn url(&self) -> String {
        format!("redis://{}", self.address)
    }

    /// Closes every connection that is open now; new ones are let through.
    pub fn cut(&self) {
        self.state.send_modify(|state| state.cuts += 1);
    }

    /// Keeps all bytes, and the ends of connections, until [`release`](Self::release). Old and
    /// new connections stay open, as if the other side had been unplugged.
    pub fn hold(&self) {
        self.state.send_modify(|state| state.held = true);
    }

    /// Lets the bytes go on, those that were kept first.
    pub fn release(&self) {
        self.state.send_modify(|state| state.held = false);
    }

    /// Closes every connection, and new ones at once, until [`accept`](Self::accept).
    pub fn refuse(&self) {
        self.state.send_modify(|state| state.refusing = true);
        self.cut();
    }

    /// Lets new connections through again.
    pub fn accept(&self) {
        self.state.send_modify(|state| state.refusing = false);
    }

    /// Lets whatever comes in from now on take so long in either direction.
    pub fn slow(&self, delay: Duration) {
        self.state.send_modify(|state| state.delay = delay);
    }
}

async fn connect(client: TcpStream, server: SocketAddr, mut state: watch::Receiver<State>) {
    let cuts = state.borrow().cuts;
    let Ok(server) = TcpStream::connect(server).await else { return };
    // Chunks go on as they came: whoever wanted to collect them has done so.
    drop((client.set_nodelay(true), server.set_nodelay(true)));
    let (from_client, to_client) = client.into_split();
    let (from_server, to_server) = server.into_split();
    tokio::select! {
        () = carry(from_client, to_server, state.clone()) => {}
        () = carry(from_server, to_client, state.clone()) => {}
        _ = state.wait_for(|state| state.cuts != cuts) => {}
    }
}

/// Carries bytes in one direction until it ends.
async fn carry(mut from: OwnedReadHalf, mut to: OwnedWriteHalf, mut state: watch::Receiver<State>) {
    let (sender, mut chunks) = mpsc::channel(CHUNKS);
    let now = state.clone();
    let reading = async move {
        let mut buffer = vec![0; CHUNK];
        loop {
            // An empty chunk is the end, and takes as long as any other.
            let length = from.read(&mut buffer).await.unwrap_or_default();
            let due = Instant::now() + now.borrow().delay;
            if sender.send((due, buffer[..length].to_vec())).await.is_err() || length == 0 {
                return pending().await;
            }
        }
    };
    let writing = async {
        while let Some((due, chunk)) = chunks.recv().await {
            sleep_until(due).await;
            let free = state.wait_for(|state| !state.held).await.is_ok();
            if chunk.is_empty() || !free || to.write_all(&chunk).await.is_err() {
                return;
            }
        }
    };
    tokio::select! {
        () = reading => {}
        () = writing => {}
    }
}
