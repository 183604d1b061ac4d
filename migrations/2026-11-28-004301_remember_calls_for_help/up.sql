-- What each call for help without an account was answered, so that one sent twice opens one incident.
-- A digest of where it came from, under which key of the client's, and of all that it said.
CREATE TABLE help_calls (
    digest TEXT NOT NULL PRIMARY KEY,
    incident_id BIGINT NOT NULL REFERENCES incidents (id) ON DELETE CASCADE,
    created_at TIMESTAMP NOT NULL
);
CREATE INDEX help_calls_incident_id ON help_calls (incident_id);
CREATE INDEX help_calls_created_at ON help_calls (created_at);
