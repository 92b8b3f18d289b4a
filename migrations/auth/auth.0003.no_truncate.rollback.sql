SET LOCAL ROLE mentorbase_owner;

DROP TRIGGER users_refuse_truncate ON auth.users;
