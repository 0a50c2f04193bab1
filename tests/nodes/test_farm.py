"""The nodes on a machine that shares its ledger with others."""

from __future__ import annotations

from typing import Any

import pytest

from ...api.base.errors import LedgerError
from ...api.money.sqlite import FILE_NAME
from ...sandbox.server import Sandbox
from ..ledgers import new_schema
from ..postgres_server import free_port

pytestmark = [pytest.mark.slow, pytest.mark.farm]

Node = dict[str, Any]


async def submit(node: Node, prompt: str = "piano") -> Any:
    kind = node["AIGatewayPromptToMusic"]
    inputs = {"prompt": prompt, "duration": 5.0, "lyrics": "", "format": "wav"}
    return (await kind.execute(**inputs)).result[0]


async def test_two_machines_buy_the_same_graph_once_and_list_both_tracks(
    node: Node,
    sandbox: Sandbox,
    session: Any,
    postgres: str,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Any,
) -> None:
    monkeypatch.setenv("AIGATEWAY_LEDGER_URL", new_schema(postgres).reveal())
    for machine in ("one", "two"):
        monkeypatch.setenv("AIGATEWAY_DATA_DIR", str(tmp_path / machine))
        await submit(node)
        await submit(node, prompt=f"only on {machine}")
        assert not (tmp_path / machine / FILE_NAME).exists()
    assert len(sandbox.bill()["jobs"]) == 3
    page = await (await session.library()).page("only on", limit=10, offset=0)
    assert page.total == 2
    assert {job.prompt for job in page.rows} == {"only on one", "only on two"}


async def test_a_node_without_its_ledger_buys_nothing_and_the_sandbox_keeps_its_own(
    node: Node, sandbox: Sandbox, session: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = f"postgresql://me:hunter2-canary@127.0.0.1:{free_port()}/db"
    monkeypatch.setenv("AIGATEWAY_LEDGER_URL", url)
    with pytest.raises(LedgerError, match="Nothing was sent") as caught:
        await submit(node)
    assert "hunter2" not in str(caught.value)
    assert sandbox.bill()["jobs"] == []
    directory = session.host.data_directory()
    assert not (directory / FILE_NAME).exists()
    monkeypatch.setenv("AIGATEWAY_MODE", "sandbox")
    page = await (await session.library()).page("", limit=10, offset=0)
    assert page.rows == []
    assert (directory / FILE_NAME).exists()
