-- Builds the whole database in one go, in reading order:  psql -v ON_ERROR_STOP=1 -f sql/apply.sql
-- For reviewing and comparing. A database that lives is built and changed by the migrations.
\o /dev/null
BEGIN;
SET LOCAL client_min_messages = warning; -- an extension that two services need is there for the second

\ir platform/roles.sql
SET LOCAL ROLE mentorbase_owner;
\ir platform/tables.sql
\ir platform/functions.sql
\ir platform/inventory.sql
\ir platform/access.sql
RESET ROLE;

\ir auth/roles.sql
SET LOCAL ROLE mentorbase_owner;
\ir auth/tables.sql
\ir auth/functions.sql
\ir auth/views.sql
\ir auth/inventory.sql
\ir auth/access.sql
RESET ROLE;

\ir teachers/roles.sql
SET LOCAL ROLE mentorbase_owner;
\ir teachers/tables.sql
\ir teachers/views.sql
\ir teachers/inventory.sql
\ir teachers/access.sql
RESET ROLE;

\ir students/roles.sql
SET LOCAL ROLE mentorbase_owner;
\ir students/tables.sql
\ir students/functions.sql
\ir students/views.sql
\ir students/inventory.sql
\ir students/access.sql
RESET ROLE;

\ir groups/roles.sql
SET LOCAL ROLE mentorbase_owner;
\ir groups/tables.sql
\ir groups/functions.sql
\ir groups/views.sql
\ir groups/inventory.sql
\ir groups/access.sql
RESET ROLE;

\ir mentoring/roles.sql
SET LOCAL ROLE mentorbase_owner;
\ir mentoring/tables.sql
\ir mentoring/functions.sql
\ir mentoring/views.sql
\ir mentoring/inventory.sql
\ir mentoring/access.sql
RESET ROLE;

\ir calendar/roles.sql
SET LOCAL ROLE mentorbase_owner;
\ir calendar/tables.sql
\ir calendar/functions.sql
\ir calendar/views.sql
\ir calendar/inventory.sql
\ir calendar/access.sql
RESET ROLE;

\ir notifications/roles.sql
SET LOCAL ROLE mentorbase_owner;
\ir notifications/tables.sql
\ir notifications/functions.sql
\ir notifications/views.sql
\ir notifications/inventory.sql
\ir notifications/access.sql
RESET ROLE;

\ir getcourse/roles.sql
SET LOCAL ROLE mentorbase_owner;
\ir getcourse/tables.sql
\ir getcourse/functions.sql
\ir getcourse/views.sql
\ir getcourse/inventory.sql
\ir getcourse/access.sql
RESET ROLE;

\ir quests/roles.sql
SET LOCAL ROLE mentorbase_owner;
\ir quests/tables.sql
\ir quests/functions.sql
\ir quests/views.sql
\ir quests/inventory.sql
\ir quests/access.sql
RESET ROLE;

\ir tutormax/roles.sql
SET LOCAL ROLE mentorbase_owner;
\ir tutormax/tables.sql
\ir tutormax/functions.sql
\ir tutormax/views.sql
\ir tutormax/inventory.sql
\ir tutormax/access.sql
RESET ROLE;

\ir links/roles.sql
SET LOCAL ROLE mentorbase_owner;
\ir links/tables.sql
\ir links/functions.sql
\ir links/views.sql
\ir links/access.sql
RESET ROLE;

COMMIT;
\o
