"""What was asked for, what it costs and what became of it."""
