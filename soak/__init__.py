"""The soak: thousands of logins through several processes that are killed, and a ledger that has to agree with the database."""
