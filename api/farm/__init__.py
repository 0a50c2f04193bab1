"""Many machines that share a ledger in PostgreSQL, a bucket and the rate of one key.

`shared_addresses` loads it, and only if the settings have an address of a ledger or a bucket.
"""
