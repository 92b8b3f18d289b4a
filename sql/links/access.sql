GRANT SELECT ON teachers.groups TO teachers_app;
