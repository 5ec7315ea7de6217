-- One signed proof per account and day. A proof is never changed: what is made again is another row of the chain, one revision higher.
CREATE TABLE proofs (
  account TEXT NOT NULL,
  seq BIGINT NOT NULL,
  day TEXT NOT NULL,
  revision BIGINT NOT NULL,
  made_at BIGINT NOT NULL,
  summary TEXT NOT NULL,
  key_id TEXT NOT NULL,
  prev_hash TEXT NOT NULL,
  hash TEXT NOT NULL,
  body TEXT NOT NULL,
  PRIMARY KEY (account, seq),
  UNIQUE (account, day, revision)
);
