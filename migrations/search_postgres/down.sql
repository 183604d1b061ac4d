DROP TRIGGER message_search_gone ON messages;
DROP FUNCTION message_search_gone();
DROP TABLE message_search;
DELETE FROM facts WHERE name = 'search.indexed';
