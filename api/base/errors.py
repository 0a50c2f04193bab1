"""Every failure of a request, as a type.

    GatewayError
        InputError                  an input is wrong
        SettingsError               a setting cannot be read
        LedgerError                 the ledger cannot be read or written
            DamagedLedgerError      it lost something, and the user has not accepted it
            LedgerAwayError         its database does not answer                temporary
        MissingKeyError             live mode without an API key
        SpendLimitError             over a limit of the user
        UnreachableError            the connection was never made               temporary
            UntrustedCertificateError   its certificate is not trusted
        NoAnswerError               sent, and no answer came        charged?    temporary
        ProtocolError               the answer breaks the protocol  charged?    temporary
        StatusError                 the gateway answered with an error status
            RejectedError           400, 422 and every other 4xx
            AuthenticationError     401
            CreditsError            402
            BudgetError             402, the key's monthly budget
            ScopeError              403
            NotFoundError           404
            RateLimitError          429                                         temporary
            ServerError             500 and every other 5xx                     temporary
                UnavailableError    503                                         temporary
                BadGatewayError     502, 504                    charged?    temporary
        UncertainSubmitError        no job id is known          charged?
        DeadJobError                its `charge` says what the job cost
            JobFailedError          the job failed
            JobCancelledError       the job was cancelled, here or elsewhere
        WaitTimeoutError            the wait ended, the job goes on
        MissingFileError            the job completed, and the gateway names no file
        BucketError                 the bucket of the tracks fails                  temporary
        DownloadError               the audio file did not arrive whole
            AddressError            the address is not one that a download may reach

"charged?" marks `may_have_been_charged`: the gateway may have created and charged a job.
"temporary" marks `is_temporary`: the same request may succeed later.

A message says first what is wrong and what to do; the job id and the state of the money follow.
A message never holds the API key, and is one line of plain text.
"""

from __future__ import annotations

from typing import TypeVar

from .plain_text import plain

# The public pages give no address for billing or keys, except the sign-in to the dashboard.
DASHBOARD_URL = "https://aigateway.sh/signin"

E = TypeVar("E", bound="GatewayError")


class GatewayError(Exception):
    """Base of all errors of this package.

    Attributes:
        job_id: the gateway's id of the job, if the error is about a job.
        may_have_been_charged: whether the gateway may have created and charged a job.
        is_temporary: whether the same request may succeed later.
    """

    # ComfyUI prints `module.Type`; without this the module is the pack's folder path.
    __module__ = "aigateway"

    may_have_been_charged = False
    is_temporary = False

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        cls.__module__ = GatewayError.__module__

    def __init__(self, message: str, *, job_id: str | None = None) -> None:
        super().__init__(plain(message))
        self.job_id = job_id

    @property
    def bill(self) -> str:
        """The cost of the request in words; "" if the error does not say."""
        return "may have been charged" if self.may_have_been_charged else ""

    def noting(self: E, sentence: str, *, job_id: str | None = None) -> E:
        """A copy of this error that says one more sentence, and names the job."""
        message = str(self)
        noted = type(self).__new__(
            type(self), message if sentence in message else f"{message} {sentence}"
        )
        noted.__dict__.update(self.__dict__, job_id=job_id or self.job_id)
        return noted


class InputError(GatewayError, ValueError):
    """An input is wrong; nothing was sent and nothing was charged."""


class SettingsError(GatewayError):
    """The settings file or an environment variable cannot be read."""


class LedgerError(GatewayError):
    """The ledger cannot be read or written; without it the pack buys nothing."""


class DamagedLedgerError(LedgerError):
    """The ledger lost something; nothing is bought until the user has accepted it."""


class LedgerAwayError(LedgerError):
    """The ledger's database cannot be reached, or does not answer in time."""

    is_temporary = True


class MissingKeyError(GatewayError):
    """Live mode has no API key; nothing was sent."""


