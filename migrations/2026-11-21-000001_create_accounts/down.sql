DROP TABLE password_resets;
DROP TABLE refresh_tokens;
DROP TABLE api_tokens;
DROP TABLE logins;
DROP TABLE users;
