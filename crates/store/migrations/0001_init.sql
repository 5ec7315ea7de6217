-- One text for SQLite and PostgreSQL. Ids, enums and JSON are TEXT; instants are BIGINT microseconds UTC; no BLOB, no arrays.
-- Every key leads with the account, so that the schema can be sharded by account. The exceptions are the two secrets that
-- are looked up before the account is known: sessions.token_hash and tokens.token_hash.
-- Foreign keys hold the small, rarely written tables together. The busy ones have none: on PostgreSQL each would lock a
-- parent row on every insert, and their order is the engine's within one unit of work.

CREATE TABLE accounts (
  id TEXT PRIMARY KEY,
  name TEXT NOT NULL,
  salt TEXT NOT NULL,
  created_at BIGINT NOT NULL
);

CREATE TABLE users (
  account TEXT NOT NULL REFERENCES accounts (id),
  id TEXT NOT NULL,
  email_folded TEXT NOT NULL,
  email TEXT NOT NULL,
  name TEXT NOT NULL,
  role TEXT NOT NULL,
  password_hash TEXT NOT NULL,
  locations TEXT NOT NULL,
  active BOOLEAN NOT NULL,
  created_at BIGINT NOT NULL,
  PRIMARY KEY (account, id),
  UNIQUE (account, email_folded)
);

CREATE TABLE sessions (
  token_hash TEXT PRIMARY KEY,
  account TEXT NOT NULL REFERENCES accounts (id),
  user_id TEXT NOT NULL,
  csrf TEXT NOT NULL,
  created_at BIGINT NOT NULL,
  expires_at BIGINT NOT NULL
);
CREATE INDEX sessions_expiry ON sessions (expires_at);

CREATE TABLE tokens (
  account TEXT NOT NULL REFERENCES accounts (id),
  id TEXT NOT NULL,
  name TEXT NOT NULL,
  token_hash TEXT NOT NULL UNIQUE,
  scopes TEXT NOT NULL,
  created_at BIGINT NOT NULL,
  revoked_at BIGINT,
  last_used_at BIGINT,
  PRIMARY KEY (account, id)
);

CREATE TABLE connections (
  account TEXT NOT NULL REFERENCES accounts (id),
  id TEXT NOT NULL,
  name TEXT NOT NULL,
  vendor TEXT NOT NULL,
  kind TEXT NOT NULL,
  settings TEXT NOT NULL,
  sealed_secrets TEXT NOT NULL,
  key_id TEXT NOT NULL,
  base_url TEXT,
  zone TEXT,
  region TEXT,
  state TEXT NOT NULL,
  created_at BIGINT NOT NULL,
  updated_at BIGINT NOT NULL,
  PRIMARY KEY (account, id),
  UNIQUE (account, name)
);

CREATE TABLE roster (
  account TEXT NOT NULL,
  kind TEXT NOT NULL,
  id TEXT NOT NULL,
  version BIGINT NOT NULL,
  body TEXT NOT NULL,
  valid_from BIGINT NOT NULL,
  valid_to BIGINT,
  PRIMARY KEY (account, kind, id, version)
);
CREATE UNIQUE INDEX roster_now ON roster (account, kind, id) WHERE valid_to IS NULL;

CREATE TABLE contracts (
  account TEXT NOT NULL,
  id TEXT NOT NULL,
  name TEXT NOT NULL,
  version BIGINT NOT NULL,
  digest TEXT NOT NULL,
  source TEXT NOT NULL,
  compiled TEXT NOT NULL,
  applied_at BIGINT NOT NULL,
  applied_by TEXT NOT NULL,
  PRIMARY KEY (account, id),
  UNIQUE (account, name, version)
);

CREATE TABLE documents (
  account TEXT NOT NULL,
  id TEXT NOT NULL,
  class TEXT NOT NULL,
  kind TEXT NOT NULL,
  body TEXT,
  created_at BIGINT NOT NULL,
  expires_at BIGINT,
  erased_at BIGINT,
  erased_why TEXT,
  PRIMARY KEY (account, id)
);
CREATE INDEX documents_expiry ON documents (expires_at) WHERE erased_at IS NULL;

