-- head: the newest position given; pruned: events up to here are gone from the journal.
CREATE TABLE topics (
    id BIGSERIAL PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,
    head BIGINT NOT NULL DEFAULT 0,
    pruned BIGINT NOT NULL DEFAULT 0
);

-- What happened, in order. Holds ids and small deltas; text is read with its row.
CREATE TABLE journal (
    topic_id BIGINT NOT NULL REFERENCES topics (id) ON DELETE CASCADE,
    seq BIGINT NOT NULL,
    kind TEXT NOT NULL,
    actor_id BIGINT,
    entity_id BIGINT,
    delta TEXT,
    created_at TIMESTAMP NOT NULL,
    PRIMARY KEY (topic_id, seq)
);
CREATE INDEX journal_age ON journal (created_at);

CREATE TABLE conversations (
    id BIGSERIAL PRIMARY KEY,
    topic_id BIGINT NOT NULL UNIQUE REFERENCES topics (id) ON DELETE RESTRICT,
    kind TEXT NOT NULL,
    name TEXT UNIQUE,
    direct_key TEXT UNIQUE,
    title TEXT NOT NULL DEFAULT '',
    description TEXT NOT NULL DEFAULT '',
    owner_id BIGINT REFERENCES users (id) ON DELETE SET NULL,
    is_public BOOLEAN NOT NULL DEFAULT FALSE,
    invite_link TEXT UNIQUE,
    created_at TIMESTAMP NOT NULL,
    updated_at TIMESTAMP NOT NULL
);
CREATE INDEX conversations_owner ON conversations (owner_id);

CREATE TABLE memberships (
    conversation_id BIGINT NOT NULL REFERENCES conversations (id) ON DELETE CASCADE,
    user_id BIGINT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    role TEXT NOT NULL DEFAULT 'member',
    nickname TEXT NOT NULL DEFAULT '',
    muted_until TIMESTAMP,
    joined_at TIMESTAMP NOT NULL,
    read_seq BIGINT NOT NULL DEFAULT 0,
    PRIMARY KEY (conversation_id, user_id)
);
CREATE INDEX memberships_user ON memberships (user_id);

CREATE TABLE messages (
    id BIGSERIAL PRIMARY KEY,
    conversation_id BIGINT NOT NULL REFERENCES conversations (id) ON DELETE CASCADE,
    seq BIGINT NOT NULL,
    sender_id BIGINT REFERENCES users (id) ON DELETE SET NULL,
    client_id TEXT,
    message_type TEXT NOT NULL DEFAULT 'text',
    content TEXT NOT NULL,
    reply_to BIGINT REFERENCES messages (id) ON DELETE SET NULL,
    created_at TIMESTAMP NOT NULL,
    edited_at TIMESTAMP,
    deleted_at TIMESTAMP,
    deleted_by BIGINT REFERENCES users (id) ON DELETE SET NULL,
    UNIQUE (conversation_id, seq)
);
CREATE UNIQUE INDEX messages_once ON messages (sender_id, conversation_id, client_id)
    WHERE client_id IS NOT NULL;
CREATE INDEX messages_client_age ON messages (created_at) WHERE client_id IS NOT NULL;
CREATE INDEX messages_sender ON messages (sender_id);
CREATE INDEX messages_reply ON messages (reply_to) WHERE reply_to IS NOT NULL;
CREATE INDEX messages_deleted_by ON messages (deleted_by) WHERE deleted_by IS NOT NULL;

-- First answers of commands with a client_id, kept a day, so that a repeat gets the same.
CREATE TABLE answers (
    user_id BIGINT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    command TEXT NOT NULL,
    topic TEXT NOT NULL,
    client_id TEXT NOT NULL,
    answer TEXT NOT NULL,
    created_at TIMESTAMP NOT NULL,
    PRIMARY KEY (user_id, command, topic, client_id)
);
CREATE INDEX answers_age ON answers (created_at);
