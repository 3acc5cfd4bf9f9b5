//! Who is compared, and how each is set up: for speed, with nothing that slows it down, and with
//! room for all viewers.

use std::{
    fs,
    path::{Path, PathBuf},
};

use clap::ValueEnum;

use super::started::{Started, free_address};
use crate::{
    step::Failure,
    tools::{self, NCHAN_MODULE},
};

/// What is built for a comparison.
pub(super) struct Programs {
    pub(super) easel: PathBuf,
    pub(super) floor: PathBuf,
    pub(super) grip_origin: PathBuf,
}

/// A server that is compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum Contender {
    /// The least that any server can do: tests/floor.
    BareLoop,
    /// Easel, to viewers that do not compress.
    Easel,
    /// Easel, to viewers that take gzip.
    EaselGzip,
    /// nchan, a module of nginx. It does not compress server-sent events.
    Nchan,
    /// Pushpin, a proxy. It does not compress streams.
    Pushpin,
}

/// A server that has been started.
pub(super) struct Contending {
    /// What ends with the measurement, in this order.
    _programs: Vec<Started>,
    /// The process to measure, with all that it has started.
    pub(super) pid: String,
    /// What `easel bench` has to know.
    pub(super) options: Vec<String>,
}

/// A limit is of no interest here, but that each is one more thing to look up.
const EASEL_FLAGS: &[&str] = &[
    "--requests-per-address",
    "--requests-per-user",
    "--creations-per-address",
    "--updates-per-session",
    "--updates-per-address",
    "--viewers-per-session",
    "--viewers-per-address",
    "--viewers-per-node",
];

/// `ADDRESS` and `FOLDER` are filled in, and so are `MODULE`, where Debian puts the module, and
/// `FILES`, how many files a process may open.
const NGINX_CONF: &str = include_str!("nginx.conf");
const PUSHPIN_CONF: &str = include_str!("pushpin.conf");

/// An event in the words of Pushpin's control port.
const PUSHPIN_BODY: &str = "{\"items\":[{\"channel\":\"{session}\",\"formats\":\
                            {\"http-stream\":{\"content\":\"data: {json-data}\\n\\n\"}}}]}";

/// With more viewers coming in at a time it refuses some.
const PUSHPIN_CONNECTING: &str = "16";

impl Contender {
    /// In the order of the tables: what others are compared with comes first.
    pub(super) const ALL: [Self; 5] =
        [Self::BareLoop, Self::Easel, Self::EaselGzip, Self::Nchan, Self::Pushpin];

    /// What it is called in a table.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::BareLoop => "bare loop",
            Self::Easel => "Easel",
            Self::EaselGzip => "Easel, gzip",
            Self::Nchan => "nchan",
            Self::Pushpin => "Pushpin",
        }
    }

    /// Starts it, with its files in `folder`.
    pub(super) fn start(self, programs: &Programs, folder: &Path) -> Result<Contending, Failure> {
        match self {
            Self::BareLoop => bare_loop(programs, folder),
            Self::Easel => easel(programs, folder, "identity"),
            Self::EaselGzip => easel(programs, folder, "gzip"),
            Self::Nchan => nchan(folder),
            Self::Pushpin => pushpin(programs, folder),
        }
    }
}

fn options<const N: usize>(options: [(&str, String); N]) -> Vec<String> {
    options.into_iter().flat_map(|(name, value)| [name.to_owned(), value]).collect()
}

fn bare_loop(programs: &Programs, folder: &Path) -> Result<Contending, Failure> {
    let address = free_address()?;
    let mut floor = Started::new(&programs.floor, &[&address.to_string()], folder)?;
    floor.listens(address)?;
    let url = format!("http://{address}/{{session}}");
    let options = options([("--stream-url", url.clone()), ("--publish-url", url)]);
    Ok(Contending { pid: floor.id(), _programs: vec![floor], options })
}

fn easel(programs: &Programs, folder: &Path, coding: &str) -> Result<Contending, Failure> {
    let address = free_address()?;
    let listen = address.to_string();
    let mut flags = vec!["serve", "--listen", &listen, "--ops-listen", "127.0.0.1:0"];
    flags.extend(["--data-dir", "data"]);
    flags.extend(EASEL_FLAGS.iter().flat_map(|flag| [*flag, "off"]));
    let mut easel = Started::new(&programs.easel, &flags, folder)?;
    easel.listens(address)?;
    let options =
        options([("--server", format!("http://{address}")), ("--coding", coding.to_owned())]);
    Ok(Contending { pid: easel.id(), _programs: vec![easel], options })
}

