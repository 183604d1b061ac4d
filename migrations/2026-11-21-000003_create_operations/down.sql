DROP TABLE nodes;
DROP TABLE facts;
DROP TABLE connection_attempts;
