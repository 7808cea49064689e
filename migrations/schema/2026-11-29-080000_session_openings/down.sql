DROP TABLE session_openings;
