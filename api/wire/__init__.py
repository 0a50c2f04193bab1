"""HTTP requests: their addresses, their rate, their answers, and the files that they load."""
