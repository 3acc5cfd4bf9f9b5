-- A ticket is known by the SHA-256 of what its holder presents: the store never has a usable one.
CREATE TABLE tickets (
    hash       BLOB    NOT NULL PRIMARY KEY,
    owner      TEXT    NOT NULL,
    id         TEXT    NOT NULL,
    expires_at INTEGER NOT NULL,
    kid        TEXT    NOT NULL,
    token_ends INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE INDEX tickets_by_owner ON tickets (owner, expires_at);
CREATE INDEX tickets_by_end ON tickets (expires_at);
