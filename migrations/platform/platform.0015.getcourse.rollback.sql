SET LOCAL ROLE mentorbase_owner;

DELETE FROM platform.refusals
WHERE sqlstate = 'MB401';
