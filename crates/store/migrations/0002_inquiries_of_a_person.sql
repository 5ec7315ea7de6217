-- Every inquiry of a person: asked before the person's record is written.
CREATE INDEX inquiries_person ON inquiries (account, person_key);
