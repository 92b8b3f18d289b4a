CALL platform.ensure_application_role('teachers_app');
