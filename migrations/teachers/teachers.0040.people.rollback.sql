SET LOCAL ROLE mentorbase_owner;

DELETE FROM platform.column_inventory WHERE schema_name = 'teachers';
