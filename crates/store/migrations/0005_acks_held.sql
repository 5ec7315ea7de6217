-- What a record holds by all that was confirmed of it, beside what was confirmed of the message that was sent last: a refusal, or a message
-- that nobody confirms, says nothing against what was confirmed before.
ALTER TABLE acks ADD COLUMN held TEXT NOT NULL DEFAULT '';
UPDATE acks SET held = body WHERE record_key LIKE 'record-%' AND acked_at IS NOT NULL AND body LIKE '{"outcome":"done"%';
