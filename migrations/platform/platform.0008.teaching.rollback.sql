SET LOCAL ROLE mentorbase_owner;

DROP FUNCTION platform.refuse_step(name, name, text, text, text, text, text);
DROP FUNCTION platform.allowed_steps(name, name, text, text);
DROP FUNCTION platform.guard_own();

DELETE FROM platform.refusals
WHERE sqlstate IN ('MB201', 'MB202', 'MB203');

COMMENT ON TABLE platform.refusals IS
'Every business refusal of this database: class MB of SQLSTATE, 0xx for all services, 1xx for mentoring. Reference data, changed by migrations only. The DETAIL of a refusal is a list of key=value pairs, its HINT the way out.';

COMMENT ON COLUMN platform.actor.id IS
'The acting person (auth.users.id); NULL for the system and for a database role that edits by hand.';

DROP TYPE platform.cefr_level;
