DROP TABLE twin_sends;
