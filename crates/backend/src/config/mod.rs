//! What the settings mean: [`Raw`] strings become a [`Config`], checked once, so that the
//! rest of the program never sees a setting as text.

mod accounts;
mod keys;
mod limits;
mod mail;
mod raw;
mod settings;

use std::{fmt, net::SocketAddr, path::PathBuf, str::FromStr, time::Duration};

use common::{api::Minting, jwt::Expected};
use url::Url;

pub use self::accounts::{AccountSettings, PasswordSettings};
pub use self::keys::{KeySettings, KeyWindows, MasterKey};
pub use self::raw::{ConfigError, Flags, Raw, Source};
pub use self::settings::{Setting, settings};
use crate::{
    limit::LimitSettings,
    mail::MailSettings,
    render::{RenderLimits, SnapshotLimits},
    store::{DatabaseUrl, Prefix, Quotas, RedisUrl},
    webhook::WebhookSettings,
};

/// How long a session lives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Lifetimes {
    /// When nothing is asked for.
    pub default: Duration,
    /// At most.
    pub max: Duration,
}

/// What nodes share.
#[derive(Debug, Clone)]
pub struct RedisSettings {
    /// Where it is.
    pub url: RedisUrl,
    /// What stands before each of its keys.
    pub prefix: Prefix,
}

/// How log lines look.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogFormat {
    /// For people.
    Text,
    /// For machines: a JSON object a line.
    Json,
}

/// A valid configuration.
#[derive(Debug, Clone)]
pub struct Config {
    /// Where to serve.
    pub listen: SocketAddr,
    /// Where to serve health and metrics.
    pub ops_listen: SocketAddr,
    /// How the outside reaches this server, without a slash at the end.
    pub public_url: Option<String>,
    /// The other sites whose pages may use the API, as browsers spell origins.
    pub cors_origins: Vec<String>,
    /// Where the embedded store lives.
    pub data_dir: PathBuf,
    /// What nodes share, if they share something.
    pub redis: Option<RedisSettings>,
    /// Where accounts are kept, if not with the sessions of an embedded store.
    pub database: Option<DatabaseUrl>,
    /// Accounts and sign-ins.
    pub accounts: AccountSettings,
    /// Who gets tokens.
    pub minting: Minting,
    /// Whether sessions without an owner exist.
    pub public_sessions: bool,
    /// Of sessions.
    pub session_lifetimes: Lifetimes,
    /// Of tokens.
    pub token_lifetimes: Lifetimes,
    /// Unused tickets that a user may have at once.
    pub tickets_per_user: u32,
    /// What tokens say of themselves.
    pub token_names: Expected,
    /// The keys behind tokens.
    pub keys: KeySettings,
    /// How mail is sent.
    pub mail: MailSettings,
    /// Who is told of events.
    pub webhooks: Option<WebhookSettings>,
    /// How often an idle stream shows that it is alive.
    pub heartbeat: Duration,
    /// Whether streams are compressed for whoever takes that.
    pub stream_compression: bool,
    /// How long streams may take to end when the server stops.
    pub drain_timeout: Duration,
    /// Largest request body.
    pub max_body_bytes: usize,
    /// How much one client, one user and one session may take.
    pub limits: LimitSettings,
    /// How long a connection may take to ask for something.
    pub head_timeout: Duration,
    /// How long a body may take to come in.
    pub body_timeout: Duration,
    /// How much may be stored.
    pub quotas: Quotas,
    /// How much a template may be and make.
    pub render: RenderLimits,
    /// What to log.
    pub log: String,
    /// How to log.
    pub log_format: LogFormat,
}

/// The longest span that any setting or request may name: a century. Sums of times stay far
/// from the ends of the calendar.
const LONGEST: Duration = Duration::from_secs(100 * 365 * 86_400);

