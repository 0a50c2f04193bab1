"""From the address of a track to bytes that stay."""
