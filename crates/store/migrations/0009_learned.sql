-- What people answered, and to whom they gave an inquiry, by when: what is counted of it and what is judged by it goes by that.
CREATE INDEX reviews_decided ON reviews (account, decided_at, id) WHERE state = 'decided';
-- How many of one kind wait: of all that are open only those.
CREATE INDEX reviews_open_of ON reviews (account, kind) WHERE state = 'open';
CREATE INDEX entries_owner ON entries (account, at, inquiry, seq) WHERE kind = 'owner';