impl Config {
    /// Reads what the settings mean.
    ///
    /// # Errors
    /// The first setting that makes no sense, by itself or with the others.
    pub fn new(raw: &Raw) -> Result<Self, ConfigError> {
        let listen: SocketAddr =
            raw.parse("listen", "must be ADDRESS:PORT, such as 127.0.0.1:3000")?;
        let token_lifetimes = raw.lifetimes("token-ttl", "token-max-ttl")?;
        let keys = KeySettings::new(raw, token_lifetimes)?;
        let config = Self {
            listen,
            ops_listen: raw.parse("ops-listen", "must be ADDRESS:PORT, such as 127.0.0.1:3001")?,
            public_url: raw.optional("public-url", public_url)?,
            cors_origins: raw.optional("cors-origins", origins)?.unwrap_or_default(),
            data_dir: raw.parse("data-dir", "must be a path")?,
            redis: redis(raw)?,
            database: accounts::database(raw)?,
            minting: minting(raw, listen)?,
            public_sessions: raw.with("public-sessions", switch)?,
            session_lifetimes: raw.lifetimes("session-ttl", "session-max-ttl")?,
            token_lifetimes,
            tickets_per_user: raw.with("tickets-per-user", number)?,
            token_names: Expected {
                issuer: raw.with("token-issuer", not_empty)?,
                audience: raw.with("token-audience", not_empty)?,
            },
            accounts: AccountSettings::new(raw, keys.windows.overlap)?,
            keys,
            mail: mail::mail(raw, listen)?,
            webhooks: mail::webhooks(raw)?,
            heartbeat: raw.with("heartbeat", heartbeat)?,
            stream_compression: raw.with("stream-compression", switch)?,
            drain_timeout: raw.with("drain-timeout", pause)?,
            max_body_bytes: raw.with("max-body-bytes", count)?,
            limits: limits::limits(raw)?,
            head_timeout: raw.with("request-head-timeout", duration)?,
            body_timeout: raw.with("request-body-timeout", duration)?,
            quotas: limits::quotas(raw)?,
            render: RenderLimits {
                template_bytes: raw.with("max-template-bytes", count)?,
                args_bytes: raw.with("max-args-bytes", count)?,
                output_bytes: raw.with("max-output-bytes", count)?,
                loop_steps: raw.with("max-loop-steps", count)? as u64,
                depth: raw.with("max-depth", depth)?,
                elements: raw.with("max-elements", count)? as u64,
                memory_bytes: raw.with("render-memory-bytes", count)? as u64,
                compute: raw.with("render-compute", duration)?,
                parallel: raw.with("render-parallel", parallel)?,
                snapshot: SnapshotLimits {
                    side: raw.with("snapshot-max-side", side)?,
                    depth: raw.with("snapshot-max-depth", depth)?,
                    memory_bytes: raw.with("snapshot-memory-bytes", count)? as u64,
                    compute: raw.with("snapshot-compute", duration)?,
                    parallel: raw.with("snapshot-parallel", parallel)?,
                },
            },
            log: raw.with("log", log_filter)?,
            log_format: raw.with("log-format", log_format)?,
        };
        Ok(config)
    }

    /// Whether the outside reaches this server over TLS.
    pub fn is_public_over_tls(&self) -> bool {
        self.public_url.as_ref().is_some_and(|url| url.starts_with("https://"))
    }

    /// The longest life of any token that is minted here.
    pub fn longest_token(&self) -> Duration {
        self.token_lifetimes.max.max(self.accounts.access)
    }

    /// Whether people can have accounts: nodes that share sessions and no database have nowhere to
    /// keep them.
    pub fn has_accounts(&self) -> bool {
        self.redis.is_none() || self.database.is_some()
    }

    /// The start of every link to this server.
    pub fn link_base(&self) -> String {
        self.public_url.clone().unwrap_or_else(|| format!("http://{}", self.listen))
    }

    /// The database file of the embedded store.
    pub fn database_file(&self) -> PathBuf {
        self.data_dir.join("easel.db")
    }

    /// Where mail goes when there is no mail server.
    pub fn mail_directory(&self) -> PathBuf {
        self.data_dir.join("mail")
    }
}

impl Raw {
    fn with<T>(
        &self,
        key: &'static str,
        read: impl Fn(&str) -> Result<T, String>,
    ) -> Result<T, ConfigError> {
        let (value, source) = self.get(key).unwrap_or(("", &Source::Default));
        read(value).map_err(|fix| bad(key, value, source, fix))
    }

    fn optional<T>(
        &self,
        key: &'static str,
        read: impl Fn(&str) -> Result<T, String>,
    ) -> Result<Option<T>, ConfigError> {
        match self.get(key) {
            None | Some(("", _)) => Ok(None),
            Some(_) => self.with(key, read).map(Some),
        }
    }

    fn parse<T: FromStr>(&self, key: &'static str, fix: &str) -> Result<T, ConfigError> {
        self.with(key, |value| value.parse().map_err(|_| fix.to_owned()))
    }

