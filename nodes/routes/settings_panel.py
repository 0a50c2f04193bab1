"""Routes of the settings panel: values, their sources, and a test of the connection."""

from __future__ import annotations

import asyncio
import contextlib
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ...api import settings as api_settings
from ...api.base.errors import GatewayError, InputError, SettingsError
from ...api.settings import Settings
from .. import host, session
from . import serving

if TYPE_CHECKING:
    from aiohttp import web

    from ...api.wire.key import ApiKey

# The panel may change these. It may not change the gateway's address: the key is sent there.
PANEL = (
    "mode",
    "on_interrupt",
    "spend_limit_per_run",
    "spend_limit_per_day",
    "minimum_balance",
    "uncertain_limit",
    "allow_unknown_price",
    "store_limit_gb",
    "order_ahead",
)
# In seconds. A free account may send 10 requests a minute, but a page may ask more often.
_BALANCE_AGE = 20.0


async def get_settings(request: web.Request) -> dict[str, Any]:
    return await asyncio.to_thread(_settings_answer)


def _settings_answer() -> dict[str, Any]:
    current = session.settings()
    key = current.api_key
    values = {name: getattr(current, name) for name in PANEL}
    defaults = {name: getattr(Settings(), name) for name in PANEL}
    fixed = [name for name in (*PANEL, "api_key") if api_settings.is_from_environment(name)]
    return {
        "service": current.service,
        "sandbox": current.is_sandbox,
        "key": None if key is None else _shown(key),
        "values": values,
        "defaults": defaults,
        "environment": fixed,
        "file": api_settings.FILE_NAME,
    }


def _shown(key: ApiKey) -> dict[str, Any]:
    """Facts about a key, without its text. The panel can remove a key of the settings file."""
    source = Path(key.source).name
    return {"source": source, "hint": key.hint, "removable": source == api_settings.FILE_NAME}


async def put_setting(request: web.Request) -> dict[str, Any]:
    body = await serving.body(request)
    name, value = body.get("name"), body.get("value")
    if name != "api_key" and name not in PANEL:
        raise InputError(f"“{name}” is not a setting of the panel.")
    if name == "api_key":
        if value is not None and not isinstance(value, str):
            raise SettingsError("The API key has to be text.")
        value = (value or "").strip() or None
    if api_settings.is_from_environment(name):
        raise SettingsError(
            f"AIGATEWAY_{name.upper()} is set in the server's environment, which comes first: "
            "change it there."
        )
    await asyncio.to_thread(api_settings.write, host.data_directory(), name, value)
    return await asyncio.to_thread(_settings_answer)


async def balance(request: web.Request) -> dict[str, Any]:
    """The balance of the account; null in the sandbox, without a key, or if it is unknown."""
    current, left = await asyncio.to_thread(session.settings), None
    if current.api_key is not None and not current.is_sandbox:
        account = await session.account(current)
        with contextlib.suppress(GatewayError):
            left = await account.balance(max_age=_BALANCE_AGE)
    return {"balance": left}


async def test_connection(request: web.Request) -> dict[str, Any]:
    current = await asyncio.to_thread(lambda: session.settings(needs_key=True))
    if current.is_sandbox:
        return {"sandbox": True, "balance": None}
    account = await session.account(current)
    return {"sandbox": False, "balance": await account.balance()}
