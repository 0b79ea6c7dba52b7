"""The one error tree. A message names the thing, what was found, and what mends it.

::

    WenjuError
    ├── SettingsError          a setting is unknown, malformed or impossible
    ├── AccessDenied           not there, or not yours: the same words for both
    ├── StoreError             the database or the originals cannot be read or written
    │   ├── SchemaTooNew       the data was written by a newer Wenju
    │   └── DiskFull           nothing was lost; reading goes on
    ├── DocumentError          a file cannot be taken in; carries the state it ends in
    ├── IndexMismatch          the index was built with another embedding model
    ├── ModelError             a model cannot be loaded or used
    │   ├── ModelNotInstalled  weights or an extra are missing; names the command
    │   └── ModelUnavailable   an outside server is unreachable, slow or answers garbage
    ├── PromptError            a wording, or the name of a use, is not acceptable
    ├── PeopleError            a name, password, role or collection is not acceptable
    ├── TermError              a term for the vocabulary is not acceptable
    ├── RuleError              a compliance rule is not acceptable
    ├── Busy                   not now: too much at once, or shutting down; says when to come again
    └── SandboxError           a child process died, ran too long or took too much memory
"""

from __future__ import annotations

from collections.abc import Mapping

from rag.messages import message
from rag.records import DocumentStatus


class WenjuError(Exception):
    """``code`` is a key of :mod:`rag.messages`; ``params`` fill its text in any language."""

    def __init__(self, code: str, /, **params: object) -> None:
        self.code = code
        self.params: Mapping[str, str] = {k: str(v) for k, v in params.items()}
        super().__init__(message(code, "en", self.params))

    def localized(self, language: str) -> str:
        """The message in "en" or "zh" (English where a translation is missing)."""
        return message(self.code, language, self.params)


class SettingsError(WenjuError): ...


class AccessDenied(WenjuError): ...


class StoreError(WenjuError): ...


class SchemaTooNew(StoreError): ...


class DiskFull(StoreError): ...


class DocumentError(WenjuError):
    """``status`` is the final state that the document takes."""

    def __init__(self, status: DocumentStatus, code: str, /, **params: object) -> None:
        self.status = status
        super().__init__(code, **params)


class IndexMismatch(WenjuError): ...


class ModelError(WenjuError): ...


class ModelNotInstalled(ModelError): ...


class ModelUnavailable(ModelError): ...


class PromptError(WenjuError): ...


class PeopleError(WenjuError): ...


class TermError(WenjuError): ...


class RuleError(WenjuError): ...


class Busy(WenjuError):
    """``retry_after_s``: whole seconds after which it is worth trying again (HTTP Retry-After). Code
    "load.draining": this process is shutting down (HTTP 503); every other code: too much at once (429)."""

    def __init__(self, code: str, /, *, retry_after_s: int, **params: object) -> None:
        self.retry_after_s = retry_after_s
        super().__init__(code, seconds=retry_after_s, **params)


class SandboxError(WenjuError): ...
