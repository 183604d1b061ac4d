-- place: the journal position, on its owner's inbox, of the event that last put it on top.
-- While it is unread there is one a group: what repeats makes it grow instead.
CREATE TABLE notifications (
    id BIGSERIAL PRIMARY KEY,
    user_id BIGINT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    place BIGINT NOT NULL,
    kind TEXT NOT NULL,
    priority TEXT NOT NULL,
    title TEXT NOT NULL,
    message TEXT NOT NULL,
    object_type TEXT,
    object_id TEXT,
    action_url TEXT,
    facts TEXT,
    actor_id BIGINT REFERENCES users (id) ON DELETE SET NULL,
    group_key TEXT,
    times BIGINT NOT NULL DEFAULT 1,
    is_quiet BOOLEAN NOT NULL DEFAULT FALSE,
    created_at TIMESTAMP NOT NULL,
    updated_at TIMESTAMP NOT NULL,
    seen_at TIMESTAMP,
    read_at TIMESTAMP
);
CREATE UNIQUE INDEX notifications_place ON notifications (user_id, place);
CREATE UNIQUE INDEX notifications_group ON notifications (user_id, group_key)
    WHERE read_at IS NULL AND group_key IS NOT NULL;
CREATE INDEX notifications_unread ON notifications (user_id) WHERE read_at IS NULL;
CREATE INDEX notifications_unseen ON notifications (user_id) WHERE seen_at IS NULL;
CREATE INDEX notifications_object ON notifications (object_type, object_id)
    WHERE object_id IS NOT NULL;
CREATE INDEX notifications_age ON notifications (updated_at);
CREATE INDEX notifications_actor ON notifications (actor_id) WHERE actor_id IS NOT NULL;

-- How loudly one type of notification may come: loud, quiet or off. No row: loud.
CREATE TABLE notification_preferences (
    user_id BIGINT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    kind TEXT NOT NULL,
    loudness TEXT NOT NULL,
    PRIMARY KEY (user_id, kind)
);

-- Minutes of the day in the person's own time zone; a span may pass midnight.
CREATE TABLE quiet_hours (
    user_id BIGINT PRIMARY KEY REFERENCES users (id) ON DELETE CASCADE,
    zone TEXT NOT NULL,
    begins INTEGER NOT NULL,
    ends INTEGER NOT NULL
);

-- A token with a purpose is a service's: it opens what its purpose names and nothing else.
ALTER TABLE api_tokens ADD COLUMN purpose TEXT;
