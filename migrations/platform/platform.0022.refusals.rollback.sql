SET LOCAL ROLE mentorbase_owner;

COMMENT ON TABLE platform.refusals IS
'Every business refusal of this database: class MB of SQLSTATE, 0xx for all services, 1xx for mentoring, 2xx for the teaching services, 3xx for queues, 4xx for getcourse. Reference data, changed by migrations only. The DETAIL of a refusal is a list of key=value pairs, its HINT the way out.';
