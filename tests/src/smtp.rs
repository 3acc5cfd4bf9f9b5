//! A mail server on a real socket: it keeps what it takes, and can be told to be difficult.

use std::{
    collections::HashMap,
    net::{Ipv4Addr, SocketAddr},
    sync::{Arc, Mutex, PoisonError},
};

use base64::{Engine, prelude::BASE64_STANDARD};
use mail_parser::{Message, MessageParser};
use tokio::{
    io::{AsyncBufReadExt, AsyncWriteExt, BufReader},
    net::{TcpListener, TcpStream},
    sync::watch,
    task::JoinSet,
};

use crate::wait;

/// What a mail server is asked for, in the order in which it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum SmtpStep {
    /// To say the first word.
    Greeting,
    /// To say what it can do (EHLO).
    Hello,
    /// To let someone in (AUTH).
    Login,
    /// To take mail from someone (MAIL).
    Sender,
    /// To take mail for someone (RCPT).
    Recipient,
    /// To take a mail (DATA).
    Data,
    /// To confirm that it has it (the dot).
    Receipt,
    /// To say goodbye (QUIT).
    Quit,
}

/// What it does then.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SmtpMood {
    /// Says this, in place of what would please the client: `451 4.7.1 later`.
    Says(&'static str),
    /// Says nothing, and waits.
    Hangs,
    /// Closes the connection.
    Closes,
}

/// A mail as it came.
#[derive(Debug, Clone)]
pub struct ReceivedMail {
    /// Whom it is from, by the envelope.
    pub from: String,
    /// Whom it is to, by the envelope.
    pub to: Vec<String>,
    /// Its headers and its body.
    pub message: String,
}

impl ReceivedMail {
    /// A mail of a file.
    ///
    /// # Panics
    /// When it is none.
    pub fn read(message: &str) -> Self {
        let mail = Self { from: String::new(), to: Vec::new(), message: message.to_owned() };
        assert!(mail.parsed().headers().len() > 3, "no mail: {message}");
        mail
    }

    fn parsed(&self) -> Message<'_> {
        MessageParser::default().parse(self.message.as_bytes()).expect("a mail")
    }

    /// What it is about.
    ///
    /// # Panics
    /// When it does not say.
    pub fn subject(&self) -> String {
        self.parsed().subject().expect("a subject").to_owned()
    }

    /// The value of a header, as it travels.
    ///
    /// # Panics
    /// When there is none.
    pub fn header(&self, name: &str) -> String {
        let mail = self.parsed();
        mail.header_raw(name).unwrap_or_else(|| panic!("no {name}")).trim().to_owned()
    }

    /// Its words as plain text.
    ///
    /// # Panics
    /// When there are none.
    pub fn text(&self) -> String {
        self.parsed().body_text(0).expect("a text").into_owned()
    }

    /// Its words as HTML.
    ///
    /// # Panics
    /// When there are none.
    pub fn html(&self) -> String {
        self.parsed().body_html(0).expect("HTML").into_owned()
    }

    /// The line of its text that is a link with a token.
    ///
    /// # Panics
    /// When there is none.
    pub fn link(&self) -> String {
        let text = self.text();
        let link = text.lines().find(|line| line.contains("#token="));
        link.unwrap_or_else(|| panic!("no link in {text}")).trim().to_owned()
    }

    /// The token of its link.
    pub fn token(&self) -> String {
        self.link().split_once("#token=").map(|(_, token)| token.to_owned()).unwrap_or_default()
    }
}

#[derive(Debug, Default)]
struct State {
    moods: Mutex<HashMap<SmtpStep, SmtpMood>>,
    login: Option<String>,
    said: watch::Sender<Vec<String>>,
    received: watch::Sender<Vec<ReceivedMail>>,
}

impl State {
    fn mood(&self, step: SmtpStep) -> Option<SmtpMood> {
        self.moods.lock().unwrap_or_else(PoisonError::into_inner).get(&step).copied()
    }
}

/// A mail server that speaks as much SMTP as a client needs to hand mail over. Dropping it ends it.
#[derive(Debug)]
pub struct SmtpServer {
    address: SocketAddr,
    state: Arc<State>,
    _serving: JoinSet<()>,
}

impl SmtpServer {
    /// A server that takes mail from everyone.
    pub async fn start() -> Self {
        Self::serve(None).await
    }

    /// A server that takes mail from this user alone.
    pub async fn start_for(user: &str, password: &str) -> Self {
        let login = BASE64_STANDARD.encode(format!("\0{user}\0{password}"));
        Self::serve(Some(login)).await
    }

    async fn serve(login: Option<String>) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.expect("a free port");
        let address = listener.local_addr().expect("an address");
        let state = Arc::new(State { login, ..State::default() });
        let mut serving = JoinSet::new();
        let shared = state.clone();
        serving.spawn(async move {
            let mut connections = JoinSet::new();
            while let Ok((connection, _)) = listener.accept().await {
                let state = shared.clone();
                connections.spawn(async move {
                    // A client may go away at any time.
                    drop(Conversation::new(connection, state).hold().await);
                });
            }
        });
        Self { address, state, _serving: serving }
    }

    /// Where it is: `127.0.0.1:PORT`.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The setting `smtp-url` that leads here.
    pub fn url(&self) -> String {
        format!("smtp://{}?tls=none", self.address)
    }

    /// Is difficult at this step, from now on.
    pub fn is_difficult(&self, step: SmtpStep, mood: SmtpMood) {
        self.state.moods.lock().unwrap_or_else(PoisonError::into_inner).insert(step, mood);
    }

    /// Is as it was at first.
    pub fn is_easy(&self) {
        self.state.moods.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }

    /// What clients have said so far, line by line; not the mails.
    pub fn heard(&self) -> Vec<String> {
        self.state.said.borrow().clone()
    }

    /// Waits until some client has said something that begins like this, so many times in all.
    pub async fn hears(&self, beginning: &str, times: usize) {
        let mut said = self.state.said.subscribe();
        let is_it = |said: &Vec<String>| {
            said.iter().filter(|line| line.starts_with(beginning)).count() >= times
        };
        drop(wait::soon(beginning, said.wait_for(is_it)).await);
    }

    /// The mails that it has taken so far.
    pub fn received(&self) -> Vec<ReceivedMail> {
        self.state.received.borrow().clone()
    }

    /// Waits until it has taken so many mails, and shows them.
    ///
    /// # Panics
    /// When they do not come.
    pub async fn receives(&self, count: usize) -> Vec<ReceivedMail> {
        let mut received = self.state.received.subscribe();
        let mails = wait::soon("mail", received.wait_for(|mails| mails.len() >= count)).await;
        mails.expect("a server").clone()
    }
}

