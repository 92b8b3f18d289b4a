SET LOCAL ROLE mentorbase_owner;

DELETE FROM platform.refusals
WHERE sqlstate IN ('MB250', 'MB251', 'MB252');
