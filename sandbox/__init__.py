"""A gateway on loopback that speaks AIgateway's protocol and composes sketches.

The pack uses it if there is no API key, and the tests run against it. The tags of its files say
that they are sketches.
"""

SKETCH_NOTICE = "AIgateway sandbox sketch, not ACE-Step"
