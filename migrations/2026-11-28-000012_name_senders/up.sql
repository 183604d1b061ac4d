-- The name that someone not signed in gave; sender_id is then NULL.
ALTER TABLE messages ADD COLUMN sender_name TEXT;
