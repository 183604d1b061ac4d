-- Latitudes and longitudes are whole millionths of a degree: exact to the sixth decimal, and the
-- same on both engines.
CREATE TABLE hospitals (
    id BIGSERIAL PRIMARY KEY,
    name TEXT NOT NULL,
    address TEXT NOT NULL DEFAULT '',
    latitude INTEGER,
    longitude INTEGER,
    phone TEXT NOT NULL DEFAULT '',
    total_beds INTEGER NOT NULL DEFAULT 0,
    available_beds INTEGER NOT NULL DEFAULT 0,
    emergency_load TEXT NOT NULL DEFAULT 'LOW',
    specialties TEXT NOT NULL DEFAULT '',
    diversion_reason TEXT,
    diversion_since TIMESTAMP,
    diversion_ends_at TIMESTAMP,
    diversion_by BIGINT REFERENCES users (id) ON DELETE SET NULL,
    version BIGINT NOT NULL DEFAULT 1,
    created_at TIMESTAMP NOT NULL,
    updated_at TIMESTAMP NOT NULL,
    retired_at TIMESTAMP
);
CREATE INDEX hospitals_diversion ON hospitals (diversion_ends_at)
    WHERE diversion_ends_at IS NOT NULL;

CREATE TABLE units (
    id BIGSERIAL PRIMARY KEY,
    unit_number TEXT NOT NULL UNIQUE,
    unit_type TEXT NOT NULL DEFAULT 'BASIC',
    capabilities TEXT NOT NULL DEFAULT '',
    equipment TEXT NOT NULL DEFAULT '',
    max_patients INTEGER NOT NULL DEFAULT 1,
    status TEXT NOT NULL DEFAULT 'AVAILABLE',
    status_since TIMESTAMP NOT NULL,
    paramedic_id BIGINT REFERENCES users (id) ON DELETE SET NULL,
    latitude INTEGER,
    longitude INTEGER,
    accuracy_m INTEGER,
    heading_deg INTEGER,
    speed_kmh INTEGER,
    fixed_at TIMESTAMP,
    position_at TIMESTAMP,
    home_name TEXT NOT NULL DEFAULT '',
    home_latitude INTEGER,
    home_longitude INTEGER,
    version BIGINT NOT NULL DEFAULT 1,
    created_at TIMESTAMP NOT NULL,
    updated_at TIMESTAMP NOT NULL,
    retired_at TIMESTAMP
);

-- Where units were: a sample now and then, not every fix.
CREATE TABLE unit_trail (
    id BIGSERIAL PRIMARY KEY,
    unit_id BIGINT NOT NULL REFERENCES units (id) ON DELETE CASCADE,
    latitude INTEGER NOT NULL,
    longitude INTEGER NOT NULL,
    accuracy_m INTEGER,
    heading_deg INTEGER,
    speed_kmh INTEGER,
    fixed_at TIMESTAMP NOT NULL,
    received_at TIMESTAMP NOT NULL
);
CREATE INDEX unit_trail_unit ON unit_trail (unit_id, fixed_at);
CREATE INDEX unit_trail_age ON unit_trail (received_at);

-- Who is on which unit. Nobody is on two at once.
CREATE TABLE shifts (
    id BIGSERIAL PRIMARY KEY,
    unit_id BIGINT NOT NULL REFERENCES units (id) ON DELETE CASCADE,
    user_id BIGINT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    duty TEXT NOT NULL DEFAULT '',
    since TIMESTAMP NOT NULL,
    until TIMESTAMP,
    rest_until TIMESTAMP,
    ended_at TIMESTAMP,
    ended_by BIGINT REFERENCES users (id) ON DELETE SET NULL
);
CREATE UNIQUE INDEX shifts_one ON shifts (user_id) WHERE ended_at IS NULL;
CREATE INDEX shifts_crew ON shifts (unit_id) WHERE ended_at IS NULL;
CREATE INDEX shifts_past ON shifts (user_id, ended_at);

