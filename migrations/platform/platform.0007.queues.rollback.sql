SET LOCAL ROLE mentorbase_owner;

DROP FUNCTION platform.backoff(integer, interval, interval);
DELETE FROM platform.refusals
WHERE sqlstate IN ('MB301', 'MB302', 'MB303');
