"""What happened to second factors: events, the audit log, mails."""
