"""Every way a request can fail, as a type.

A message's first sentence says what to do or what went wrong in the user's terms; the job id and
the state of the money follow where there is one. No message ever holds the API key.
"""

from __future__ import annotations

# The public pages name no address for billing or keys other than the sign-in to the dashboard.
DASHBOARD_URL = "https://aigateway.sh/signin"


class GatewayError(Exception):
    """Base of all errors of this package.

    Attributes:
        job_id: the gateway's id of the job concerned, or None where there is none.
    """

    # ComfyUI shows a type with its module, and names that by the path of the pack's folder.
    __module__ = "aigateway"

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        cls.__module__ = GatewayError.__module__

    def __init__(self, message: str, *, job_id: str | None = None) -> None:
        super().__init__(message)
        self.job_id = job_id


class InputError(GatewayError, ValueError):
    """An input is wrong; nothing was sent and nothing was charged."""


class SettingsError(GatewayError):
    """The settings file or an environment variable cannot be read as what it should be."""


class SpendLimitError(GatewayError):
    """The request would cost more than the user's limit; nothing was sent."""


class MissingKeyError(GatewayError):
    """Live mode without an API key; nothing was sent."""


class UnreachableError(GatewayError):
    """The connection was never made: the gateway has seen nothing of the request."""


class NoAnswerError(GatewayError):
    """The request was sent and no answer came: the gateway may have acted on it."""


class ProtocolError(GatewayError):
    """The gateway answered with success, but not with what the protocol says."""


class StatusError(GatewayError):
    """The gateway answered with an error status.

    Attributes:
        status: the HTTP status.
        code: the gateway's own word for the error, "" where it gave none.
        reason: the gateway's own sentence, "" where it gave none.
    """

    def __init__(
        self,
        message: str,
        *,
        status: int,
        code: str = "",
        reason: str = "",
        job_id: str | None = None,
    ) -> None:
        super().__init__(message, job_id=job_id)
        self.status = status
        self.code = code
        self.reason = reason


class RejectedError(StatusError):
    """400, 422 and every other 4xx without a type of its own: the request itself is refused."""


class AuthenticationError(StatusError):
    """401: the key is unknown to the gateway."""


class CreditsError(StatusError):
    """402: the account has too little credit."""


class ScopeError(StatusError):
    """403: the key is not allowed to do this."""


class NotFoundError(StatusError):
    """404: no such job, model or file."""


class RateLimitError(StatusError):
    """429: too many requests.

    Attributes:
        retry_after: seconds until the gateway wants to be asked again, None if it did not say.
    """

    retry_after: float | None = None


class ServerError(StatusError):
    """500 and every other 5xx without a type of its own: a fault of the gateway."""

    retry_after: float | None = None


class UnavailableError(ServerError):
    """503: the gateway is closed for now; nothing was created."""


class BadGatewayError(ServerError):
    """502 or 504: a proxy gave up; what stands behind it may have acted on the request."""


class UncertainSubmitError(GatewayError):
    """A submit may have been charged and no job id is known."""


class JobFailedError(GatewayError):
    """The job ended as failed; the gateway does not charge for it."""


class JobCancelledError(GatewayError):
    """The job was cancelled, here or elsewhere."""


class WaitTimeoutError(GatewayError):
    """The wait ended; the job goes on and can be picked up by its id."""


class DownloadError(GatewayError):
    """The audio file could not be downloaded whole."""
