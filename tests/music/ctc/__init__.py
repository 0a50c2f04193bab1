"""A small CTC network for tests, the speech that it is tried on, and the script that makes both."""
