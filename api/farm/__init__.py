"""Many machines that share a ledger in PostgreSQL, a bucket and the rate of one key.

`addresses` opens it, and only where the settings have an address of one of them.
"""