CREATE TABLE signals (
  account TEXT NOT NULL,
  id TEXT NOT NULL,
  connection TEXT NOT NULL,
  event TEXT NOT NULL,
  received_at BIGINT NOT NULL,
  state TEXT NOT NULL CHECK (state IN ('stored', 'folded', 'unreadable', 'quarantined', 'parked')),
  delivery_key TEXT NOT NULL,
  duplicate_of TEXT,
  document TEXT NOT NULL,
  call_id TEXT,
  why TEXT,
  tries BIGINT NOT NULL,
  due_at BIGINT NOT NULL,
  PRIMARY KEY (account, id)
);
-- The guard against doing a provider's retry twice. A quarantined signal is nobody's first: otherwise a forged request could
-- take the key of a real one before it arrives.
CREATE UNIQUE INDEX signals_first ON signals (account, connection, event, delivery_key)
  WHERE duplicate_of IS NULL AND state <> 'quarantined';
CREATE INDEX signals_open ON signals (state, received_at, account, id) WHERE state <> 'folded';
CREATE INDEX signals_list ON signals (account, received_at, id);
CREATE INDEX signals_call ON signals (account, call_id) WHERE call_id IS NOT NULL;

CREATE TABLE calls (
  account TEXT NOT NULL,
  id TEXT NOT NULL,
  snapshot TEXT NOT NULL,
  version BIGINT NOT NULL,
  location TEXT,
  person_key TEXT,
  category TEXT,
  after_hours BOOLEAN NOT NULL,
  started_at BIGINT NOT NULL,
  inquiry TEXT,
  created_at BIGINT NOT NULL,
  updated_at BIGINT NOT NULL,
  PRIMARY KEY (account, id)
);
CREATE INDEX calls_person ON calls (account, person_key, started_at) WHERE person_key IS NOT NULL;
CREATE INDEX calls_inquiry ON calls (account, inquiry) WHERE inquiry IS NOT NULL;
CREATE INDEX calls_list ON calls (account, started_at, id);

CREATE TABLE call_keys (
  account TEXT NOT NULL,
  connection TEXT NOT NULL,
  call_key TEXT NOT NULL,
  call_id TEXT NOT NULL,
  PRIMARY KEY (account, connection, call_key)
);

CREATE TABLE inquiries (
  account TEXT NOT NULL,
  id TEXT NOT NULL,
  snapshot TEXT NOT NULL,
  version BIGINT NOT NULL,
  state TEXT NOT NULL,
  open_key TEXT,
  location TEXT,
  person_key TEXT,
  urgency TEXT,
  category TEXT,
  owner TEXT,
  tier BIGINT NOT NULL,
  due_at BIGINT,
  queue TEXT,
  opened_at BIGINT NOT NULL,
  closed_at BIGINT,
  updated_at BIGINT NOT NULL,
  PRIMARY KEY (account, id)
);
-- One caller, one open inquiry.
CREATE UNIQUE INDEX inquiries_open ON inquiries (account, open_key) WHERE open_key IS NOT NULL;
CREATE INDEX inquiries_queue ON inquiries (account, due_at, id) WHERE closed_at IS NULL AND queue IS NOT NULL;
CREATE INDEX inquiries_list ON inquiries (account, opened_at, id);

CREATE TABLE entries (
  account TEXT NOT NULL,
  inquiry TEXT NOT NULL,
  seq BIGINT NOT NULL,
  at BIGINT NOT NULL,
  kind TEXT NOT NULL,
  body TEXT NOT NULL,
  prev_hash TEXT NOT NULL,
  hash TEXT NOT NULL,
  schema BIGINT NOT NULL,
  code_version TEXT NOT NULL,
  PRIMARY KEY (account, inquiry, seq)
);
CREATE INDEX entries_time ON entries (account, at);

CREATE TABLE checkpoints (
  account TEXT NOT NULL,
  seq BIGINT NOT NULL,
  at BIGINT NOT NULL,
  body TEXT NOT NULL,
  prev_hash TEXT NOT NULL,
  hash TEXT NOT NULL,
  signature TEXT NOT NULL,
  PRIMARY KEY (account, seq)
);

CREATE TABLE plans (
  account TEXT NOT NULL,
  id TEXT NOT NULL,
  inquiry TEXT NOT NULL,
  n BIGINT NOT NULL,
  parent TEXT,
  contract TEXT NOT NULL,
  at BIGINT NOT NULL,
  schema BIGINT NOT NULL,
  body TEXT NOT NULL,
  PRIMARY KEY (account, id),
  UNIQUE (account, inquiry, n)
);

