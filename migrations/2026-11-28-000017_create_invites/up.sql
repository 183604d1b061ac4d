-- Links by which people join. max_uses and expires_at are absent for a link without that end.
CREATE TABLE invites (
    id BIGSERIAL PRIMARY KEY,
    conversation_id BIGINT NOT NULL REFERENCES conversations (id) ON DELETE CASCADE,
    token_hash TEXT NOT NULL UNIQUE,
    created_by BIGINT REFERENCES users (id) ON DELETE SET NULL,
    created_at TIMESTAMP NOT NULL,
    expires_at TIMESTAMP,
    max_uses BIGINT,
    uses BIGINT NOT NULL DEFAULT 0,
    revoked_at TIMESTAMP
);
CREATE INDEX invites_conversation ON invites (conversation_id, id);
CREATE INDEX invites_by ON invites (created_by) WHERE created_by IS NOT NULL;
