//! Every setting there is: a row each, with its default and the reason for it.

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
    secret(
        "smtp-url",
        "URL",
        "The mail server: smtps://user:password@host, or smtp:// with STARTTLS; without one, mail \
         is put into files of the data directory",
    ),
    setting(
        "mail-from",
        "ADDRESS",
        "",
        "Whom mail is from, such as Easel <easel@example.com>; needed with smtp-url",
    ),
    setting(
        "verify-ttl",
        "DURATION",
        "1d",
        "How long the link of a mail works that proves an address: people look the next morning",
    ),
    setting(
        "reset-ttl",
        "DURATION",
        "30m",
        "How long the link of a mail works that leads to a new password: whoever asked is waiting",
    ),
    setting(
        "webhook-urls",
        "URLS",
        "",
        "Who is told of accounts' events, such as https://hooks.example/easel, with commas",
    ),
    secret(
        "webhook-secret",
        "SECRET",
        "Signs what they are told, as Standard Webhooks has it: `echo whsec_$(openssl rand -base64 \
         32)` prints one",
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
        "trusted-proxy",
        "NETWORKS",
        "",
        "Our own proxies, such as 10.0.0.0/8: their X-Forwarded-For names the client",
    ),
    setting(
        "requests-per-address",
        "RATE",
        "60000/1m",
        "Requests from an address; an office behind one address stays far below, a flood does not",
    ),
    setting(
        "requests-per-user",
        "RATE",
        "60000/1m",
        "Requests with a user's token, from wherever they come",
    ),
    setting(
        "tokens-per-address",
        "RATE",
        "1200/1m",
        "Attempts to get a token: 20 sign-ins a second are a large site, and cost half a percent of a core",
    ),
    setting(
        "creations-per-address",
        "RATE",
        "1200/1m",
        "Attempts to create a session, from an address; a wall of dashboards has a few hundred",
    ),
    setting("creations-per-user", "RATE", "1200/1m", "Attempts to create a session, by a user"),
    setting(
        "updates-per-session",
        "RATE",
        "6000/1m",
        "Changes of a session: 100 a second are more than any screen shows",
    ),
    setting(
        "updates-per-user",
        "RATE",
        "30000/1m",
        "Changes of a user's sessions: 500 a second keep a hundred pictures moving",
    ),
    setting(
        "updates-per-address",
        "RATE",
        "30000/1m",
        "Changes of public sessions, from an address",
    ),
    setting(
        "renders-per-address",
        "RATE",
        "600/1m",
        "Pictures made for one request alone, PNG among them: what they cost nobody shares",
    ),
    setting(
        "viewers-per-session",
        "COUNT",
        "25000",
        "Viewers of a session on a node: a popular one leaves half of the node to the others",
    ),
    setting(
        "viewers-per-address",
        "COUNT",
        "10000",
        "Viewers from an address on a node: a conference behind one address fits in",
    ),
    setting(
        "viewers-per-node",
        "COUNT",
        "50000",
        "Viewers in all on a node: two hundred megabytes of memory, and as many open files",
    ),
    setting(
        "connections-per-address",
        "COUNT",
        "12000",
        "Connections from an address: its viewers and some more; never more than half of all",
    ),
    setting(
        "connections-per-node",
        "COUNT",
        "65536",
        "Connections in all: viewers and some more, within the open files that the system allows",
    ),
    setting(
        "request-head-timeout",
        "DURATION",
        "30s",
        "How long a connection may take to ask for something, the first time or again",
    ),
    setting(
        "request-body-timeout",
        "DURATION",
        "30s",
        "How long a body may take to come in: a megabyte by a telephone line of 300 kbit/s",
    ),
    setting("sessions-per-user", "COUNT", "10000", "Living sessions of a user"),
    setting(
        "bytes-per-user",
        "BYTES",
        "268435456",
        "Stored by a user: templates, args and pictures of living sessions",
    ),
    setting(
        "public-sessions-per-address",
        "COUNT",
        "10000",
        "Living public sessions that an address has created: a tenth of all, for nobody to take all",
    ),
    setting(
        "public-bytes-per-address",
        "BYTES",
        "134217728",
        "Stored in the public sessions that an address has created: an eighth of all",
    ),
    setting("public-sessions-in-all", "COUNT", "100000", "Living public sessions of all together"),
    setting(
        "public-bytes-in-all",
        "BYTES",
        "1073741824",
        "Stored in public sessions by all together",
    ),
    setting(
        "sessions-in-all",
        "COUNT",
        "1000000",
        "Living sessions of all users, and the public ones: with rows and indexes, a gigabyte",
    ),
    setting(
        "bytes-in-all",
        "BYTES",
        "10737418240",
        "Stored by all together: where minting is open, anyone can be as many users as they like; \
         less than the disk has",
    ),
    setting(
        "log",
        "FILTER",
        "info",
        "What to log: error, warn, info, debug, trace, or a filter by module",
    ),
    setting("log-format", "text|json", "text", "How to log"),
];
