//! What was said: settings as strings, from flags, environment and file, with where each
//! came from.

use std::{collections::BTreeMap, ffi::OsString, fmt, path::Path};

use clap::{Arg, ArgMatches, Command, Error, error::ErrorKind};
use zeroize::Zeroizing;

/// One setting: a flag, an `EASEL_…` variable and a key of the file at once.
#[derive(Debug)]
pub struct Setting {
    /// The key: `listen` is `--listen`, `EASEL_LISTEN` and `listen = …`.
    pub key: &'static str,
    /// What its value looks like in help.
    pub value: &'static str,
    /// The value when nobody says anything; empty for none.
    pub default: &'static str,
    /// What it does, in a line of help.
    pub help: &'static str,
    /// Whether its value must not be seen: it has no flag then, since everyone on a machine
    /// can read the command lines of its processes, and is never printed.
    pub secret: bool,
}

impl Setting {
    /// The setting with this key.
    pub(super) fn of(key: &str) -> Option<&'static Self> {
        SETTINGS.iter().find(|setting| setting.key == key)
    }
}

const fn setting(
    key: &'static str,
    value: &'static str,
    default: &'static str,
    help: &'static str,
) -> Setting {
    Setting { key, value, default, help, secret: false }
}

const fn secret(key: &'static str, value: &'static str, help: &'static str) -> Setting {
    Setting { key, value, default: "", help, secret: true }
}

/// Every setting there is: the one list that flags, variables, file keys, defaults, help and
/// `check-config` are made from.
pub const SETTINGS: &[Setting] = &[
    setting("listen", "ADDRESS", "127.0.0.1:3000", "Where to serve; port 0 takes any free one"),
    setting("ops-listen", "ADDRESS", "127.0.0.1:3001", "Where to serve health and metrics"),
    setting(
        "public-url",
        "URL",
        "",
        "How the outside reaches this server: the start of every link",
    ),
    setting("data-dir", "PATH", "./data", "Where the embedded store lives"),
    setting(
        "minting",
        "open|accounts",
        "",
        "Who gets tokens: anyone who asks, or accounts; open by default only on a loopback address",
    ),
    setting(
        "allow-open-minting",
        "BOOL",
        "false",
        "Mint openly on an address that others can reach too",
    ),
    setting(
        "public-sessions",
        "on|off",
        "on",
        "Sessions without an owner, which anyone may change",
    ),
    setting("session-ttl", "DURATION", "1h", "How long a session lives that asks for nothing"),
    setting("session-max-ttl", "DURATION", "365d", "How long a session may ask to live"),
    setting("token-ttl", "DURATION", "1d", "How long a token is valid that asks for nothing"),
    setting("token-max-ttl", "DURATION", "30d", "How long a token may ask to be valid"),
    setting("token-issuer", "TEXT", "easel", "The iss of every token"),
    setting("token-audience", "TEXT", "easel", "The aud of every token"),
    setting(
        "key-publish-delay",
        "DURATION",
        "15m",
        "How long a new key is published before it signs: longer than anyone may keep the \
         published keys, with time for caches on the way",
    ),
    setting(
        "key-overlap",
        "DURATION",
        "31d",
        "How long a key verifies after it has stopped signing: the longest token must end first",
    ),
    setting(
        "key-rotation",
        "off|DURATION",
        "off",
        "How long a key signs until the server makes and promotes the next one by itself",
    ),
    setting(
        "jwks-max-age",
        "DURATION",
        "5m",
        "How long others may keep the published keys: how long a revoked key may outlive its \
         revocation with them",
    ),
    secret(
        "master-key",
        "SECRET",
        "Seals private keys in the store: 32 bytes as `openssl rand -base64 32` prints them",
    ),
    secret(
        "previous-master-key",
        "SECRET",
        "The master key before this one: opens what it sealed, so that it is sealed anew",
    ),
    setting("heartbeat", "DURATION", "15s", "How often an idle stream shows that it is alive"),
    setting(
        "drain-timeout",
        "DURATION",
        "10s",
        "How long streams may take to end when the server stops",
    ),
    setting("max-body-bytes", "BYTES", "1048576", "Largest request body"),
    setting(
        "max-template-bytes",
        "BYTES",
        "65536",
        "Largest template: a page of SVG has a few thousand",
    ),
    setting(
        "max-args-bytes",
        "BYTES",
        "262144",
        "Largest args as JSON, merged ones too: a chart of 10,000 points has about half of it",
    ),
    setting(
        "max-output-bytes",
        "BYTES",
        "524288",
        "Largest picture: every viewer gets it with every change",
    ),
    setting(
        "max-loop-steps",
        "COUNT",
        "100000",
        "Most turns of all loops of one picture: they take about 50 ms, and make a picture \
         that is larger than most",
    ),
    setting(
        "max-depth",
        "COUNT",
        "128",
        "How deep elements of a picture may stand in each other, references followed, up to \
         256: browsers draw by recursion",
    ),
    setting(
        "max-elements",
        "COUNT",
        "100000",
        "Most elements of a picture, references followed: browsers draw more than 10,000 slowly",
    ),
    setting(
        "render-parallel",
        "COUNT",
        "2",
        "Render workers, and so pictures rendered at once: about one per core",
    ),
    setting(
        "render-compute",
        "DURATION",
        "200ms",
        "Most compute of one picture; a heavy one takes 5 ms",
    ),
    setting(
        "render-memory-bytes",
        "BYTES",
        "268435456",
        "Most memory of a render worker, the program itself included",
    ),
    setting(
        "snapshot-max-side",
        "PIXELS",
        "4096",
        "Longest side of a PNG, up to 16384: 16 million pixels are 64 MB while they are drawn",
    ),
    setting(
        "snapshot-max-depth",
        "COUNT",
        "64",
        "How deep elements of a PNG may stand in each other, references followed, up to 256: \
         many of them take a bitmap each while they are drawn",
    ),
    setting(
        "snapshot-parallel",
        "COUNT",
        "1",
        "Workers that make PNGs: apart from the others, which they must not hold up",
    ),
    setting(
        "snapshot-compute",
        "DURATION",
        "1s",
        "Most compute of one PNG: millions of pixels take longer than the text they come from",
    ),
    setting(
        "snapshot-memory-bytes",
        "BYTES",
        "402653184",
        "Most memory of a worker that makes PNGs: a few bitmaps of the longest side",
    ),
    setting(
        "log",
        "FILTER",
        "info",
        "What to log: error, warn, info, debug, trace, or a filter by module",
    ),
    setting("log-format", "text|json", "text", "How to log"),
];

