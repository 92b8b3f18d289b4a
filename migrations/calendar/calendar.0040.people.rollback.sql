SET LOCAL ROLE mentorbase_owner;

DELETE FROM platform.column_inventory WHERE schema_name = 'calendar';
DROP FUNCTION calendar.end_person(platform.person);
