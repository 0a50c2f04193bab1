"""AIgateway's client: requests, jobs, pacing, ledger, download and settings.

Knows neither torch nor ComfyUI. Import the module that holds what you need: this package imports
nothing by itself, so that httpx and SQLite are loaded at first use and not at ComfyUI's start.
"""
