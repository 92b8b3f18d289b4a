-- The refusal of getcourse.0001.init.
-- depends: platform.0010.audit_locks

SET LOCAL ROLE mentorbase_owner;

INSERT INTO platform.refusals (sqlstate, name, meaning) VALUES
('MB401', 'statistics_missing', 'The server does not count its queries: pg_stat_statements is not enabled.');