    fn lifetimes(
        &self,
        default: &'static str,
        max: &'static str,
    ) -> Result<Lifetimes, ConfigError> {
        let lifetimes =
            Lifetimes { default: self.with(default, lifetime)?, max: self.with(max, lifetime)? };
        if lifetimes.default > lifetimes.max {
            let (value, source) = self.get(default).unwrap_or(("", &Source::Default));
            return Err(bad(default, value, source, format!("must not be longer than {max}")));
        }
        Ok(lifetimes)
    }
}

/// Whether a value could be a URL with a password, wherever it stands there.
fn may_have_a_password(value: &str) -> bool {
    value.contains('@') || value.to_ascii_lowercase().contains("password")
}

fn bad(key: &'static str, value: &str, source: &Source, fix: String) -> ConfigError {
    // What could be a secret, or a URL with a password in it, would end up in a log.
    let hidden =
        Setting::of(key).is_some_and(|setting| setting.secret) || may_have_a_password(value);
    let value = if hidden { "…" } else { value }.to_owned();
    ConfigError::BadValue { key, value, source_of_value: source.clone(), fix }
}

fn redis(raw: &Raw) -> Result<Option<RedisSettings>, ConfigError> {
    let prefix = raw.optional("redis-prefix", |value| value.parse().map_err(str::to_owned))?;
    let url = raw.optional("redis-url", |value| {
        value.parse().map_err(|_| {
            "must be such as redis://host:6379, redis-sentinel://host:26379?sentinelServiceName=name \
             or redis-cluster://host:6379"
                .to_owned()
        })
    })?;
    Ok(url.map(|url| RedisSettings { url, prefix: prefix.unwrap_or_default() }))
}

fn minting(raw: &Raw, listen: SocketAddr) -> Result<Minting, ConfigError> {
    let loopback = listen.ip().is_loopback();
    let default = if loopback { Minting::Open } else { Minting::Accounts };
    let minting = raw
        .optional("minting", |value| match value {
            "open" => Ok(Minting::Open),
            "accounts" => Ok(Minting::Accounts),
            _ => Err("must be `open` or `accounts`".to_owned()),
        })?
        .unwrap_or(default);
    let allowed = raw.with("allow-open-minting", truth)?;
    if minting == Minting::Open && !loopback && !allowed {
        let (value, source) = raw.get("minting").unwrap_or(("", &Source::Default));
        let fix = format!(
            "anyone who can reach {listen} could sign in as anyone who has no account; listen on a loopback address, \
             use --minting accounts, or, where everyone is trusted, add --allow-open-minting"
        );
        return Err(bad("minting", value, source, fix));
    }
    Ok(minting)
}

fn public_url(value: &str) -> Result<String, String> {
    let fix =
        || "must be an http or https URL without query, such as https://easel.example".to_owned();
    let url = Url::parse(value).map_err(|_| fix())?;
    let plain = matches!(url.scheme(), "http" | "https")
        && url.has_host()
        && url.query().is_none()
        && url.fragment().is_none()
        && url.username().is_empty()
        && url.password().is_none();
    match plain {
        true => Ok(url.as_str().trim_end_matches('/').to_owned()),
        false => Err(fix()),
    }
}

/// Reads origins, exactly as browsers will send them.
fn origins(value: &str) -> Result<Vec<String>, String> {
    value.split(',').map(str::trim).map(origin).collect()
}

fn origin(value: &str) -> Result<String, String> {
    let fix = "must be origins such as https://app.example or http://localhost:8080, separated by \
               commas, without a path and without *";
    let url = Url::parse(value).map_err(|_| fix.to_owned())?;
    let origin = url.origin().ascii_serialization();
    // A browser's origin has no star, so none would ever be equal to it.
    if value.contains('*') {
        return Err(fix.to_owned());
    }
    match (url.scheme(), origin == value) {
        ("http" | "https", true) => Ok(origin),
        // Only the spelling is wrong: say which one is right.
        ("http" | "https", false) if !value.contains('@') => {
            Err(format!("{fix}: {value} is written {origin}"))
        }
        _ => Err(fix.to_owned()),
    }
}

