-- Requests that may be sent again. Each is known by the SHA-256 of who sent it, where to, and its
-- key. As long as it has no status, the run with this token works on it, or did until its lease
-- ended; the first run's token stays.
CREATE TABLE idempotent_requests (
    scope        BLOB    NOT NULL PRIMARY KEY,
    fingerprint  BLOB    NOT NULL,
    first_token  BLOB    NOT NULL,
    token        BLOB    NOT NULL,
    leased_until INTEGER NOT NULL,
    expires_at   INTEGER NOT NULL,
    status       INTEGER,
    content_type TEXT,
    location     TEXT,
    etag         TEXT,
    body         BLOB
) STRICT;

CREATE INDEX idempotent_requests_by_end ON idempotent_requests (expires_at);
