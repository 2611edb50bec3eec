"""What a session, a pending login and a request remember: the only place that says where it is stored."""
