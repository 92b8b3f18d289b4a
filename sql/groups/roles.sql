CALL platform.ensure_application_role('groups_app');
