SET LOCAL ROLE mentorbase_owner;

DELETE FROM platform.column_inventory WHERE schema_name = 'getcourse';
DROP FUNCTION getcourse.end_person(platform.person);
DROP FUNCTION getcourse.known_as(platform.person);
