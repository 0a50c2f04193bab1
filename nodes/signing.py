"""C2PA: signs a saved file with the person's own certificate. Without a certificate, files stay
unsigned.

The package c2pa-python is optional. It signs and reads without a network.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .disclosure import COMPOSITE, credit, source_type

if TYPE_CHECKING:
    from ..api.money.job import Job

_KINDS = {".wav": "audio/wav", ".mp3": "audio/mpeg", ".mp4": "video/mp4", ".mov": "video/quicktime"}
"""The files that are signed. In FLAC, the signature would stand before the marker of FLAC."""
_BLOCK = re.compile(rb"-----BEGIN ([A-Z ]+)-----.*?-----END \1-----\s*", re.DOTALL)


def sign(path: Path, job: Job, certificate: str) -> str:
    """Sign the file at `path`. The signature says that a model made its music.

    Args:
        certificate: the path of a PEM file with the chain of certificates, the person's own first,
            and the private key.

    Returns:
        the reason in words if the file stays unsigned; else "".
    """
    kind = _KINDS.get(path.suffix.lower())
    if kind is None or job.is_free:
        # The other formats have no place for a signature, and sketches stay unsigned.
        return ""
    try:
        import c2pa
    except ImportError:
        return "the file is not signed: install the package c2pa-python, or empty c2pa_certificate"
    signed = path.with_name(f"{path.stem}.signed{path.suffix}")
    try:
        signer = c2pa.Signer.from_info(_signer_info(c2pa, Path(certificate).expanduser()))
        with (
            signer,
            c2pa.Builder(json.dumps(_manifest(job, kind))) as builder,
            path.open("rb") as source,
            signed.open("w+b") as target,
        ):
            builder.sign(signer, kind, source, target)
        signed.replace(path)
    except (OSError, ValueError, TypeError, c2pa.C2paError) as error:
        reason = " ".join(str(error).split())[:200]
        return f"the file is not signed ({reason}): correct the file that c2pa_certificate names"
    finally:
        signed.unlink(missing_ok=True)
    return ""


def _signer_info(c2pa: Any, path: Path) -> Any:
    from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    chain, key = b"", b""
    for block in _BLOCK.finditer(path.read_bytes()):
        if block[1].endswith(b"PRIVATE KEY"):
            key = block[0]
        elif block[1] == b"CERTIFICATE":
            chain += block[0]
    if not chain or not key:
        raise ValueError("a PEM file with certificates and a private key is expected")
    private = load_pem_private_key(key, None)
    if isinstance(private, ec.EllipticCurvePrivateKey):
        algorithm = {256: b"es256", 384: b"es384", 521: b"es512"}.get(private.key_size, b"es256")
    elif isinstance(private, ed25519.Ed25519PrivateKey):
        algorithm = b"ed25519"
    elif isinstance(private, rsa.RSAPrivateKey):
        algorithm = b"ps256"
    else:
        raise ValueError("a key of the kind EC, Ed25519 or RSA is expected")
    return c2pa.C2paSignerInfo(algorithm, chain, key, None)


def _manifest(job: Job, kind: str) -> dict[str, Any]:
    """The signed statement: a model made the music. The music is the whole file, or a part of a
    video."""
    action = {
        "action": "c2pa.created",
        "digitalSourceType": COMPOSITE if kind.startswith("video") else source_type(job),
        "description": credit(job),
    }
    return {
        "claim_generator_info": [{"name": "AIgateway Music"}],
        "assertions": [{"label": "c2pa.actions", "data": {"actions": [action]}}],
    }


def signature_of(path: Path) -> dict[str, str]:
    """The signature of a file, as tags: the signer, and whether the file was changed since."""
    if path.suffix.lower() not in _KINDS:
        return {}
    try:
        import c2pa

        with path.open("rb") as file, c2pa.Reader(_KINDS[path.suffix.lower()], file) as reader:
            store = json.loads(reader.json())
        info = store["manifests"][store["active_manifest"]]["signature_info"]
        return {
            "c2pa signed by": str(info.get("common_name") or info.get("issuer")),
            "c2pa state": str(store.get("validation_state")),
        }
    # Any program can write a manifest, and the library has many errors for wrong ones.
    except Exception:
        return {}
