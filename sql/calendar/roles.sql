CALL platform.ensure_application_role('calendar_app');
