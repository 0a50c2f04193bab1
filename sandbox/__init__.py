"""A gateway on loopback that speaks AIgateway's protocol and composes sketches.

It answers where there is no API key, and the tests run against it. Its files name themselves
sketches.
"""

SKETCH_NOTICE = "AIgateway sandbox sketch, not ACE-Step"
