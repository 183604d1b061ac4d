-- Where the picture is that everyone is shown: a person's own, unless they hide it; a
-- conversation's. The profile keeps what its owner has chosen, shown or not.
ALTER TABLE users ADD COLUMN avatar TEXT;
ALTER TABLE conversations ADD COLUMN avatar TEXT;
UPDATE users SET avatar = (SELECT profiles.avatar FROM profiles
    WHERE profiles.user_id = users.id AND profiles.show_profile_photo);
CREATE INDEX attachments_holder ON attachments (holder) WHERE holder IS NOT NULL;
