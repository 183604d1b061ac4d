-- Whether a person sends read receipts, and so sees those of others.
ALTER TABLE users ADD COLUMN read_receipts BOOLEAN NOT NULL DEFAULT TRUE;

-- posted: messages ever sent here; deleted: how many of them were taken back. slow_mode_s: seconds
-- between two messages of one member. search_key: name, title and description, folded.
ALTER TABLE conversations ADD COLUMN posted BIGINT NOT NULL DEFAULT 0;
ALTER TABLE conversations ADD COLUMN deleted BIGINT NOT NULL DEFAULT 0;
ALTER TABLE conversations ADD COLUMN slow_mode_s BIGINT NOT NULL DEFAULT 0;
ALTER TABLE conversations ADD COLUMN search_key TEXT NOT NULL DEFAULT '';
CREATE INDEX conversations_public ON conversations (id) WHERE is_public;

-- number: the how manyth message of its conversation. forward_of and forward_sender name where a
-- forwarded one comes from, and may outlive both.
ALTER TABLE messages ADD COLUMN number BIGINT NOT NULL DEFAULT 0;
ALTER TABLE messages ADD COLUMN forward_of BIGINT;
ALTER TABLE messages ADD COLUMN forward_sender BIGINT;
CREATE INDEX messages_by ON messages (sender_id, conversation_id, seq);
DROP INDEX messages_sender;
CREATE INDEX messages_deleted ON messages (conversation_id, seq) WHERE deleted_at IS NOT NULL;

-- read_number: the number of the newest message at or before read_seq. mentioned_seq: the newest
-- message that mentions this member.
ALTER TABLE memberships ADD COLUMN read_at TIMESTAMP;
ALTER TABLE memberships ADD COLUMN read_number BIGINT NOT NULL DEFAULT 0;
ALTER TABLE memberships ADD COLUMN delivered_seq BIGINT NOT NULL DEFAULT 0;
ALTER TABLE memberships ADD COLUMN delivered_at TIMESTAMP;
ALTER TABLE memberships ADD COLUMN mentioned_seq BIGINT NOT NULL DEFAULT 0;

UPDATE messages SET number = ranked.place
    FROM (SELECT id AS message_id,
            row_number() OVER (PARTITION BY conversation_id ORDER BY seq) AS place
          FROM messages) AS ranked
    WHERE ranked.message_id = messages.id;
UPDATE conversations SET
    posted = (SELECT count(*) FROM messages WHERE conversation_id = conversations.id),
    deleted = (SELECT count(*) FROM messages
        WHERE conversation_id = conversations.id AND deleted_at IS NOT NULL),
    search_key = lower(coalesce(name, '') || ' ' || title || ' ' || description);
UPDATE memberships SET delivered_seq = read_seq, read_number = coalesce(
    (SELECT max(number) FROM messages
        WHERE conversation_id = memberships.conversation_id AND seq <= read_seq), 0);

CREATE TABLE reactions (
    message_id BIGINT NOT NULL REFERENCES messages (id) ON DELETE CASCADE,
    emoji TEXT NOT NULL,
    user_id BIGINT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    created_at TIMESTAMP NOT NULL,
    PRIMARY KEY (message_id, emoji, user_id)
);
CREATE INDEX reactions_user ON reactions (user_id);

CREATE TABLE pins (
    message_id BIGINT NOT NULL PRIMARY KEY REFERENCES messages (id) ON DELETE CASCADE,
    conversation_id BIGINT NOT NULL REFERENCES conversations (id) ON DELETE CASCADE,
    pinned_by BIGINT REFERENCES users (id) ON DELETE SET NULL,
    pinned_at TIMESTAMP NOT NULL
);
CREATE INDEX pins_conversation ON pins (conversation_id, pinned_at);
CREATE INDEX pins_by ON pins (pinned_by) WHERE pinned_by IS NOT NULL;

-- conversation_id and seq are the message's own, so that what is unread is counted in the index.
CREATE TABLE mentions (
    message_id BIGINT NOT NULL REFERENCES messages (id) ON DELETE CASCADE,
    user_id BIGINT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    conversation_id BIGINT NOT NULL,
    seq BIGINT NOT NULL,
    PRIMARY KEY (message_id, user_id)
);
CREATE INDEX mentions_unread ON mentions (user_id, conversation_id, seq);

-- What a message said before an edit, and since when it had said so.
CREATE TABLE message_versions (
    message_id BIGINT NOT NULL REFERENCES messages (id) ON DELETE CASCADE,
    version BIGINT NOT NULL,
    content TEXT NOT NULL,
    written_at TIMESTAMP NOT NULL,
    PRIMARY KEY (message_id, version)
);
