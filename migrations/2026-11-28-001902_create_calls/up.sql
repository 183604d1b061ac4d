-- ring_until: when nobody has answered by then, the call is missed; kept, so that a restart
-- forgets no call.
CREATE TABLE calls (
    id BIGSERIAL PRIMARY KEY,
    conversation_id BIGINT NOT NULL REFERENCES conversations (id) ON DELETE CASCADE,
    kind TEXT NOT NULL,
    state TEXT NOT NULL,
    caller_id BIGINT REFERENCES users (id) ON DELETE SET NULL,
    created_at TIMESTAMP NOT NULL,
    ring_until TIMESTAMP NOT NULL,
    answered_at TIMESTAMP,
    ended_at TIMESTAMP,
    ended_by BIGINT REFERENCES users (id) ON DELETE SET NULL
);
-- One call at a time in a conversation.
CREATE UNIQUE INDEX calls_live ON calls (conversation_id) WHERE ended_at IS NULL;
CREATE INDEX calls_due ON calls (ring_until) WHERE ended_at IS NULL;
CREATE INDEX calls_conversation ON calls (conversation_id, id);
CREATE INDEX calls_caller ON calls (caller_id);
CREATE INDEX calls_ended_by ON calls (ended_by) WHERE ended_by IS NOT NULL;

CREATE TABLE call_participants (
    call_id BIGINT NOT NULL REFERENCES calls (id) ON DELETE CASCADE,
    user_id BIGINT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    state TEXT NOT NULL,
    joined_at TIMESTAMP,
    left_at TIMESTAMP,
    PRIMARY KEY (call_id, user_id)
);
CREATE INDEX call_participants_user ON call_participants (user_id, call_id);
