"""Google Cloud Storage and Azure on loopback, each with one bucket.

Azurite is no package of Python: `npm install --global azurite` brings it, and without it the tests
of Azure are skipped.
"""

from __future__ import annotations

import base64
import contextlib
import hashlib
import hmac
import http.client
import json
import re
import shutil
import sys
from collections.abc import Iterator, Mapping
from datetime import datetime, timezone
from email.utils import format_datetime
from pathlib import Path
from typing import NamedTuple
from urllib.parse import quote

from ..api.farm.shared_addresses import StoreUrl
from .buckets import FaultyProxy, free_port, running

NAME, MISSING = "tracks", "nothing"
"""Of buckets. Google's emulator does not know the hyphen that obstore sends as %2D."""
AZURITE = shutil.which("azurite-blob")
ACCOUNT, ACCOUNT_KEY = "farmoftests", base64.b64encode(b"canary+of/the=tests" * 3).decode()
ANOTHER_KEY = base64.b64encode(b"another key" * 5).decode()
_API_VERSION = "2021-08-06"


class Cloud(NamedTuple):
    """A service with one bucket.

    Attributes:
        address: the setting `store_url`.
        refused: the same with credentials that the service refuses; "" where it takes all.
        missing: the same with a bucket that does not exist.
        environment: the credentials as variables, for `bare`.
        bare: the address without credentials.
    """

    address: str
    refused: str
    missing: str
    environment: Mapping[str, str]
    bare: str

    def url(self) -> StoreUrl:
        return StoreUrl(self.address, "a test")


@contextlib.contextmanager
def google(directory: Path) -> Iterator[Cloud]:
    """Run Google's service; what it holds is in memory."""
    port = free_port()
    start = ["start", "--host", "127.0.0.1", "--port", str(port), "--in-memory"]
    command = [sys.executable, "-m", "gcp_storage_emulator", *start, "--default-bucket", NAME]
    with running(command, {}, port, directory / "google.log"):
        proxy = _Completed(port)
        key = {
            "gcs_base_url": f"http://127.0.0.1:{proxy.port}",
            "disable_oauth": True,
            "client_email": "",
            "private_key": "",
            "private_key_id": "",
        }
        bare = f"gs://{NAME}/farm"
        address = f"{bare}?service_account_key={quote(json.dumps(key))}"
        environment = {"GOOGLE_SERVICE_ACCOUNT_KEY": json.dumps(key)}
        try:
            yield Cloud(address, "", address.replace(NAME, MISSING, 1), environment, bare)
        finally:
            proxy.close()


@contextlib.contextmanager
def azure(directory: Path) -> Iterator[Cloud]:
    """Run Azure's service with its data in `directory`."""
    assert AZURITE is not None
    port = free_port()
    place = ["--blobHost", "127.0.0.1", "--blobPort", str(port), "--location", str(directory)]
    options = ["--silent", "--disableTelemetry", "--skipApiVersionCheck"]
    accounts = {"AZURITE_ACCOUNTS": f"{ACCOUNT}:{ACCOUNT_KEY}"}
    with running([AZURITE, *place, *options], accounts, port, directory / "azure.log"):
        _make_container(port)
        bare = f"az://{NAME}/farm?endpoint=http://127.0.0.1:{port}/{ACCOUNT}"
        start = f"{bare}&account_name={ACCOUNT}&access_key="
        environment = {
            "AZURE_STORAGE_ACCOUNT_NAME": ACCOUNT,
            "AZURE_STORAGE_ACCOUNT_KEY": ACCOUNT_KEY,
        }
        address = start + ACCOUNT_KEY
        missing = address.replace(NAME, MISSING, 1)
        yield Cloud(address, start + ANOTHER_KEY, missing, environment, bare)


class _Completed(FaultyProxy):
    """Adds the two headers of Google's answers that obstore reads, and that the emulator lacks.

    https://cloud.google.com/storage/docs/xml-api/reference-headers
    """

    async def _asked(self, head: bytes, body: bytes) -> bytes:
        answer = await super()._asked(head, body)
        if not re.match(rb"HTTP/1\.\d 200", answer):
            return answer
        content = body if head.startswith(b"PUT") else answer.partition(b"\r\n\r\n")[2]
        tag = hashlib.md5(content, usedforsecurity=False).hexdigest()
        date = format_datetime(datetime.now(timezone.utc), usegmt=True)
        lines = f'\r\nETag: "{tag}"\r\nLast-Modified: {date}\r\n'
        return answer.replace(b"\r\n", lines.encode(), 1)


def _make_container(port: int) -> None:
    """Make the container, in a request signed with the key of the account.

    https://learn.microsoft.com/rest/api/storageservices/authorize-with-shared-key
    """
    date = format_datetime(datetime.now(timezone.utc), usegmt=True)
    own = f"x-ms-date:{date}\nx-ms-version:{_API_VERSION}\n"
    place = f"/{ACCOUNT}/{ACCOUNT}/{NAME}\nrestype:container"
    text = "PUT" + 12 * "\n" + own + place
    secret = base64.b64decode(ACCOUNT_KEY)
    signature = base64.b64encode(hmac.digest(secret, text.encode(), "sha256")).decode()
    headers = {
        "x-ms-date": date,
        "x-ms-version": _API_VERSION,
        "Authorization": f"SharedKey {ACCOUNT}:{signature}",
        "Content-Length": "0",
    }
    connection = http.client.HTTPConnection("127.0.0.1", port)
    connection.request("PUT", f"/{ACCOUNT}/{NAME}?restype=container", headers=headers)
    answer = connection.getresponse()
    assert answer.status == 201, answer.read()
    connection.close()
