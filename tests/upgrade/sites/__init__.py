"""Sites that differ in what no setting can change in a running process. Each is gone through in a process of its own."""
