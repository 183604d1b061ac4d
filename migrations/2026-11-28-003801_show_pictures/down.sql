DROP INDEX attachments_holder;
ALTER TABLE conversations DROP COLUMN avatar;
ALTER TABLE users DROP COLUMN avatar;
