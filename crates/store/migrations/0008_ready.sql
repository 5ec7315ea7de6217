-- Inquiries whose write waits for a clause that is paused: written when it ends, however long it took.
CREATE TABLE clause_waits (
  account TEXT NOT NULL,
  clause TEXT NOT NULL,
  inquiry TEXT NOT NULL,
  since BIGINT NOT NULL,
  PRIMARY KEY (account, clause, inquiry)
);
-- Runs of a contract against a sandbox of the CRM: the latest one of a schema stands for it.
CREATE TABLE sandbox_runs (
  account TEXT NOT NULL,
  id TEXT NOT NULL,
  connection TEXT NOT NULL,
  schema_digest TEXT NOT NULL,
  contract TEXT NOT NULL,
  started_at BIGINT NOT NULL,
  ended_at BIGINT NOT NULL,
  ok BIGINT NOT NULL,
  body TEXT NOT NULL,
  PRIMARY KEY (account, id)
);
CREATE INDEX sandbox_runs_latest ON sandbox_runs (account, ended_at);
