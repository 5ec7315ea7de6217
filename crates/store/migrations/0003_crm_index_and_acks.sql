-- Who is in a CRM, by keyed hashes of numbers and addresses: so that a caller is recognised at once, with the CRM down too. A hint, always
-- verified by a read before anything is written; what it does not hold says nothing.
CREATE TABLE crm_people (
  account TEXT NOT NULL,
  connection TEXT NOT NULL,
  key_hash TEXT NOT NULL,
  record TEXT NOT NULL,
  seen_at BIGINT NOT NULL,
  PRIMARY KEY (account, connection, key_hash, record)
);
CREATE INDEX crm_people_record ON crm_people (account, connection, record);

-- What was last sent to receivers of webhooks, by our key of the record, and what they have confirmed of it.
CREATE TABLE acks (
  account TEXT NOT NULL,
  connection TEXT NOT NULL,
  record_key TEXT NOT NULL,
  event TEXT NOT NULL,
  sent TEXT NOT NULL,
  body TEXT NOT NULL,
  sent_at BIGINT NOT NULL,
  acked_at BIGINT,
  PRIMARY KEY (account, connection, record_key)
);
CREATE INDEX acks_open ON acks (account, connection, sent_at) WHERE acked_at IS NULL;
