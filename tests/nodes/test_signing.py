"""Signatures with a person's own certificate, read back by the library of C2PA."""

from __future__ import annotations

import datetime
import importlib
import json
import sys
from pathlib import Path
from typing import Any

import pytest

from ...sandbox.server import Sandbox
from ..audio.frontend import from_mp3
from ..audio.tag_reader import read_tags
from .test_disclosure import IPTC, TRAINED, TYPE, clip, facts, scored
from .test_nodes import Node, run
from .test_saved_loops import GRAPH, bought, save

__all__ = ["clip"]
pytestmark = pytest.mark.slow


@pytest.fixture
def certificate(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A certificate of C2PA's profile for signers, its issuer's, and the private key."""
    x509 = pytest.importorskip("cryptography.x509", reason="cryptography is not installed")
    hashes, serialization, ec = (
        importlib.import_module(f"cryptography.hazmat.primitives.{name}")
        for name in ("hashes", "serialization", "asymmetric.ec")
    )
    oid = importlib.import_module("cryptography.x509.oid")

    def name(text: str) -> Any:
        organization = x509.NameAttribute(oid.NameOID.ORGANIZATION_NAME, "Studio")
        return x509.Name([x509.NameAttribute(oid.NameOID.COMMON_NAME, text), organization])

    def made(subject: str, key: Any, extensions: list[tuple[Any, bool]]) -> bytes:
        now = datetime.datetime.now(datetime.timezone.utc)
        identifier = x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer.public_key())
        builder = (
            x509.CertificateBuilder()
            .subject_name(name(subject))
            .issuer_name(name("issuer"))
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - datetime.timedelta(days=1))
            .not_valid_after(now + datetime.timedelta(days=30))
            .add_extension(identifier, False)
        )
        for extension, critical in extensions:
            builder = builder.add_extension(extension, critical)
        return builder.sign(issuer, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)

    def usage(*, signs: bool, issues: bool) -> Any:
        no = (False,) * 3
        return x509.KeyUsage(signs, *no, False, issues, issues, False, False)

    issuer, own = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))
    of_own = [
        (x509.BasicConstraints(False, None), True),
        (usage(signs=True, issues=False), True),
        (x509.ExtendedKeyUsage([oid.ExtendedKeyUsageOID.EMAIL_PROTECTION]), False),
    ]
    of_issuer = [
        (x509.BasicConstraints(True, None), True),
        (usage(signs=False, issues=True), True),
        (x509.SubjectKeyIdentifier.from_public_key(issuer.public_key()), False),
    ]
    key = own.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    path = tmp_path / "certificate.pem"
    path.write_bytes(made("Me", own, of_own) + made("issuer", issuer, of_issuer) + key)
    monkeypatch.setenv("AIGATEWAY_C2PA_CERTIFICATE", str(path))
    return path


@pytest.fixture
def c2pa() -> Any:
    return pytest.importorskip("c2pa", reason="c2pa-python is not installed")


def replace(path: Path, content: bytes) -> None:
    path.write_bytes(content)


def claim(c2pa: Any, path: Path) -> tuple[str, str]:
    """The state of a file's signature, and the origin that it claims."""
    with c2pa.Reader(str(path)) as reader:
        store = json.loads(reader.json())
    made = store["manifests"][store["active_manifest"]]
    data = next(each["data"] for each in made["assertions"] if "actions" in each["label"])
    return store["validation_state"], data["actions"][0]["digitalSourceType"]


@pytest.mark.parametrize("format", ["wav", "mp3"])
async def test_a_saved_file_is_signed_and_keeps_its_tags(
    format: str, node: Node, sandbox: Sandbox, certificate: Path, c2pa: Any
) -> None:
    saved = await save(node, await bought(node), format, name="a")
    assert claim(c2pa, saved) == ("Valid", TRAINED)
    assert facts(saved)[TYPE] == TRAINED
    assert json.loads(read_tags(saved)["workflow"]) == GRAPH["workflow"]
    if format == "mp3":
        assert json.loads(from_mp3(saved.read_bytes())["workflow"]) == GRAPH["workflow"]
    *_, tags = await run(node, "ReadReceipt", file=str(saved))
    assert {"c2pa signed by: Me", "c2pa state: Valid"} <= set(tags.splitlines())
    # A changed byte of the audio shows.
    data = bytearray(saved.read_bytes())
    data[len(data) * 2 // 3] ^= 1
    saved.write_bytes(data)
    *_, tags = await run(node, "ReadReceipt", file=str(saved))
    assert "c2pa state: Invalid" in tags.splitlines()


async def test_a_saved_video_is_signed(
    node: Node, sandbox: Sandbox, clip: Any, certificate: Path, c2pa: Any, tmp_path: Path
) -> None:
    made = await scored(node, clip, await bought(node))
    made.save_to(str(tmp_path / "saved.mp4"))
    state, origin = claim(c2pa, tmp_path / "saved.mp4")
    assert (state, origin) == ("Valid", IPTC + "compositeWithTrainedAlgorithmicMedia")
    assert facts(tmp_path / "saved.mp4")[TYPE] == origin


@pytest.mark.parametrize("how", ["sketch", "off", "no certificate"])
async def test_nothing_else_is_signed(
    how: str,
    node: Node,
    sandbox: Sandbox,
    certificate: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    if how == "sketch":
        monkeypatch.delenv("AIGATEWAY_BASE_URL")
        monkeypatch.setenv("AIGATEWAY_MODE", "sandbox")
    elif how == "no certificate":
        monkeypatch.delenv("AIGATEWAY_C2PA_CERTIFICATE")
    saved = await save(
        node, await bought(node, duration=5.0), "wav", origin="off" if how == "off" else "on"
    )
    assert b"c2pa" not in saved.read_bytes()


@pytest.mark.parametrize("content", [b"", b"text", b"-----BEGIN CERTIFICATE-----\nx"])
async def test_a_wrong_certificate_loses_no_audio(
    content: bytes, node: Node, sandbox: Sandbox, certificate: Path, c2pa: Any, lines: list[Any]
) -> None:
    replace(certificate, content)
    saved = await save(node, await bought(node), "wav")
    assert facts(saved)[TYPE] == TRAINED
    assert "the file is not signed" in str(lines)
    assert [path.name for path in saved.parent.iterdir()] == [saved.name, f"{saved.stem}.json"]


async def test_without_the_package_the_file_is_saved_unsigned(
    node: Node,
    sandbox: Sandbox,
    certificate: Path,
    monkeypatch: pytest.MonkeyPatch,
    lines: list[Any],
) -> None:
    monkeypatch.setitem(sys.modules, "c2pa", None)
    saved = await save(node, await bought(node), "wav")
    assert saved.exists()
    assert "install the package c2pa-python" in str(lines)
