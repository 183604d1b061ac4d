CREATE TABLE connection_attempts (
    id BIGSERIAL PRIMARY KEY,
    client_ip TEXT,
    user_agent TEXT NOT NULL DEFAULT '',
    path TEXT NOT NULL DEFAULT '',
    user_id BIGINT REFERENCES users (id) ON DELETE SET NULL,
    username TEXT NOT NULL DEFAULT '',
    role TEXT NOT NULL DEFAULT '',
    stage TEXT NOT NULL,
    outcome TEXT NOT NULL,
    successful BOOLEAN NOT NULL,
    close_code INTEGER,
    reason TEXT NOT NULL DEFAULT '',
    started_at TIMESTAMP NOT NULL,
    ended_at TIMESTAMP,
    duration_ms BIGINT
);
CREATE INDEX connection_attempts_started ON connection_attempts (started_at);
CREATE INDEX connection_attempts_user ON connection_attempts (user_id);

-- Facts about this database as a whole: its epoch, its creation stamp.
CREATE TABLE facts (
    name TEXT PRIMARY KEY,
    value TEXT NOT NULL
);

-- Live processes on this database, by heartbeat.
CREATE TABLE nodes (
    id TEXT PRIMARY KEY,
    started_at TIMESTAMP NOT NULL,
    seen_at TIMESTAMP NOT NULL,
    has_layer BOOLEAN NOT NULL
);
