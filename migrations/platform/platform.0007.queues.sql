-- What queues share: their refusals, and how long they wait after a failed attempt.
-- depends: platform.0006.maintenance

SET LOCAL ROLE mentorbase_owner;

INSERT INTO platform.refusals (sqlstate, name, meaning) VALUES
('MB301', 'template_missing', 'There is no template for a notification of this kind on this channel.'),
('MB302', 'placeholder_missing', 'The payload lacks a value that the template asks for.'),
('MB303', 'lease_lost', 'The item of a queue is no longer with this worker.');

CREATE FUNCTION platform.backoff(attempt integer, first_wait interval, longest_wait interval)
RETURNS interval
LANGUAGE sql
VOLATILE
PARALLEL RESTRICTED
SECURITY INVOKER
SET search_path = pg_catalog, pg_temp
AS $$
SELECT least(first_wait * (2.0 ^ least(attempt - 1, 30))::double precision, longest_wait) * (0.5 + random() / 2)
$$;

COMMENT ON FUNCTION platform.backoff(integer, interval, interval) IS
'How long a queue waits after so many failed attempts: first_wait, doubled with each further one up to longest_wait, of which a random part between a half and the whole, so that what failed together does not come back together.';
