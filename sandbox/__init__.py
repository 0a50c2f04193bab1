"""A gateway on loopback that speaks AIgateway's protocol and composes scratch tracks.

It is what answers where there is no API key, and what the tests are run against. What it makes is a
sketch, and says so wherever it can.
"""

SKETCH_NOTICE = "AIgateway sandbox sketch, not ACE-Step"
