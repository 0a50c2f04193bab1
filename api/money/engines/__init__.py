"""The databases that hold the ledger: one SQL text, and one engine for each database."""
