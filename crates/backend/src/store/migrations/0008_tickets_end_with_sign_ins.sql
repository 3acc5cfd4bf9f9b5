-- What decides whether the token behind a ticket was revoked: the sign-in that it belongs to, if
-- any, and when it was issued. Tickets from before live for half a minute, and count as old.
ALTER TABLE tickets ADD COLUMN sid TEXT;
ALTER TABLE tickets ADD COLUMN issued_at INTEGER NOT NULL DEFAULT 0;
