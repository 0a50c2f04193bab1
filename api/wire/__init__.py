"""One HTTP request: what is sent, what is answered, and when it may be sent."""
