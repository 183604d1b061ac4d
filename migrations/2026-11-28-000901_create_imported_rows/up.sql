-- What came from another database: its row there, and the row here that stands for it.
CREATE TABLE imported_rows (
    origin TEXT NOT NULL,
    source_table TEXT NOT NULL,
    source_id TEXT NOT NULL,
    local_id BIGINT NOT NULL,
    imported_at TIMESTAMP NOT NULL,
    PRIMARY KEY (origin, source_table, source_id)
);
