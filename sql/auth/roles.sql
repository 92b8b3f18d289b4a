CALL platform.ensure_application_role('auth_app');
