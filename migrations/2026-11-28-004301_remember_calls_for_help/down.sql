DROP TABLE help_calls;
