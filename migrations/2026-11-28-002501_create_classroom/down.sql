DROP TABLE locked_threads;
DROP TABLE twin_sends;