/// Variables that begin with `EASEL_` and are no settings of the server: the clients' own.
const OTHER_VARIABLES: &[&str] = &["EASEL_CONFIG", "EASEL_TOKEN", "EASEL_SERVER"];

/// The file that is read when none is named and it exists.
const DEFAULT_FILE: &str = "easel.toml";

/// Where a value came from, in rising rank.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    /// Nobody said anything.
    Default,
    /// A key of the file.
    File(String),
    /// An environment variable.
    Environment(String),
    /// A flag.
    Flag(String),
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default => f.write_str("default"),
            Self::File(name) | Self::Environment(name) | Self::Flag(name) => f.write_str(name),
        }
    }
}

/// Why the configuration is not valid: which key, where it was said, and what to do.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ConfigError {
    /// No such setting.
    #[error("{from}: there is no setting `{key}`{}", .similar.map(|s| format!("; did you mean `{s}`?")).unwrap_or_default())]
    UnknownKey {
        /// What was said.
        key: String,
        /// Where.
        from: String,
        /// The nearest setting.
        similar: Option<&'static str>,
    },
    /// The value makes no sense for its key.
    #[error("{key} = {value:?} (from {source_of_value}): {fix}")]
    BadValue {
        /// The setting.
        key: &'static str,
        /// What was said.
        value: String,
        /// Where.
        source_of_value: Source,
        /// What would be right.
        fix: String,
    },
    /// The file cannot be used.
    #[error("{path}: {message}")]
    File {
        /// Which file.
        path: String,
        /// Why.
        message: String,
    },
}

