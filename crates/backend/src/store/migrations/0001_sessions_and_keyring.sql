-- Times are microseconds since the Unix epoch. A public session has the owner ''.
CREATE TABLE sessions (
    owner      TEXT    NOT NULL,
    id         TEXT    NOT NULL,
    epoch      INTEGER NOT NULL,
    seq        INTEGER NOT NULL,
    template   TEXT    NOT NULL,
    args       TEXT    NOT NULL,
    svg        TEXT    NOT NULL,
    visibility TEXT    NOT NULL CHECK (visibility IN ('public', 'private')),
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    expires_at INTEGER NOT NULL,
    PRIMARY KEY (owner, id)
) STRICT;

CREATE INDEX sessions_newest_first ON sessions (owner, created_at DESC, id);
CREATE INDEX sessions_by_end ON sessions (expires_at);

-- The highest epoch ever given out: epochs rise even when the clock goes backwards.
CREATE TABLE epochs (
    one  INTEGER PRIMARY KEY CHECK (one = 1),
    last INTEGER NOT NULL
) STRICT;

INSERT INTO epochs (one, last) VALUES (1, 0);

CREATE TABLE keyring (
    one        INTEGER PRIMARY KEY CHECK (one = 1),
    generation INTEGER NOT NULL,
    ring       TEXT    NOT NULL
) STRICT;
