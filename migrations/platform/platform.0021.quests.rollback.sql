SET LOCAL ROLE mentorbase_owner;

DELETE FROM platform.refusals
WHERE sqlstate IN ('MB601', 'MB602', 'MB603', 'MB604');