fn nchan(folder: &Path) -> Result<Contending, Failure> {
    let address = free_address()?;
    let conf =
        fill(NGINX_CONF, &[("ADDRESS", &address.to_string()), ("MODULE", NCHAN_MODULE)], folder)?;
    let conf = write(folder, "nginx.conf", &conf)?;
    let program = tools::found("nginx")?;
    let mut nginx = Started::new(&program, &["-c", &conf, "-e", "stderr"], folder)?;
    nginx.listens(address)?;
    let options = options([
        ("--stream-url", format!("http://{address}/watch/{{session}}")),
        ("--publish-url", format!("http://{address}/publish/{{session}}")),
    ]);
    Ok(Contending { pid: nginx.id(), _programs: vec![nginx], options })
}

fn pushpin(programs: &Programs, folder: &Path) -> Result<Contending, Failure> {
    let (viewers, publishing, origin_at) = (free_address()?, free_address()?, free_address()?);
    let mut origin = Started::new(&programs.grip_origin, &[&origin_at.to_string()], folder)?;
    origin.listens(origin_at)?;
    write(folder, "routes", &format!("* {origin_at}\n"))?;
    let (port, control) = (viewers.port().to_string(), publishing.port().to_string());
    let conf = fill(PUSHPIN_CONF, &[("PORT", &port), ("CONTROL", &control)], folder)?;
    let conf = write(folder, "pushpin.conf", &conf)?;
    let program = tools::found("pushpin")?;
    let mut pushpin = Started::new(&program, &["--config", &conf, "--merge-output"], folder)?;
    pushpin.listens(publishing)?;
    pushpin.lets_in(viewers)?;
    let options = options([
        ("--stream-url", format!("http://{viewers}/{{session}}")),
        ("--publish-url", format!("http://{publishing}/publish/")),
        ("--publish-body", PUSHPIN_BODY.to_owned()),
        ("--header", "Content-Type: application/json".to_owned()),
        ("--connecting", PUSHPIN_CONNECTING.to_owned()),
    ]);
    // The proxy ends before what stands behind it.
    Ok(Contending { pid: pushpin.id(), _programs: vec![pushpin, origin], options })
}

fn fill(conf: &str, words: &[(&str, &str)], folder: &Path) -> Result<String, Failure> {
    let files = tools::open_files()?;
    let folder = folder.to_string_lossy();
    let conf = conf.replace("{FOLDER}", &folder).replace("{FILES}", &files.to_string());
    Ok(words.iter().fold(conf, |conf, (word, value)| conf.replace(&format!("{{{word}}}"), value)))
}

fn write(folder: &Path, name: &str, text: &str) -> Result<String, Failure> {
    let path = folder.join(name);
    fs::write(&path, text).map_err(Failure::at(&path))?;
    Ok(path.to_string_lossy().into_owned())
}

/// How everything was set up, for whoever wants to do it again.
pub(super) fn configurations() -> String {
    let easel: Vec<String> = EASEL_FLAGS.iter().map(|flag| format!("{flag} off")).collect();
    let block = |language: &str, text: &str| format!("```{language}\n{}\n```\n", text.trim_end());
    let lines = [
        "### How they were set up\n".to_owned(),
        "`{…}` stands for what differs from run to run.\n".to_owned(),
        "Easel:\n".to_owned(),
        block(
            "sh",
            &format!(
                "easel serve --listen {{ADDRESS}} --ops-listen 127.0.0.1:0 --data-dir data {}",
                easel.join(" ")
            ),
        ),
        "nchan, `nginx -c nginx.conf -e stderr`:\n".to_owned(),
        block("nginx", NGINX_CONF),
        "Pushpin, `pushpin --config pushpin.conf --merge-output`, with one route, `* {ORIGIN}`, to `tests/floor/src/grip_origin.rs`:\n"
            .to_owned(),
        block("ini", PUSHPIN_CONF),
        "An update of Pushpin, sent to its control port:\n".to_owned(),
        block("json", PUSHPIN_BODY),
        format!("Its viewers come in with `--connecting {PUSHPIN_CONNECTING}`: it refuses some otherwise.\n"),
        "Bare loop: `tests/floor/src/main.rs`. The load: `easel bench`, with `--as-fast-as-seen 1`, \
         `--rate 10` or `--idle`, and `--coding gzip` where it says so.\n"
            .to_owned(),
    ];
    lines.join("\n")
}
