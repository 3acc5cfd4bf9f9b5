-- A ticket opens the session that it was issued for, and no later one of the same name. Those
-- that were issued before live for half a minute, and open nothing.
ALTER TABLE tickets ADD COLUMN epoch INTEGER NOT NULL DEFAULT 0;
