SET LOCAL ROLE mentorbase_owner;

DROP FUNCTION links.end_person(platform.person);
