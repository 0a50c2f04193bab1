"""Workers with throw-away folders share one ledger in PostgreSQL, and everything is shot at."""
