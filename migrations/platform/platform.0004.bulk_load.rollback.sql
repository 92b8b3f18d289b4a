SET LOCAL ROLE mentorbase_owner;

DROP FUNCTION platform.is_bulk_load(name);
