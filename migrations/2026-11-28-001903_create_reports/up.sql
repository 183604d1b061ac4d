-- What people report to the admins: a person, or a message and who wrote it.
CREATE TABLE reports (
    id BIGSERIAL PRIMARY KEY,
    reporter_id BIGINT REFERENCES users (id) ON DELETE SET NULL,
    person_id BIGINT REFERENCES users (id) ON DELETE SET NULL,
    message_id BIGINT REFERENCES messages (id) ON DELETE SET NULL,
    conversation_id BIGINT REFERENCES conversations (id) ON DELETE SET NULL,
    reason TEXT NOT NULL,
    note TEXT NOT NULL DEFAULT '',
    excerpt TEXT NOT NULL DEFAULT '',
    state TEXT NOT NULL DEFAULT 'open',
    created_at TIMESTAMP NOT NULL,
    resolved_at TIMESTAMP,
    resolved_by BIGINT REFERENCES users (id) ON DELETE SET NULL,
    resolution TEXT NOT NULL DEFAULT ''
);
CREATE INDEX reports_state ON reports (state, id);
CREATE INDEX reports_reporter ON reports (reporter_id);
CREATE INDEX reports_person ON reports (person_id);
CREATE INDEX reports_message ON reports (message_id) WHERE message_id IS NOT NULL;
CREATE INDEX reports_conversation ON reports (conversation_id) WHERE conversation_id IS NOT NULL;
CREATE INDEX reports_resolved_by ON reports (resolved_by) WHERE resolved_by IS NOT NULL;

-- Accounts that are being erased or have been: ids and counts alone, kept for the record.
CREATE TABLE erasures (
    id BIGSERIAL PRIMARY KEY,
    user_id BIGINT NOT NULL,
    asked_by BIGINT,
    removes_messages BOOLEAN NOT NULL,
    asked_at TIMESTAMP NOT NULL,
    messages BIGINT NOT NULL DEFAULT 0,
    conversations BIGINT NOT NULL DEFAULT 0,
    done_at TIMESTAMP
);
CREATE UNIQUE INDEX erasures_open ON erasures (user_id) WHERE done_at IS NULL;
