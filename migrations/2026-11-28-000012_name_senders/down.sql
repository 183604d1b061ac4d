ALTER TABLE messages DROP COLUMN sender_name;
