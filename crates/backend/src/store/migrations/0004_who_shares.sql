-- The network of the client that created a public session, in text: public sessions have no
-- owner whose share they could take from.
ALTER TABLE sessions ADD COLUMN creator TEXT;

-- What has expired is summed up without a look at the rows, which are as large as their pictures.
DROP INDEX sessions_by_end;
CREATE INDEX sessions_by_end ON sessions (expires_at, owner, creator, bytes);

-- What is stored in each space, expired sessions included until they are removed: by a user
-- (their id), in public sessions (''), in those from one network ('@' and the network), and in
-- all ('*'). Kept by triggers, so that no statement can forget it.
DROP TRIGGER usage_of_a_creation;
DROP TRIGGER usage_of_a_change;
DROP TRIGGER usage_of_a_deletion;
ALTER TABLE usage RENAME COLUMN owner TO space;

INSERT INTO usage (space, sessions, bytes)
    SELECT '*', COUNT(*), SUM(bytes) FROM sessions HAVING COUNT(*) > 0;

CREATE TRIGGER usage_of_a_creation AFTER INSERT ON sessions BEGIN
    INSERT INTO usage (space, sessions, bytes)
        SELECT space, 1, NEW.bytes FROM (SELECT NEW.owner AS space
                                         UNION ALL SELECT '@' || NEW.creator
                                         UNION ALL SELECT '*') WHERE space IS NOT NULL
        ON CONFLICT (space) DO UPDATE SET sessions = sessions + 1, bytes = bytes + NEW.bytes;
END;

CREATE TRIGGER usage_of_a_change AFTER UPDATE OF bytes ON sessions
WHEN NEW.bytes <> OLD.bytes BEGIN
    UPDATE usage SET bytes = bytes + NEW.bytes - OLD.bytes
        WHERE space IN (NEW.owner, '@' || NEW.creator, '*');
END;

CREATE TRIGGER usage_of_a_deletion AFTER DELETE ON sessions BEGIN
    UPDATE usage SET sessions = sessions - 1, bytes = bytes - OLD.bytes
        WHERE space IN (OLD.owner, '@' || OLD.creator, '*');
    DELETE FROM usage
        WHERE space IN (OLD.owner, '@' || OLD.creator, '*') AND sessions = 0;
END;
