-- The repeats of a signal, which go when it goes.
CREATE INDEX signals_repeats ON signals (account, duplicate_of) WHERE duplicate_of IS NOT NULL;
