-- A file from its first byte on. The row is there before the object and goes after it, so that no
-- object is ever without a row. size_bytes and sha256 are as announced until ready_at is set, then
-- as they are. holder: what keeps it other than a message, as an avatar. doomed_at: to be removed.
CREATE TABLE attachments (
    id BIGSERIAL PRIMARY KEY,
    object_key TEXT NOT NULL,
    uploader_id BIGINT REFERENCES users (id) ON DELETE SET NULL,
    name TEXT NOT NULL,
    content_type TEXT NOT NULL DEFAULT '',
    size_bytes BIGINT NOT NULL,
    received_bytes BIGINT NOT NULL DEFAULT 0,
    sha256 TEXT,
    width INTEGER,
    height INTEGER,
    thumbnail_type TEXT,
    message_id BIGINT REFERENCES messages (id) ON DELETE SET NULL,
    place INTEGER NOT NULL DEFAULT 0,
    holder TEXT,
    created_at TIMESTAMP NOT NULL,
    touched_at TIMESTAMP NOT NULL,
    ready_at TIMESTAMP,
    doomed_at TIMESTAMP
);
CREATE INDEX attachments_object ON attachments (object_key);
CREATE INDEX attachments_uploader ON attachments (uploader_id);
CREATE INDEX attachments_message ON attachments (message_id) WHERE message_id IS NOT NULL;
CREATE INDEX attachments_unheld ON attachments (touched_at)
    WHERE message_id IS NULL AND holder IS NULL AND doomed_at IS NULL;
CREATE INDEX attachments_doomed ON attachments (doomed_at) WHERE doomed_at IS NOT NULL;

-- Pieces of an upload in several requests, until they are joined. size_bytes: none while it comes.
CREATE TABLE attachment_parts (
    id BIGSERIAL PRIMARY KEY,
    attachment_id BIGINT NOT NULL REFERENCES attachments (id) ON DELETE RESTRICT,
    first_byte BIGINT NOT NULL,
    size_bytes BIGINT,
    object_key TEXT NOT NULL UNIQUE,
    created_at TIMESTAMP NOT NULL
);
CREATE INDEX attachment_parts_attachment ON attachment_parts (attachment_id);
