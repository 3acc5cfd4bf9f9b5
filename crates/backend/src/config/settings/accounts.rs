//! Accounts, sign-ins, and whom they cause mail and notices to.

use super::{Setting, secret, setting};

pub(super) const ACCOUNTS: &[Setting] = &[
    setting(
        "database-url",
        "URL",
        "",
        "Where accounts are kept: postgres://USER@HOST/NAME, which nodes can share, or \
         sqlite://FILE; without it, with the sessions in the data directory",
    ),
    setting(
        "registration",
        "on|off",
        "on",
        "Whether anyone may ask for an account; `easel account create` makes them either way",
    ),
    setting("access-ttl", "DURATION", "15m", "How long an access token of a sign-in is valid"),
    setting("refresh-idle", "DURATION", "7d", "How long a sign-in lasts without being used"),
    setting("refresh-absolute", "DURATION", "30d", "How long a sign-in lasts in all"),
    setting(
        "refresh-grace",
        "DURATION",
        "10s",
        "How long a replaced refresh token leads to its successor, up to 60s: two tabs renew at \
         once, and answers get lost",
    ),
    setting(
        "sign-in-policy",
        "unlimited|max:N|single",
        "unlimited",
        "How many sign-ins an account may have at once; the oldest end for a newer one",
    ),
    setting(
        "user-id-rest",
        "DURATION",
        "90d",
        "How long nobody gets the user id of an account that was deleted: links to it are around",
    ),
    setting("audit-retention", "DURATION", "365d", "How long the audit log is kept"),
    setting("api-keys-per-user", "COUNT", "100", "Living API keys of an account"),
    setting(
        "password-memory-bytes",
        "BYTES",
        "19922944",
        "Memory that hashing a password takes (argon2id); 19 MiB is what OWASP asks for",
    ),
    setting("password-passes", "COUNT", "2", "How often that memory is written for a password"),
    setting(
        "password-parallel",
        "COUNT",
        "1",
        "Passwords that are hashed at a time: each takes a core for about 30 ms, which streams \
         would miss",
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
];
