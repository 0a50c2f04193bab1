"""One HTTP request and its rate: what is sent, what comes back, when it may leave."""
