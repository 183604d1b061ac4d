-- When a unit was marked as silent, and as silent for so long that it may be anywhere. Both are
-- taken back by its next position.
ALTER TABLE units ADD COLUMN stale_at TIMESTAMP;
ALTER TABLE units ADD COLUMN lost_at TIMESTAMP;
