-- One text for SQLite and PostgreSQL: TEXT and BIGINT alone. Times are microseconds since 1970,
-- hashes and chains base64url; 0 stands for "not yet" where a time may be missing. Names are
-- compared byte by byte: SQLite has this collation, and PostgreSQL is given it.

CREATE TABLE accounts (
    user_id TEXT COLLATE "BINARY" PRIMARY KEY,
    -- Lower case; NULL for accounts that were made without one.
    email TEXT UNIQUE,
    -- A PHC string; NULL for accounts that nobody can sign in to yet.
    password TEXT,
    -- Of USER, OPERATOR, AUDITOR, ADMIN, separated by commas.
    roles TEXT NOT NULL,
    language TEXT NOT NULL,
    disabled_at BIGINT NOT NULL DEFAULT 0,
    -- Grows with everything that is seen of it or that sign-ins depend on: language, password,
    -- roles, disabling.
    version BIGINT NOT NULL,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL
);

-- User ids that had an account, and are not handed out again before a time.
CREATE TABLE former_accounts (
    user_id TEXT COLLATE "BINARY" PRIMARY KEY,
    free_at BIGINT NOT NULL
);
CREATE INDEX former_accounts_by_end ON former_accounts (free_at);

-- Wishes for accounts whose addresses nobody has proved yet. They hold their names.
CREATE TABLE registrations (
    user_id TEXT COLLATE "BINARY" PRIMARY KEY,
    email TEXT NOT NULL,
    password TEXT NOT NULL,
    language TEXT NOT NULL,
    -- 1 if the address had an account: then it can never be proved.
    is_known BIGINT NOT NULL,
    created_at BIGINT NOT NULL,
    ends_at BIGINT NOT NULL
);
CREATE INDEX registrations_by_email ON registrations (email);
CREATE INDEX registrations_by_end ON registrations (ends_at);

-- What the tokens of mails stand for: the newest of each purpose and user.
CREATE TABLE proofs (
    purpose TEXT NOT NULL,
    user_id TEXT COLLATE "BINARY" NOT NULL,
    hash TEXT NOT NULL UNIQUE,
    ends_at BIGINT NOT NULL,
    PRIMARY KEY (purpose, user_id)
);
CREATE INDEX proofs_by_end ON proofs (ends_at);

CREATE TABLE sign_ins (
    -- What refresh tokens name; not shown to anyone.
    chain TEXT PRIMARY KEY,
    -- What people see, and the `sid` of tokens.
    id TEXT NOT NULL UNIQUE,
    kind TEXT NOT NULL,
    user_id TEXT COLLATE "BINARY" NOT NULL,
    -- The account's, when it began.
    version BIGINT NOT NULL,
    label TEXT NOT NULL,
    user_agent TEXT NOT NULL,
    address TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    last_used_at BIGINT NOT NULL,
    -- When it ends by itself: by the use that it had, and at the latest.
    ends_at BIGINT NOT NULL,
    absolute_end BIGINT NOT NULL,
    -- When the last of its tokens ends.
    token_end BIGINT NOT NULL,
    seq BIGINT NOT NULL,
    current_hash TEXT NOT NULL,
    -- The token before the current one, when it was replaced, and by what: sealed for who has it.
    previous_hash TEXT,
    rotated_at BIGINT NOT NULL DEFAULT 0,
    successor TEXT,
    -- When it was ended, and why.
    ended_at BIGINT NOT NULL DEFAULT 0,
    reason TEXT
);
CREATE INDEX sign_ins_of_user ON sign_ins (user_id, created_at);
CREATE INDEX sign_ins_by_end ON sign_ins (ends_at);
CREATE INDEX sign_ins_succeeded ON sign_ins (rotated_at) WHERE successor IS NOT NULL;
CREATE INDEX sign_ins_ended ON sign_ins (ended_at) WHERE ended_at <> 0;

CREATE TABLE api_keys (
    -- Also the `sid` of tokens that it mints.
    id TEXT PRIMARY KEY,
    user_id TEXT COLLATE "BINARY" NOT NULL,
    name TEXT NOT NULL,
    hash TEXT NOT NULL UNIQUE,
    -- Separated by spaces.
    scopes TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    last_used_at BIGINT NOT NULL DEFAULT 0,
    expires_at BIGINT NOT NULL DEFAULT 0
);
CREATE INDEX api_keys_of_user ON api_keys (user_id, created_at);
CREATE INDEX api_keys_by_end ON api_keys (expires_at) WHERE expires_at <> 0;

-- The beginnings of names that API keys mint for: nobody else gets such a name while one lives, and
-- for some time afterwards.
CREATE TABLE namespaces (
    key_id TEXT NOT NULL,
    prefix TEXT COLLATE "BINARY" NOT NULL,
    user_id TEXT COLLATE "BINARY" NOT NULL,
    -- When they are free again, if the key ends.
    expires_at BIGINT NOT NULL,
    PRIMARY KEY (key_id, prefix)
);

-- Tokens that have ended before their time: by their `sid`, of a key that may go on only those
-- that were issued until a moment; or without one, of a user and until a moment.
CREATE TABLE revocations (
    position BIGINT PRIMARY KEY,
    sid TEXT,
    user_id TEXT,
    until BIGINT NOT NULL,
    ends_at BIGINT NOT NULL
);
CREATE INDEX revocations_by_end ON revocations (ends_at);

CREATE TABLE audit (
    position BIGINT PRIMARY KEY,
    at BIGINT NOT NULL,
    actor TEXT,
    action TEXT NOT NULL,
    target TEXT,
    address TEXT,
    result TEXT NOT NULL,
    trace_id TEXT,
    detail TEXT NOT NULL
);
CREATE INDEX audit_of_actor ON audit (actor, position);
CREATE INDEX audit_of_action ON audit (action, position);
CREATE INDEX audit_of_target ON audit (target, position);
CREATE INDEX audit_by_time ON audit (at);

CREATE TABLE outbox (
    id TEXT PRIMARY KEY,
    kind TEXT NOT NULL,
    payload TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    due_at BIGINT NOT NULL,
    attempts BIGINT NOT NULL DEFAULT 0,
    last_error TEXT,
    -- 1 if it is not tried again.
    is_dead BIGINT NOT NULL DEFAULT 0
);
CREATE INDEX outbox_by_time ON outbox (kind, is_dead, due_at);
CREATE INDEX outbox_dead ON outbox (created_at) WHERE is_dead = 1;

-- Held until the end of a transaction by whoever does what only one may do at a time. Where places
-- are handed out, it counts them: so they become visible in their order.
CREATE TABLE turns (
    name TEXT PRIMARY KEY,
    taken BIGINT NOT NULL
);
INSERT INTO turns (name, taken) VALUES
    ('names', 0), ('administrators', 0), ('outbox', 0), ('revocations', 0), ('audit', 0);

-- How long any token lives that was ever minted over this database, in microseconds.
CREATE TABLE longest_token (
    lifetime BIGINT NOT NULL
);
INSERT INTO longest_token (lifetime) VALUES (0);
