CALL platform.ensure_application_role('students_app');
