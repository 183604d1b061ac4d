DROP TABLE people_online;
DROP TABLE contacts;
DROP TABLE client_settings;
DROP TABLE profiles;