/// Reads `90s`, `1h 30m`, `7d`, or a bare number of seconds.
///
/// # Errors
/// What would be right, in words.
pub fn duration(value: &str) -> Result<Duration, String> {
    let duration = match value.parse::<u64>() {
        Ok(seconds) => Duration::from_secs(seconds),
        Err(_) => humantime::parse_duration(value)
            .map_err(|_| "must be a duration such as 90s, 1h 30m or 7d".to_owned())?,
    };
    match duration {
        Duration::ZERO => Err("must be longer than nothing".to_owned()),
        long if long > LONGEST => Err("must not be longer than a century".to_owned()),
        fine => Ok(fine),
    }
}

fn pause(value: &str) -> Result<Duration, String> {
    match value {
        "0" | "0s" => Ok(Duration::ZERO),
        _ => duration(value),
    }
}

fn heartbeat(value: &str) -> Result<Duration, String> {
    match duration(value)? {
        short if short < Duration::from_secs(1) => Err("must be a second or longer".to_owned()),
        fine => Ok(fine),
    }
}

fn lifetime(value: &str) -> Result<Duration, String> {
    let duration = duration(value)?;
    match duration.subsec_nanos() {
        0 => Ok(duration),
        _ => Err("must be whole seconds".to_owned()),
    }
}

fn truth(value: &str) -> Result<bool, String> {
    value.parse().map_err(|_| "must be `true` or `false`".to_owned())
}

fn switch(value: &str) -> Result<bool, String> {
    match value {
        "on" => Ok(true),
        "off" => Ok(false),
        _ => Err("must be `on` or `off`".to_owned()),
    }
}

fn not_empty(value: &str) -> Result<String, String> {
    match value {
        "" => Err("must not be empty".to_owned()),
        text => Ok(text.to_owned()),
    }
}

fn count(value: &str) -> Result<usize, String> {
    match value.parse() {
        Ok(0) | Err(_) => Err("must be a whole number above 0".to_owned()),
        Ok(count) => Ok(count),
    }
}

fn number(value: &str) -> Result<u32, String> {
    count(value)?.try_into().map_err(|_| "must be below 4294967296".to_owned())
}

fn parallel(value: &str) -> Result<usize, String> {
    match count(value)? {
        many if many > 1024 => Err("must not be above 1024".to_owned()),
        fine => Ok(fine),
    }
}

/// What draws a picture does so by recursion, on a stack of a fixed size.
fn depth(value: &str) -> Result<usize, String> {
    match count(value)? {
        deep if deep > 256 => Err("must not be above 256".to_owned()),
        fine => Ok(fine),
    }
}

fn side(value: &str) -> Result<u32, String> {
    match u32::try_from(count(value)?) {
        Ok(side) if side <= 16_384 => Ok(side),
        _ => Err("must not be above 16384".to_owned()),
    }
}

fn log_filter(value: &str) -> Result<String, String> {
    match tracing_subscriber::EnvFilter::try_new(value) {
        Ok(_) => Ok(value.to_owned()),
        Err(_) => Err("must be a log level, or a filter such as info,backend=debug".to_owned()),
    }
}

fn log_format(value: &str) -> Result<LogFormat, String> {
    match value {
        "text" => Ok(LogFormat::Text),
        "json" => Ok(LogFormat::Json),
        _ => Err("must be `text` or `json`".to_owned()),
    }
}

/// The effective configuration as a file that would say the same.
pub struct Effective<'a> {
    /// What was said.
    pub raw: &'a Raw,
    /// What it means.
    pub config: &'a Config,
}

impl fmt::Display for Effective<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for setting in settings() {
            let (value, source) = match (setting.key, self.raw.get(setting.key)) {
                ("minting", None) => {
                    let minting = match self.config.minting {
                        Minting::Open => "open",
                        Minting::Accounts => "accounts",
                    };
                    (minting, "default on this address".to_owned())
                }
                (key, Some((_, source))) if setting.secret => {
                    writeln!(f, "# {key} is set ({source}) and not shown")?;
                    continue;
                }
                // With a password in it, a URL is a secret.
                (key, Some((value, source)))
                    if key.ends_with("url") && may_have_a_password(value) =>
                {
                    writeln!(
                        f,
                        "# {key} is set ({source}) and has a password, so it is not shown"
                    )?;
                    continue;
                }
                (_, Some((value, source))) => (value, source.to_string()),
                (key, None) => {
                    writeln!(f, "# {key} is not set")?;
                    continue;
                }
            };
            let value = toml::Value::String(value.to_owned());
            writeln!(f, "{} = {value} # {source}", setting.key)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