/// The flags of one command line: the settings it named.
#[derive(Debug, Clone, Default)]
pub struct Flags(BTreeMap<&'static str, String>);

/// What someone is told who puts a secret on a command line.
fn secret_flag(key: &str) -> Error {
    let variable = format!("EASEL_{}", key.to_ascii_uppercase().replace('-', "_"));
    let message = format!(
        "--{key} would show the secret to everyone who can list the processes of this machine; \
         set {variable}, or `{key}` in the configuration file\n"
    );
    Error::raw(ErrorKind::UnknownArgument, message)
}

impl clap::FromArgMatches for Flags {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, Error> {
        let mut flags = Self::default();
        flags.update_from_arg_matches(matches)?;
        Ok(flags)
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), Error> {
        for setting in SETTINGS {
            if setting.secret && matches.contains_id(setting.key) {
                return Err(secret_flag(setting.key));
            }
            match matches.try_get_one::<String>(setting.key) {
                Ok(Some(value)) => drop(self.0.insert(setting.key, value.clone())),
                Ok(None) => {}
                Err(error) => return Err(Error::raw(ErrorKind::InvalidValue, error)),
            }
        }
        Ok(())
    }
}

impl clap::Args for Flags {
    fn augment_args(command: Command) -> Command {
        SETTINGS.iter().fold(command, |command, setting| {
            let mut help = setting.help.to_owned();
            if !setting.default.is_empty() {
                help.push_str(&format!(" [default: {}]", setting.default));
            }
            let mut arg = Arg::new(setting.key)
                .long(setting.key)
                .value_name(setting.value)
                .allow_negative_numbers(true)
                .help(help)
                .help_heading("Settings")
                .hide(setting.secret);
            if setting.value == "BOOL" {
                arg = arg.num_args(0..=1).default_missing_value("true").require_equals(true);
            }
            command.arg(arg)
        })
    }

    fn augment_args_for_update(command: Command) -> Command {
        Self::augment_args(command)
    }
}

/// All that was said, each setting from its highest source.
#[derive(Clone)]
pub struct Raw(BTreeMap<&'static str, (Zeroizing<String>, Source)>);

impl fmt::Debug for Raw {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Keys and sources: the values of some are secrets.
        f.debug_map().entries(self.0.iter().map(|(key, (_, source))| (key, source))).finish()
    }
}

impl Raw {
    /// Gathers flags, the environment and the file; the higher source wins.
    ///
    /// # Errors
    /// Unknown keys, and a file that cannot be read.
    pub fn gather(
        flags: &Flags,
        environment: impl IntoIterator<Item = (OsString, OsString)>,
        file: Option<&Path>,
    ) -> Result<Self, ConfigError> {
        let mut raw = Self(
            SETTINGS
                .iter()
                .filter(|setting| !setting.default.is_empty())
                .map(|setting| (setting.key, (setting.default.to_owned().into(), Source::Default)))
                .collect(),
        );
        match file {
            Some(path) => raw.read_file(path)?,
            None if Path::new(DEFAULT_FILE).exists() => raw.read_file(Path::new(DEFAULT_FILE))?,
            None => {}
        }
        raw.read_environment(environment)?;
        for (key, value) in &flags.0 {
            raw.0.insert(key, (value.clone().into(), Source::Flag(format!("--{key}"))));
        }
        Ok(raw)
    }

    fn read_environment(
        &mut self,
        environment: impl IntoIterator<Item = (OsString, OsString)>,
    ) -> Result<(), ConfigError> {
        for (name, value) in environment {
            let Some(name) = name.to_str().map(str::to_owned) else {
                continue;
            };
            let Some(rest) = name.strip_prefix("EASEL_") else {
                continue;
            };
            if OTHER_VARIABLES.contains(&name.as_str()) || is_injected(rest) {
                continue;
            }
            let setting = known(&rest.to_ascii_lowercase().replace('_', "-"), &name)?;
            let source = Source::Environment(name);
            let value = value.into_string().map_err(|value| {
                let value = value.to_string_lossy();
                super::bad(setting.key, &value, &source, "must be UTF-8".to_owned())
            })?;
            self.0.insert(setting.key, (value.into(), source));
        }
        Ok(())
    }

    fn read_file(&mut self, path: &Path) -> Result<(), ConfigError> {
        let name = path.display().to_string();
        let fault = |message: String| ConfigError::File { path: name.clone(), message };
        let text = std::fs::read_to_string(path).map_err(|error| fault(error.to_string()))?;
        let text = Zeroizing::new(text);
        let table: toml::Table =
            // The library's own text would quote the line, and it may hold a secret.
            text.parse().map_err(|error: toml::de::Error| {
                let before = error.span().map_or(0, |span| span.start);
                let line = text.get(..before).map_or(1, |text| text.split('\n').count());
                fault(format!("line {line}: {}", error.message()))
            })?;
        for (key, value) in table {
            let setting = known(&key, &name)?;
            let value = match value {
                toml::Value::String(text) => text,
                toml::Value::Integer(number) => number.to_string(),
                toml::Value::Boolean(truth) => truth.to_string(),
                _ => {
                    return Err(fault(format!("`{key}` must be a string, a number or a boolean")));
                }
            };
            self.0.insert(setting.key, (value.into(), Source::File(name.clone())));
        }
        Ok(())
    }

    /// What was said for a setting, or its default.
    pub fn get(&self, key: &str) -> Option<(&str, &Source)> {
        self.0.get(key).map(|(value, source)| (value.as_str(), source))
    }
}

/// Kubernetes tells every container of a service named `easel` about it in variables that
/// nobody asked for: `EASEL_PORT`, `EASEL_PORT_80_TCP_ADDR`, `EASEL_SERVICE_HOST`, …
fn is_injected(rest: &str) -> bool {
    rest == "PORT" || rest.starts_with("PORT_") || rest.starts_with("SERVICE_")
}

fn known(key: &str, from: &str) -> Result<&'static Setting, ConfigError> {
    Setting::of(key).ok_or_else(|| {
        let shared =
            |other: &str| key.bytes().zip(other.bytes()).take_while(|(a, b)| a == b).count();
        let similar = SETTINGS.iter().map(|setting| setting.key).max_by_key(|other| shared(other));
        ConfigError::UnknownKey {
            key: key.to_owned(),
            from: from.to_owned(),
            similar: similar.filter(|other| shared(other) >= 3),
        }
    })
}
