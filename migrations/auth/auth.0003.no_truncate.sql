-- Users are not truncated: it would leave no trace.
-- depends: auth.0002.audit

SET LOCAL ROLE mentorbase_owner;

-- It would leave no trace.
CREATE TRIGGER users_refuse_truncate
BEFORE TRUNCATE ON auth.users
FOR EACH STATEMENT EXECUTE FUNCTION platform.refuse_change();
