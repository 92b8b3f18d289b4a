SET LOCAL ROLE mentorbase_owner;

DELETE FROM platform.column_inventory WHERE schema_name = 'students';
DROP FUNCTION students.end_person(platform.person);