/// The client has gone, or the server has closed the connection.
struct Over;

impl From<std::io::Error> for Over {
    fn from(_: std::io::Error) -> Self {
        Self
    }
}

/// A connection with a client.
struct Conversation {
    stream: BufReader<TcpStream>,
    state: Arc<State>,
    is_in: bool,
    from: String,
    to: Vec<String>,
}

impl Conversation {
    fn new(stream: TcpStream, state: Arc<State>) -> Self {
        let is_in = state.login.is_none();
        let stream = BufReader::new(stream);
        Self { stream, state, is_in, from: String::new(), to: Vec::new() }
    }

    async fn line(&mut self) -> Result<String, Over> {
        let mut line = String::new();
        match self.stream.read_line(&mut line).await? {
            0 => Err(Over),
            _ => Ok(line.trim_end_matches(['\r', '\n']).to_owned()),
        }
    }

    /// Answers, as the mood is; says whether it was what pleases.
    async fn answer(&mut self, step: SmtpStep, pleasing: &str) -> Result<bool, Over> {
        let answer = match self.state.mood(step) {
            Some(SmtpMood::Closes) => return Err(Over),
            Some(SmtpMood::Hangs) => std::future::pending().await,
            Some(SmtpMood::Says(words)) => words,
            None => pleasing,
        };
        self.stream.get_mut().write_all(format!("{answer}\r\n").as_bytes()).await?;
        Ok(answer == pleasing)
    }

    async fn hold(mut self) -> Result<(), Over> {
        self.answer(SmtpStep::Greeting, "220 mail.example ESMTP").await?;
        loop {
            let line = self.line().await?;
            self.state.said.send_modify(|said| said.push(line.clone()));
            let (verb, rest) = line.split_once(' ').unwrap_or((&line, ""));
            match verb.to_ascii_uppercase().as_str() {
                "EHLO" => {
                    let offers = "250-mail.example\r\n250-8BITMIME\r\n250 AUTH PLAIN";
                    self.answer(SmtpStep::Hello, offers).await?;
                }
                "AUTH" => self.logs_in(rest).await?,
                "MAIL" | "RCPT" if !self.is_in => {
                    self.answer(SmtpStep::Sender, "530 5.7.0 who are you?").await?;
                }
                "MAIL" => {
                    if self.answer(SmtpStep::Sender, "250 2.1.0 fine").await? {
                        (self.from, self.to) = (in_brackets(rest), Vec::new());
                    }
                }
                "RCPT" => {
                    if self.answer(SmtpStep::Recipient, "250 2.1.5 fine").await? {
                        self.to.push(in_brackets(rest));
                    }
                }
                "DATA" => {
                    if self.answer(SmtpStep::Data, "354 go on").await? {
                        self.takes_a_mail().await?;
                    }
                }
                "QUIT" => {
                    self.answer(SmtpStep::Quit, "221 2.0.0 goodbye").await?;
                    return Ok(());
                }
                _ => self.stream.get_mut().write_all(b"502 5.5.2 what?\r\n").await?,
            }
        }
    }

    async fn logs_in(&mut self, rest: &str) -> Result<(), Over> {
        let is_known =
            self.state.login.as_ref().is_some_and(|login| {
                rest.strip_prefix("PLAIN ").is_some_and(|shown| shown == login)
            });
        let answer = if is_known { "235 2.7.0 come in" } else { "535 5.7.8 nobody we know" };
        self.is_in = self.answer(SmtpStep::Login, answer).await? && is_known;
        Ok(())
    }

    async fn takes_a_mail(&mut self) -> Result<(), Over> {
        let mut message = String::new();
        loop {
            let line = self.line().await?;
            match line.strip_prefix('.') {
                Some("") => break,
                Some(stuffed) => message.push_str(stuffed),
                None => message.push_str(&line),
            }
            message.push_str("\r\n");
        }
        // Whoever says yes has it: a mail of which the client never hears is there all the same.
        let mail = ReceivedMail { from: self.from.clone(), to: self.to.clone(), message };
        let is_kept = !matches!(self.state.mood(SmtpStep::Receipt), Some(SmtpMood::Says(_)));
        if is_kept {
            self.state.received.send_modify(|received| received.push(mail));
        }
        self.answer(SmtpStep::Receipt, "250 2.0.0 taken").await?;
        Ok(())
    }
}

/// What stands in `FROM:<…>` and `TO:<…>`.
fn in_brackets(text: &str) -> String {
    let inner = text.split_once('<').and_then(|(_, rest)| rest.split_once('>'));
    inner.map(|(inner, _)| inner.to_owned()).unwrap_or_default()
}
