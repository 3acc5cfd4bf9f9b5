-- Bytes of a session's template, args and picture.
ALTER TABLE sessions ADD COLUMN bytes INTEGER NOT NULL DEFAULT 0;

UPDATE sessions SET bytes = octet_length(template) + octet_length(args) + octet_length(svg);

-- What each owner has stored, expired sessions included until they are removed. Kept by
-- triggers, so that no statement can forget it.
CREATE TABLE usage (
    owner    TEXT    NOT NULL PRIMARY KEY,
    sessions INTEGER NOT NULL,
    bytes    INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

INSERT INTO usage (owner, sessions, bytes)
    SELECT owner, COUNT(*), SUM(bytes) FROM sessions GROUP BY owner;

CREATE TRIGGER usage_of_a_creation AFTER INSERT ON sessions BEGIN
    INSERT INTO usage (owner, sessions, bytes) VALUES (NEW.owner, 1, NEW.bytes)
        ON CONFLICT (owner) DO UPDATE SET sessions = sessions + 1, bytes = bytes + NEW.bytes;
END;

CREATE TRIGGER usage_of_a_change AFTER UPDATE OF bytes ON sessions
WHEN NEW.bytes <> OLD.bytes BEGIN
    UPDATE usage SET bytes = bytes + NEW.bytes - OLD.bytes WHERE owner = NEW.owner;
END;

CREATE TRIGGER usage_of_a_deletion AFTER DELETE ON sessions BEGIN
    UPDATE usage SET sessions = sessions - 1, bytes = bytes - OLD.bytes WHERE owner = OLD.owner;
    DELETE FROM usage WHERE owner = OLD.owner AND sessions = 0;
END;
