DROP TABLE operator_leases;
