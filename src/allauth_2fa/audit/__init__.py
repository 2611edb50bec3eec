"""Events of second factors: the audit log, the signal and the mails."""
