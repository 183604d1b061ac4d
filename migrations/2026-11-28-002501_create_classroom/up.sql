-- Messages that older clients send by two ways at once, until their other half has come.
CREATE TABLE twin_sends (
    message_id BIGINT NOT NULL PRIMARY KEY REFERENCES messages (id) ON DELETE CASCADE,
    conversation_id BIGINT NOT NULL REFERENCES conversations (id) ON DELETE CASCADE,
    sender_id BIGINT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    content_hash TEXT NOT NULL,
    side TEXT NOT NULL,
    created_at TIMESTAMP NOT NULL
);
CREATE INDEX twin_sends_sender ON twin_sends (sender_id, conversation_id);
CREATE INDEX twin_sends_conversation ON twin_sends (conversation_id);
