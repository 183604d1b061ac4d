-- Words of messages, folded and parted by the server itself: the tokenizer only splits at spaces.
-- rowid is the message's id, so that the newest come first without sorting.
CREATE VIRTUAL TABLE message_search USING fts5(
    terms, content = '', contentless_delete = 1, tokenize = 'ascii'
);
CREATE TRIGGER message_search_gone AFTER DELETE ON messages BEGIN
    DELETE FROM message_search WHERE rowid = old.id;
END;
-- Messages up to this id are indexed.
INSERT INTO facts (name, value) VALUES ('search.indexed', '0');
