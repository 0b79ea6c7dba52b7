"""What the Engine offers admins around the audit chain: reading, checking, exporting, keeping it short.

Promises: admins only (AccessDenied), but for :meth:`Audits.note_export`, which whoever exports calls; an
export is itself noted, before its first line; what retention removes leaves an anchor in the chain, so that
the rest can still be checked.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from rag.access import LOCAL, require_right
from rag.errors import WenjuError
from rag.records import Principal
from rag.settings import Settings
from rag.text.cells import safe_cell

if TYPE_CHECKING:
    from rag.store import Store
    from rag.store.audit import AuditEntry
    from rag.store.backup import Backup

ExportFormat = Literal["jsonl", "csv"]
_COLUMNS = ("id", "at", "user_id", "action", "subject", "detail", "previous", "hash")


@dataclass(frozen=True, slots=True)
class ChainState:
    """``broken`` is the id of the first row that does not fit, None when all is as it was written. The last
    hash vouches for everything before it: written down elsewhere, it also shows that no newest row is
    missing."""

    rows: int
    broken: int | None
    last_id: int
    last_hash: str


class Audits:
    """Mixed into Engine."""

    settings: Settings
    store: Store

    def audit_entries(
        self,
        principal: Principal = LOCAL,
        *,
        user_id: str | None = None,
        action: str | None = None,
        since: datetime | None = None,
        until: datetime | None = None,
        before_id: int | None = None,
        limit: int = 200,
    ) -> list[AuditEntry]:
        """Newest first. ``action``: a whole name or its beginning up to a dot; ``until`` is exclusive."""
        require_right(principal, "admin")
        return self.store.actions(
            user_id=user_id, action=action, since=since, until=until, before_id=before_id, limit=limit
        )

    def check_audit(self, principal: Principal = LOCAL) -> ChainState:
        """Reads the whole chain (some 30,000 rows a second)."""
        require_right(principal, "admin")
        return ChainState(*self.store.chain_state())

    def export_audit(self, principal: Principal = LOCAL, form: ExportFormat = "jsonl") -> Iterator[str]:
        """Lines, oldest first, line ends included. In CSV what a spreadsheet would take for a formula gets an
        apostrophe before it."""
        require_right(principal, "admin")
        if form not in ("jsonl", "csv"):
            raise WenjuError("audit.format", form=str(form)[:20])
        self.note_export("audit", "", principal, {"format": form})
        return _csv(self.store.all_actions()) if form == "csv" else _jsonl(self.store.all_actions())

    def note_export(
        self,
        what: str,
        subject: str = "",
        principal: Principal = LOCAL,
        detail: Mapping[str, Any] | None = None,
    ) -> None:
        """Something leaves the house: "conversation", "original", "run", "feedback", "index". Called before
        it does: what cannot be noted is not exported."""
        self.store.note_action(principal.user_id, f"{what}.export", subject, detail)

    def back_up(self, target: Path, principal: Principal = LOCAL) -> Backup:
        """The whole library into a new file or folder, while it is in use (rag.store.backup)."""
        require_right(principal, "admin")
        self.note_export("library", "", principal)
        return self.store.back_up(target)

    def keep_audit_short(self, principal: Principal = LOCAL) -> int:
        """Removes what is older than audit.days; how many rows. 0 days: keeps everything."""
        require_right(principal, "admin")
        days = self.settings.audit.days
        if not days:
            return 0
        return self.store.trim_actions(datetime.now(UTC) - timedelta(days=days), principal.user_id)


def _jsonl(entries: Iterator[AuditEntry]) -> Iterator[str]:
    for entry in entries:
        yield json.dumps(record(entry), ensure_ascii=False) + "\n"


def _csv(entries: Iterator[AuditEntry]) -> Iterator[str]:
    yield ",".join(_COLUMNS) + "\r\n"
    for entry in entries:
        line = io.StringIO()
        values = {**record(entry), "detail": json.dumps(entry.detail, ensure_ascii=False)}
        csv.writer(line).writerow([safe_cell(str(values[name])) for name in _COLUMNS])
        yield line.getvalue()


def record(entry: AuditEntry) -> dict[str, Any]:
    """A row as plain data."""
    return {
        "id": entry.id,
        "at": entry.at.astimezone(UTC).isoformat(),
        "user_id": entry.user_id,
        "action": entry.action,
        "subject": entry.subject,
        "detail": dict(entry.detail),
        "previous": entry.previous,
        "hash": entry.hash,
    }
