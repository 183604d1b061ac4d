DELETE FROM api_tokens WHERE purpose IS NOT NULL;
ALTER TABLE api_tokens DROP COLUMN purpose;
DROP TABLE quiet_hours;
DROP TABLE notification_preferences;
DROP TABLE notifications;
