DROP TABLE operator_states;
