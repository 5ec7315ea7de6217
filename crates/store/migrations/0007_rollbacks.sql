-- What was written to which record, property by property, so that it can be taken back: a projection of the ledger. Values stand in documents,
-- by their ids only; what is not kept any more cannot be taken back.
CREATE TABLE field_writes (
  account TEXT NOT NULL,
  inquiry TEXT NOT NULL,
  seq BIGINT NOT NULL,
  property TEXT NOT NULL,
  at BIGINT NOT NULL,
  object TEXT NOT NULL,
  record TEXT NOT NULL,
  field TEXT NOT NULL,
  clause TEXT NOT NULL,
  contract TEXT NOT NULL,
  version BIGINT NOT NULL,
  source TEXT NOT NULL,
  origin TEXT NOT NULL,
  actor TEXT NOT NULL,
  confidence BIGINT,
  effect TEXT NOT NULL,
  was_doc TEXT,
  is_doc TEXT,
  PRIMARY KEY (account, inquiry, seq, property)
);
CREATE INDEX field_writes_record ON field_writes (account, object, record, at);
CREATE INDEX field_writes_at ON field_writes (account, at);
CREATE INDEX field_writes_version ON field_writes (account, contract, version, at);

-- What a person later put in place of a value of ours, each seen once.
CREATE TABLE corrections (
  account TEXT NOT NULL,
  inquiry TEXT NOT NULL,
  seq BIGINT NOT NULL,
  property TEXT NOT NULL,
  kind TEXT NOT NULL,
  value_doc TEXT,
  by_id TEXT NOT NULL,
  seen_at BIGINT NOT NULL,
  PRIMARY KEY (account, inquiry, seq, property)
);
CREATE INDEX corrections_seen ON corrections (account, seen_at);

-- Values taken back. A row moves from running to done; its items move each by themselves.
CREATE TABLE rollbacks (
  account TEXT NOT NULL,
  id TEXT NOT NULL,
  scope TEXT NOT NULL,
  state TEXT NOT NULL,
  reason TEXT NOT NULL,
  by_id TEXT NOT NULL,
  preview_digest TEXT NOT NULL,
  preview TEXT NOT NULL,
  started_at BIGINT NOT NULL,
  due_at BIGINT NOT NULL,
  done_at BIGINT,
  PRIMARY KEY (account, id)
);
CREATE INDEX rollbacks_running ON rollbacks (due_at) WHERE state = 'running';

CREATE TABLE rollback_items (
  account TEXT NOT NULL,
  rollback TEXT NOT NULL,
  n BIGINT NOT NULL,
  inquiry TEXT NOT NULL,
  lane TEXT NOT NULL,
  object TEXT NOT NULL,
  record TEXT NOT NULL,
  fields TEXT NOT NULL,
  state TEXT NOT NULL,
  effect TEXT,
  PRIMARY KEY (account, rollback, n)
);
