-- Words of messages, folded and parted by the server itself. No foreign key: its lock would write
-- to every message once more; the trigger does its work.
CREATE TABLE message_search (
    message_id BIGINT PRIMARY KEY,
    conversation_id BIGINT NOT NULL,
    terms TSVECTOR NOT NULL
);
-- A short list of what waits to be merged: each search reads through it.
CREATE INDEX message_search_terms ON message_search USING GIN (terms)
    WITH (gin_pending_list_limit = 256);
CREATE FUNCTION message_search_gone() RETURNS TRIGGER LANGUAGE plpgsql AS $$
BEGIN
    DELETE FROM message_search WHERE message_id = OLD.id;
    RETURN NULL;
END $$;
CREATE TRIGGER message_search_gone AFTER DELETE ON messages
    FOR EACH ROW EXECUTE FUNCTION message_search_gone();
-- Messages up to this id are indexed.
INSERT INTO facts (name, value) VALUES ('search.indexed', '0');