CREATE TABLE incidents (
    id BIGSERIAL PRIMARY KEY,
    call_id TEXT NOT NULL UNIQUE,
    conversation_id BIGINT REFERENCES conversations (id) ON DELETE SET NULL,
    status TEXT NOT NULL DEFAULT 'RECEIVED',
    incident_type TEXT NOT NULL,
    determinant TEXT NOT NULL DEFAULT '',
    priority TEXT NOT NULL DEFAULT 'MEDIUM',
    caller_name TEXT NOT NULL DEFAULT '',
    caller_phone TEXT NOT NULL DEFAULT '',
    description TEXT NOT NULL DEFAULT '',
    address TEXT NOT NULL DEFAULT '',
    latitude INTEGER,
    longitude INTEGER,
    dispatcher_id BIGINT REFERENCES users (id) ON DELETE SET NULL,
    hospital_id BIGINT REFERENCES hospitals (id) ON DELETE SET NULL,
    hospital_destination TEXT NOT NULL DEFAULT '',
    duplicate_of BIGINT REFERENCES incidents (id) ON DELETE SET NULL,
    close_reason TEXT NOT NULL DEFAULT '',
    version BIGINT NOT NULL DEFAULT 1,
    received_at TIMESTAMP NOT NULL,
    dispatched_at TIMESTAMP,
    en_route_at TIMESTAMP,
    on_scene_at TIMESTAMP,
    transporting_at TIMESTAMP,
    at_hospital_at TIMESTAMP,
    closed_at TIMESTAMP,
    locks_at TIMESTAMP,
    created_at TIMESTAMP NOT NULL,
    updated_at TIMESTAMP NOT NULL
);
CREATE INDEX incidents_open ON incidents (received_at) WHERE closed_at IS NULL;
CREATE INDEX incidents_status ON incidents (status, id);
CREATE INDEX incidents_duplicate ON incidents (duplicate_of) WHERE duplicate_of IS NOT NULL;
CREATE UNIQUE INDEX incidents_conversation ON incidents (conversation_id)
    WHERE conversation_id IS NOT NULL;

CREATE TABLE incident_patients (
    incident_id BIGINT PRIMARY KEY REFERENCES incidents (id) ON DELETE CASCADE,
    name TEXT NOT NULL DEFAULT '',
    age INTEGER,
    condition TEXT NOT NULL DEFAULT '',
    updated_at TIMESTAMP NOT NULL
);

CREATE TABLE incident_images (
    id BIGSERIAL PRIMARY KEY,
    incident_id BIGINT NOT NULL REFERENCES incidents (id) ON DELETE CASCADE,
    file TEXT NOT NULL,
    content_type TEXT NOT NULL,
    bytes BIGINT NOT NULL,
    created_at TIMESTAMP NOT NULL
);
CREATE INDEX incident_images_incident ON incident_images (incident_id);

-- An order binds a unit to an incident from the moment it is given until the unit is free again.
-- A unit has one open order at most: the index is what makes one of two dispatchers win.
CREATE TABLE orders (
    id BIGSERIAL PRIMARY KEY,
    incident_id BIGINT NOT NULL REFERENCES incidents (id) ON DELETE CASCADE,
    unit_id BIGINT NOT NULL REFERENCES units (id) ON DELETE CASCADE,
    state TEXT NOT NULL,
    stage TEXT NOT NULL,
    priority TEXT NOT NULL,
    note TEXT NOT NULL DEFAULT '',
    ordered_by BIGINT REFERENCES users (id) ON DELETE SET NULL,
    paramedic_id BIGINT REFERENCES users (id) ON DELETE SET NULL,
    override_reason TEXT,
    sent_at TIMESTAMP NOT NULL,
    delivered_at TIMESTAMP,
    seen_at TIMESTAMP,
    answered_at TIMESTAMP,
    answered_by BIGINT REFERENCES users (id) ON DELETE SET NULL,
    decline_reason TEXT,
    en_route_at TIMESTAMP,
    on_scene_at TIMESTAMP,
    transporting_at TIMESTAMP,
    at_hospital_at TIMESTAMP,
    ended_at TIMESTAMP,
    ended_by BIGINT REFERENCES users (id) ON DELETE SET NULL,
    end_reason TEXT,
    repeats INTEGER NOT NULL DEFAULT 0,
    repeat_at TIMESTAMP,
    escalate_at TIMESTAMP,
    escalated_at TIMESTAMP,
    escalations INTEGER NOT NULL DEFAULT 0,
    nobody_heard BOOLEAN NOT NULL DEFAULT FALSE
);
CREATE UNIQUE INDEX orders_one ON orders (unit_id) WHERE ended_at IS NULL;
CREATE INDEX orders_incident ON orders (incident_id);
CREATE INDEX orders_repeat ON orders (repeat_at) WHERE repeat_at IS NOT NULL;
CREATE INDEX orders_escalate ON orders (escalate_at) WHERE escalate_at IS NOT NULL;

