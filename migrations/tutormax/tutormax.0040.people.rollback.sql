SET LOCAL ROLE mentorbase_owner;

DELETE FROM platform.column_inventory WHERE schema_name = 'tutormax';
DROP FUNCTION tutormax.known_as(platform.person);
