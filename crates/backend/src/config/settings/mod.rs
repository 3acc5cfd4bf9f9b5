//! Every setting there is: a row each, with its default and the reason for it.

mod accounts;
mod limits;

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
        settings().find(|setting| setting.key == key)
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
pub fn settings() -> impl Iterator<Item = &'static Setting> + Clone {
    SERVER.iter().chain(accounts::ACCOUNTS).chain(limits::LIMITS)
}

/// What a server is, and what it draws.
const SERVER: &[Setting] = &[
    setting("listen", "ADDRESS", "127.0.0.1:3000", "Where to serve; port 0 takes any free one"),
    setting("ops-listen", "ADDRESS", "127.0.0.1:3001", "Where to serve health and metrics"),
    setting(
        "public-url",
        "URL",
        "",
        "How the outside reaches this server: the start of every link",
    ),
    setting(
        "cors-origins",
        "ORIGINS",
        "",
        "Other sites whose pages may use the API, such as https://app.example, with commas",
    ),
    setting("data-dir", "PATH", "./data", "Where the embedded store lives"),
    setting(
        "redis-url",
        "URL",
        "",
        "Where nodes share sessions, keys and news: redis://, redis-sentinel:// or redis-cluster://; \
         without it, all is in the data directory of one node",
    ),
    setting(
        "redis-prefix",
        "TEXT",
        "",
        "What stands before every key, for installations that share a Redis",
    ),
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
        "tickets-per-user",
        "COUNT",
        "1000",
        "Unused tickets of one user; a busy page needs one for each of its visitors in 30 seconds",
    ),
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
        "stream-compression",
        "on|off",
        "on",
        "Compress streams with gzip, once for all viewers, for those who take that",
    ),
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
