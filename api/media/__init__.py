"""From the address of a track to a file that stays."""
