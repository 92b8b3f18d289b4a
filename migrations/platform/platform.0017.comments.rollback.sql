SET LOCAL ROLE mentorbase_owner;

COMMENT ON COLUMN platform.actor.id IS
'The acting person: auth.users.id, or their telegram_id in the services that know people by that (teachers, students, groups). NULL for the system and for a database role that edits by hand.';

COMMENT ON TABLE platform.refusals IS
'Every business refusal of this database: class MB of SQLSTATE, 0xx for all services, 1xx for mentoring, 2xx for the teaching services. Reference data, changed by migrations only. The DETAIL of a refusal is a list of key=value pairs, its HINT the way out.';
