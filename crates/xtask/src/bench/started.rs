//! Servers that run for as long as one measurement takes.

use std::{
    fs::File,
    io::{self, Read, Write},
    net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::atomic::{AtomicU16, Ordering},
    thread,
    time::Duration,
};

use crate::step::{Failure, program};

/// How long a server may take to listen, and to end when it is asked to.
const PATIENCE: Duration = Duration::from_secs(15);

/// How long to wait before looking again.
const PAUSE: Duration = Duration::from_millis(50);

/// A program that ends with this value.
#[derive(Debug)]
pub(super) struct Started {
    name: String,
    child: Child,
    log: PathBuf,
}

impl Started {
    /// Starts a program with as many open files as the system allows; what it says goes into
    /// `folder`.
    pub(super) fn new(file: &Path, args: &[&str], folder: &Path) -> Result<Self, Failure> {
        let name = file.file_name().unwrap_or(file.as_os_str()).to_string_lossy().into_owned();
        let log = folder.join(format!("{name}.log"));
        let output = File::create(&log).map_err(Failure::at(&log))?;
        let errors = output.try_clone().map_err(Failure::at(&log))?;
        // The shell becomes the program, so the number of its process is the program's.
        let child = Command::new("sh")
            .args(["-c", "ulimit -n \"$(ulimit -Hn)\"; exec \"$0\" \"$@\""])
            .arg(file)
            .args(args)
            .current_dir(folder)
            .stdin(Stdio::null())
            .stdout(output)
            .stderr(errors)
            .spawn()
            .map_err(|source| Failure::Start { command: name.clone(), source })?;
        Ok(Self { name, child, log })
    }

    /// The number of its process.
    pub(super) fn id(&self) -> String {
        self.child.id().to_string()
    }

    /// Waits until it listens at `address`.
    pub(super) fn listens(&mut self, address: SocketAddr) -> Result<(), Failure> {
        self.is_ready(address, || TcpStream::connect_timeout(&address, PATIENCE).is_ok())
    }

    /// Waits until it lets viewers in at `address`: a server of several processes may listen
    /// before they have found each other.
    pub(super) fn lets_in(&mut self, address: SocketAddr) -> Result<(), Failure> {
        self.is_ready(address, || lets_in(address).unwrap_or(false))
    }

    fn is_ready(
        &mut self,
        address: SocketAddr,
        mut look: impl FnMut() -> bool,
    ) -> Result<(), Failure> {
        let ready = patiently(|| {
            let ended = !matches!(self.child.try_wait(), Ok(None));
            let ready = look();
            (ended || ready).then_some(ready && !ended)
        });
        if ready == Some(true) {
            return Ok(());
        }
        let log = std::fs::read_to_string(&self.log).unwrap_or_default();
        let last = log.lines().rev().take(5).collect::<Vec<_>>();
        let last = last.into_iter().rev().collect::<Vec<_>>().join("\n");
        Err(Failure::Unfit(format!("{} does not serve at {address}:\n{last}", self.name)))
    }
}

impl Drop for Started {
    /// Asks it to end, so that it ends those that it has started; after a while it has to.
    fn drop(&mut self) {
        if !matches!(self.child.try_wait(), Ok(None)) {
            return;
        }
        drop(program("sh").args(["-c", "kill -s TERM \"$0\"", &self.id()]).status());
        if patiently(|| self.child.try_wait().ok().flatten()).is_none() {
            drop(self.child.kill());
            drop(self.child.wait());
        }
    }
}

/// Whether a stream begins that is asked for at `address`.
fn lets_in(address: SocketAddr) -> io::Result<bool> {
    let mut connection = TcpStream::connect_timeout(&address, PATIENCE)?;
    connection.set_read_timeout(Some(PATIENCE))?;
    connection.write_all(format!("GET /ready HTTP/1.1\r\nHost: {address}\r\n\r\n").as_bytes())?;
    let mut status = [0; "HTTP/1.1 200".len()];
    connection.read_exact(&mut status)?;
    Ok(status == *b"HTTP/1.1 200")
}

/// Looks until there is something to see, or for too long.
#[expect(clippy::disallowed_methods, reason = "other programs tell nobody when they are ready")]
fn patiently<T>(mut look: impl FnMut() -> Option<T>) -> Option<T> {
    let looks = PATIENCE.as_millis() / PAUSE.as_millis();
    (0..looks).find_map(|_| {
        look().or_else(|| {
            thread::sleep(PAUSE);
            None
        })
    })
}

/// Below the ports that systems hand out by themselves: thousands of viewers have left theirs in
/// `TIME_WAIT`, and some servers cannot listen at such a port.
const PORTS: std::ops::Range<u16> = 20_000..32_000;

/// An address of this machine that nobody listens at; another one at each call.
pub(super) fn free_address() -> Result<SocketAddr, Failure> {
    static NEXT: AtomicU16 = AtomicU16::new(PORTS.start);
    // All of the machine's addresses: some servers listen at nothing less.
    let is_free = |port: &u16| TcpListener::bind((Ipv4Addr::UNSPECIFIED, *port)).is_ok();
    let next = || NEXT.fetch_add(1, Ordering::Relaxed);
    let port = std::iter::repeat_with(next).take_while(|port| *port < PORTS.end).find(is_free);
    let port = port.ok_or_else(|| Failure::Unfit(format!("no port of {PORTS:?} is free")))?;
    Ok((Ipv4Addr::LOCALHOST, port).into())
}
