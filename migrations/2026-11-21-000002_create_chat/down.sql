DROP TABLE answers;
DROP TABLE messages;
DROP TABLE memberships;
DROP TABLE conversations;
DROP TABLE journal;
DROP TABLE topics;
