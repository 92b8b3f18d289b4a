CALL platform.ensure_application_role('getcourse_app');
