SET LOCAL ROLE mentorbase_owner;

DELETE FROM platform.refusals
WHERE sqlstate IN ('MB105', 'MB106');