CREATE TABLE effects (
  account TEXT NOT NULL,
  id TEXT NOT NULL,
  inquiry TEXT NOT NULL,
  plan TEXT NOT NULL,
  lane TEXT NOT NULL,
  kind TEXT NOT NULL,
  target TEXT NOT NULL,
  state TEXT NOT NULL CHECK (state IN ('waiting', 'due', 'in_flight', 'done', 'dead', 'superseded', 'review')),
  urgent BOOLEAN NOT NULL,
  rank BIGINT NOT NULL,
  due_at BIGINT NOT NULL,
  in_flight_until BIGINT,
  needs TEXT NOT NULL,
  body TEXT NOT NULL,
  history TEXT NOT NULL,
  receipt TEXT,
  -- The vendor's id of the record that the receipt names; filled by the store from the receipt.
  record TEXT,
  attempts BIGINT NOT NULL,
  version BIGINT NOT NULL,
  created_at BIGINT NOT NULL,
  settled_at BIGINT,
  why TEXT,
  PRIMARY KEY (account, id)
);
-- In the order in which a lane takes its work, so that a deep backlog is never sorted.
CREATE INDEX effects_lane ON effects (account, lane, urgent DESC, rank, due_at, id)
  WHERE state IN ('waiting', 'due', 'in_flight');
CREATE INDEX effects_timer ON effects (due_at) WHERE lane = 'timer' AND state IN ('waiting', 'due', 'in_flight');
CREATE INDEX effects_inquiry ON effects (account, inquiry);
CREATE INDEX effects_target ON effects (account, target);
CREATE INDEX effects_record ON effects (account, record) WHERE record IS NOT NULL;
CREATE INDEX effects_dead ON effects (account, settled_at, id) WHERE state = 'dead';

CREATE TABLE attempts (
  account TEXT NOT NULL,
  id TEXT NOT NULL,
  effect TEXT NOT NULL,
  n BIGINT NOT NULL,
  op TEXT NOT NULL,
  started_at BIGINT NOT NULL,
  ended_at BIGINT,
  outcome TEXT,
  status BIGINT,
  why TEXT,
  took_ms BIGINT,
  PRIMARY KEY (account, id)
);
CREATE INDEX attempts_effect ON attempts (account, effect, n);

CREATE TABLE lanes (
  account TEXT NOT NULL,
  id TEXT NOT NULL,
  connection TEXT NOT NULL,
  lease_owner TEXT,
  lease_until BIGINT,
  breaker TEXT,
  breaker_until BIGINT,
  burst_left BIGINT,
  last_ok_at BIGINT,
  last_error TEXT,
  last_error_at BIGINT,
  PRIMARY KEY (account, id)
);

CREATE TABLE people (
  account TEXT NOT NULL,
  person_key TEXT NOT NULL,
  kind TEXT NOT NULL,
  key_id TEXT NOT NULL,
  document TEXT,
  suppression TEXT NOT NULL,
  consent TEXT NOT NULL,
  crm_ids TEXT NOT NULL,
  updated_at BIGINT NOT NULL,
  PRIMARY KEY (account, person_key)
);

CREATE TABLE reviews (
  account TEXT NOT NULL,
  id TEXT NOT NULL,
  inquiry TEXT NOT NULL,
  kind TEXT NOT NULL,
  state TEXT NOT NULL,
  digest TEXT NOT NULL,
  body TEXT NOT NULL,
  opened_at BIGINT NOT NULL,
  decided_at BIGINT,
  decided_by TEXT,
  decision TEXT,
  PRIMARY KEY (account, id)
);
CREATE INDEX reviews_open ON reviews (account, opened_at, id) WHERE state = 'open';
CREATE INDEX reviews_inquiry ON reviews (account, inquiry);

CREATE TABLE idempotency (
  account TEXT NOT NULL,
  key TEXT NOT NULL,
  route TEXT NOT NULL,
  request_hash TEXT NOT NULL,
  status BIGINT NOT NULL,
  body TEXT NOT NULL,
  created_at BIGINT NOT NULL,
  PRIMARY KEY (account, key, route)
);

CREATE TABLE cursors (
  account TEXT NOT NULL,
  connection TEXT NOT NULL,
  name TEXT NOT NULL,
  value TEXT NOT NULL,
  updated_at BIGINT NOT NULL,
  PRIMARY KEY (account, connection, name)
);

CREATE TABLE alarms (
  account TEXT NOT NULL,
  id TEXT NOT NULL,
  kind TEXT NOT NULL,
  subject TEXT NOT NULL,
  body TEXT NOT NULL,
  raised_at BIGINT NOT NULL,
  cleared_at BIGINT,
  PRIMARY KEY (account, id)
);
CREATE UNIQUE INDEX alarms_open ON alarms (account, kind, subject) WHERE cleared_at IS NULL;
