SET LOCAL ROLE mentorbase_owner;

DELETE FROM platform.column_inventory WHERE schema_name = 'mentoring';
DROP FUNCTION mentoring.end_person(platform.person);
