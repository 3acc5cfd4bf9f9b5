//! Servers of others, as processes of this one.

use std::{
    fs::OpenOptions,
    io,
    net::{Ipv4Addr, SocketAddr},
    process::{Child, Command, Stdio},
    sync::{LazyLock, mpsc},
    thread,
};

use tempfile::TempDir;
use tokio::net::TcpSocket;

/// The file in its directory that a server writes its log to.
pub(crate) const LOG: &str = "log";

/// A port of the loopback address that no one else is given for as long as this lives. A server
/// may listen on it all the same: the socket that holds it does not.
#[derive(Debug)]
pub(crate) struct Port {
    pub(crate) address: SocketAddr,
    _socket: TcpSocket,
}

impl Port {
    pub(crate) fn free() -> Self {
        let socket = TcpSocket::new_v4().expect("a socket");
        // Redis sets it as well, and only those that both do may share a port.
        socket.set_reuseaddr(true).expect("a shared address");
        socket.bind((Ipv4Addr::LOCALHOST, 0).into()).expect("a free port");
        let address = socket.local_addr().expect("an address");
        Self { address, _socket: socket }
    }

    pub(crate) fn number(&self) -> String {
        self.address.port().to_string()
    }
}

/// Runs a server in a directory; its log is there. `command` sees to it that the kernel kills it
/// when this process ends, however it ends: `setpriv --pdeathsig KILL`.
pub(crate) fn run(directory: &TempDir, mut command: Command) -> Child {
    let log = directory.path().join(LOG);
    let log = OpenOptions::new().create(true).append(true).open(log).expect("a log");
    command
        .current_dir(directory.path())
        .stdin(Stdio::null())
        .stdout(log.try_clone().expect("a log"))
        .stderr(log);
    let (answer, child) = mpsc::channel();
    LAUNCHER.send((command, answer)).expect("a launcher");
    child.recv().expect("a launcher").expect("setpriv starts")
}

type Order = (Command, mpsc::Sender<io::Result<Child>>);

/// Starts programs. What the kernel takes for the parent of a program is the thread that started
/// it, and the thread of a test may end before a server that tests share.
static LAUNCHER: LazyLock<mpsc::Sender<Order>> = LazyLock::new(|| {
    let (sender, orders) = mpsc::channel::<Order>();
    thread::spawn(move || {
        for (mut command, answer) in orders {
            drop(answer.send(command.spawn()));
        }
    });
    sender
});