-- Whose devices confirmed an order, by crew member.
CREATE TABLE order_crew (
    order_id BIGINT NOT NULL REFERENCES orders (id) ON DELETE CASCADE,
    user_id BIGINT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    delivered_at TIMESTAMP,
    seen_at TIMESTAMP,
    PRIMARY KEY (order_id, user_id)
);
CREATE INDEX order_crew_user ON order_crew (user_id);

-- What happened on an incident, or to a unit or hospital beside one. Only ever added to.
CREATE TABLE timeline (
    id BIGSERIAL PRIMARY KEY,
    incident_id BIGINT REFERENCES incidents (id) ON DELETE CASCADE,
    unit_id BIGINT REFERENCES units (id) ON DELETE SET NULL,
    order_id BIGINT REFERENCES orders (id) ON DELETE SET NULL,
    kind TEXT NOT NULL,
    actor_id BIGINT REFERENCES users (id) ON DELETE SET NULL,
    actor_name TEXT NOT NULL DEFAULT '',
    from_status TEXT,
    to_status TEXT,
    detail TEXT NOT NULL DEFAULT '',
    at TIMESTAMP NOT NULL,
    device_at TIMESTAMP,
    utc_offset_min INTEGER NOT NULL DEFAULT 0,
    server_at TIMESTAMP NOT NULL,
    client_id TEXT
);
CREATE INDEX timeline_incident ON timeline (incident_id, at, id);
CREATE INDEX timeline_unit ON timeline (unit_id, at);
CREATE UNIQUE INDEX timeline_once ON timeline (actor_id, client_id) WHERE client_id IS NOT NULL;

-- Who saw which patient. Without an incident: the whole board as it stood then.
CREATE TABLE patient_reads (
    id BIGSERIAL PRIMARY KEY,
    incident_id BIGINT REFERENCES incidents (id) ON DELETE CASCADE,
    user_id BIGINT REFERENCES users (id) ON DELETE SET NULL,
    username TEXT NOT NULL,
    way TEXT NOT NULL,
    at TIMESTAMP NOT NULL
);
CREATE INDEX patient_reads_incident ON patient_reads (incident_id, at);
CREATE INDEX patient_reads_user ON patient_reads (user_id, at);

CREATE TABLE maydays (
    id BIGSERIAL PRIMARY KEY,
    unit_id BIGINT REFERENCES units (id) ON DELETE SET NULL,
    incident_id BIGINT REFERENCES incidents (id) ON DELETE SET NULL,
    raised_by BIGINT REFERENCES users (id) ON DELETE SET NULL,
    note TEXT NOT NULL DEFAULT '',
    latitude INTEGER,
    longitude INTEGER,
    raised_at TIMESTAMP NOT NULL,
    device_at TIMESTAMP,
    acknowledged_at TIMESTAMP,
    acknowledged_by BIGINT REFERENCES users (id) ON DELETE SET NULL,
    ended_at TIMESTAMP,
    ended_by BIGINT REFERENCES users (id) ON DELETE SET NULL,
    end_reason TEXT NOT NULL DEFAULT '',
    repeats INTEGER NOT NULL DEFAULT 0,
    repeat_at TIMESTAMP,
    nobody_heard BOOLEAN NOT NULL DEFAULT FALSE
);
CREATE INDEX maydays_repeat ON maydays (repeat_at) WHERE repeat_at IS NOT NULL;
CREATE INDEX maydays_open ON maydays (raised_at) WHERE ended_at IS NULL;

-- The check-in timer of an incident.
CREATE TABLE par_timers (
    incident_id BIGINT PRIMARY KEY REFERENCES incidents (id) ON DELETE CASCADE,
    every_ms BIGINT NOT NULL,
    due_at TIMESTAMP,
    checked_at TIMESTAMP,
    checked_by BIGINT REFERENCES users (id) ON DELETE SET NULL,
    overdue_since TIMESTAMP,
    notices INTEGER NOT NULL DEFAULT 0,
    nobody_heard BOOLEAN NOT NULL DEFAULT FALSE
);
CREATE INDEX par_timers_due ON par_timers (due_at) WHERE due_at IS NOT NULL;