class SpendLimitError(GatewayError):
    """The request would cost more than the user's limit; nothing was sent.

    Attributes:
        setting: the setting that holds the limit.
    """

    def __init__(self, message: str, *, job_id: str | None = None, setting: str = "") -> None:
        super().__init__(message, job_id=job_id)
        self.setting = setting


class UnreachableError(GatewayError):
    """The connection failed: the gateway did not see the request."""

    is_temporary = True


class UntrustedCertificateError(UnreachableError):
    """The gateway's certificate is not trusted; nothing was sent."""

    is_temporary = False


class NoAnswerError(GatewayError):
    """The request was sent and no answer came: the gateway may have acted on it."""

    may_have_been_charged = True
    is_temporary = True


class ProtocolError(GatewayError):
    """The gateway answered with success, but the answer breaks the protocol."""

    may_have_been_charged = True
    is_temporary = True


class StatusError(GatewayError):
    """The gateway answered with an error status.

    Attributes:
        status: the HTTP status.
        code: the gateway's own word for the error; "" without one.
        reason: the gateway's own sentence; "" without one.
        reason: the gateway's own sentence; "" if it sent none.
    """

    def __init__(
        self,
        message: str,
        *,
        status: int,
        code: str = "",
        reason: str = "",
        retry_after: float | None = None,
        job_id: str | None = None,
    ) -> None:
        super().__init__(message, job_id=job_id)
        self.status = status
        self.code = plain(code)
        self.reason = plain(reason)
        self.retry_after = retry_after


class RejectedError(StatusError):
    """400, 422 and every other 4xx without a type of its own: the request is refused."""


class AuthenticationError(StatusError):
    """401: the gateway does not know the key."""


class CreditsError(StatusError):
    """402: the account has too little credit."""


class BudgetError(StatusError):
    """402: the monthly budget of this key is used up."""


class ScopeError(StatusError):
    """403: the key is not allowed to do this."""


class NotFoundError(StatusError):
    """404: no such job, model or file."""


class RateLimitError(StatusError):
    """429: too many requests."""

    is_temporary = True


class ServerError(StatusError):
    """500 and every other 5xx without a type of its own: a fault of the gateway."""

    is_temporary = True


class UnavailableError(ServerError):
    """503: the gateway is closed for now; nothing was created."""


class BadGatewayError(ServerError):
    """502 or 504: a proxy gave up; the gateway behind it may have acted on the request."""

    may_have_been_charged = True


class UncertainSubmitError(GatewayError):
    """A submit may have been charged, and no job id is known.

    Attributes:
        local_id: the ledger's id of the request.
    """

    may_have_been_charged = True

    def __init__(self, message: str, *, job_id: str | None = None, local_id: str = "") -> None:
        super().__init__(message, job_id=job_id)
        self.local_id = local_id


class DeadJobError(GatewayError):
    """The job failed or was cancelled.

    Attributes:
        charge: US dollars that the gateway took for it, see `Job.charge`.
    """

    def __init__(self, message: str, *, job_id: str | None, charge: float, bill: str) -> None:
        super().__init__(message, job_id=job_id)
        self.charge = charge
        self._bill = bill

    @property
    def bill(self) -> str:
        return self._bill


class JobFailedError(DeadJobError):
    """The job failed; as a rule the gateway does not charge for it."""


class JobCancelledError(DeadJobError):
    """The job was cancelled, here or elsewhere."""


class WaitTimeoutError(GatewayError):
    """The wait ended; the job goes on and can be picked up by its id."""


class MissingFileError(GatewayError):
    """The job completed and is paid, but the gateway names no address of its file."""


class BucketError(GatewayError):
    """The bucket of the tracks cannot be asked; its address stands in no message.

    Attributes:
        reason: what happened, for people.
    """

    is_temporary = True

    def __init__(self, message: str, reason: str) -> None:
        super().__init__(message)
        self.reason = reason


class DownloadError(GatewayError):
    """The audio file did not arrive whole."""


class AddressError(DownloadError, ValueError):
    """The address is not a public one, and the user has not allowed it; nothing was loaded."""
