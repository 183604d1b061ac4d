DROP TABLE erasures;
DROP TABLE reports;
