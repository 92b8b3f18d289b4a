CALL platform.ensure_application_role('tutormax_app');
