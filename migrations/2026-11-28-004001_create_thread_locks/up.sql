-- Messages that take no more answers, but from those who keep the conversation.
CREATE TABLE thread_locks (
    message_id BIGINT NOT NULL PRIMARY KEY REFERENCES messages (id) ON DELETE CASCADE,
    locked_by BIGINT REFERENCES users (id) ON DELETE SET NULL,
    locked_at TIMESTAMP NOT NULL
);
CREATE INDEX thread_locks_locked_by ON thread_locks (locked_by);
