-- What people say of themselves and whom they show it; no row stands for one of defaults.
CREATE TABLE profiles (
    user_id BIGINT PRIMARY KEY REFERENCES users (id) ON DELETE CASCADE,
    avatar TEXT,
    status_message TEXT NOT NULL DEFAULT '',
    bio TEXT NOT NULL DEFAULT '',
    date_of_birth TEXT,
    country TEXT NOT NULL DEFAULT '',
    city TEXT NOT NULL DEFAULT '',
    website TEXT NOT NULL DEFAULT '',
    show_phone_number BOOLEAN NOT NULL DEFAULT TRUE,
    show_last_seen BOOLEAN NOT NULL DEFAULT TRUE,
    show_profile_photo BOOLEAN NOT NULL DEFAULT TRUE,
    show_read_receipts BOOLEAN NOT NULL DEFAULT TRUE,
    allow_calls BOOLEAN NOT NULL DEFAULT TRUE,
    allow_group_invite BOOLEAN NOT NULL DEFAULT TRUE,
    last_seen_at TIMESTAMP,
    updated_at TIMESTAMP NOT NULL
);

-- How a person's own clients behave; the server only keeps them.
CREATE TABLE client_settings (
    user_id BIGINT PRIMARY KEY REFERENCES users (id) ON DELETE CASCADE,
    enable_notifications BOOLEAN NOT NULL DEFAULT TRUE,
    notification_sound BOOLEAN NOT NULL DEFAULT TRUE,
    message_preview BOOLEAN NOT NULL DEFAULT TRUE,
    enter_to_send BOOLEAN NOT NULL DEFAULT TRUE,
    auto_download_photos BOOLEAN NOT NULL DEFAULT TRUE,
    auto_download_videos BOOLEAN NOT NULL DEFAULT FALSE,
    auto_download_files BOOLEAN NOT NULL DEFAULT FALSE,
    two_factor_enabled BOOLEAN NOT NULL DEFAULT FALSE,
    show_typing_indicator BOOLEAN NOT NULL DEFAULT TRUE,
    theme TEXT NOT NULL DEFAULT 'auto',
    font_size TEXT NOT NULL DEFAULT 'medium',
    language TEXT NOT NULL DEFAULT 'en',
    created_at TIMESTAMP NOT NULL,
    updated_at TIMESTAMP NOT NULL
);

-- Whom a person knows (is_listed), likes best and shuts out; a block needs no contact.
CREATE TABLE contacts (
    id BIGSERIAL PRIMARY KEY,
    owner_id BIGINT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    person_id BIGINT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    nickname TEXT NOT NULL DEFAULT '',
    is_listed BOOLEAN NOT NULL,
    is_favorite BOOLEAN NOT NULL DEFAULT FALSE,
    is_blocked BOOLEAN NOT NULL DEFAULT FALSE,
    created_at TIMESTAMP NOT NULL,
    UNIQUE (owner_id, person_id)
);
CREATE INDEX contacts_person ON contacts (person_id);

-- Who has a socket on which live process; read by the others.
CREATE TABLE people_online (
    node_id TEXT NOT NULL REFERENCES nodes (id) ON DELETE CASCADE,
    user_id BIGINT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    PRIMARY KEY (node_id, user_id)
);
CREATE INDEX people_online_user ON people_online (user_id);
