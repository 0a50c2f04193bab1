"""Whether a model makes music of a prompt: asked before anything is bought with it."""

from __future__ import annotations

from ..errors import GatewayError
from ..models import AUTO_MODEL, why_unusable
from ..request import DEFAULT_MODEL
from ..timing import Timing
from ..wire.client import Client
from .off_loop import off_loop
from .prices import Catalogue

# These are known, so the usual purchase costs no request more.
_KNOWN = (DEFAULT_MODEL, AUTO_MODEL)


async def why_refused(
    model: str, catalogue: Catalogue, client: Client, timing: Timing
) -> str | None:
    """Why the model is refused; None where it is not.

    The gateway's schema of the model says it, where there is one; else the words in its id. What a
    schema says is kept for `Timing.catalogue_age`.
    """
    if model in _KNOWN:
        return None
    kept = await off_loop(catalogue.verdict, model)
    if kept is not None and kept.age <= timing.catalogue_age:
        return kept.why_unusable
    try:
        schema = await client.model_schema(model)
    except GatewayError:
        schema = None
    if schema is None:
        return why_unusable(model)
    await off_loop(catalogue.judge, model, schema.why_unusable)
    return schema.why_unusable
