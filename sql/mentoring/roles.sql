CALL platform.ensure_application_role('mentoring_app');
