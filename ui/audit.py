"""The Audit page: who did what and when. Admins only; the Engine checks it again."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime, time, timedelta
from typing import TYPE_CHECKING

import streamlit as st

from rag.errors import WenjuError
from ui.boot import current, principal
from ui.language import language, say
from ui.safe import plain

if TYPE_CHECKING:
    from rag.store.audit import AuditEntry

ROWS = 100
_BEFORE = "audit-before"  # the ids that earlier pages began at
AREAS = (
    "question", "document", "collection", "conversation", "feedback", "golden", "dataset", "run", "prompt",
    "term", "rule", "compliance", "train_set", "adapter", "people", "token", "library", "audit",
)  # fmt: skip


def page() -> None:
    engine = current().engine
    assert engine is not None
    st.title(say("audit.title"), anchor=False)
    st.caption(say("audit.lead"))
    days = engine.settings.audit.days
    st.caption(say("audit.kept", days=days) if days else say("audit.kept_ever"))
    names = user_names()
    people = {"": say("audit.everybody"), **{key: plain(name) for key, name in names.items()}}
    areas = {"": say("audit.everything"), **{area: area for area in AREAS}}
    with st.container(horizontal=True, vertical_alignment="bottom", key="audit-filters"):
        who = st.selectbox(
            say("audit.who"), options=[*people], key="audit-who", on_change=_newest,
            format_func=people.__getitem__,
        )  # fmt: skip
        what = st.selectbox(
            say("audit.what"), options=[*areas], key="audit-what", on_change=_newest,
            format_func=areas.__getitem__,
        )  # fmt: skip
        first: date | None = st.date_input(say("audit.from"), value=None, key="audit-from", on_change=_newest)
        last: date | None = st.date_input(say("audit.to"), value=None, key="audit-to", on_change=_newest)
    earlier: list[int] = st.session_state.setdefault(_BEFORE, [])
    try:
        entries = engine.audit_entries(
            principal(),
            user_id=who or None,
            action=what or None,
            since=_midnight(first),
            until=_midnight(last + timedelta(days=1) if last else None),
            before_id=earlier[-1] if earlier else None,
            limit=ROWS,
        )
    except WenjuError as error:
        st.error(plain(error.localized(language())), icon=":material/lock:")
        return
    _table(entries, names)
    with st.container(horizontal=True, key="audit-steps"):
        if len(entries) == ROWS:
            st.button(say("audit.older"), key="audit-older", on_click=earlier.append, args=(entries[-1].id,))
        if earlier:
            st.button(say("audit.newest"), key="audit-newest", on_click=_newest)
    _tools()


def user_names() -> dict[str, str]:
    """Names by user id; {} for a reader who may not know them."""
    engine = current().engine
    assert engine is not None
    try:
        known = {user.id: user.shown_name or user.name for user in engine.users(principal())}
    except WenjuError:
        known = {}
    return {"local": "local", **known}


def _table(entries: list[AuditEntry], names: dict[str, str]) -> None:
    if not entries:
        st.caption(say("audit.none"))
        return
    rows = [
        {
            "#": e.id,
            say("audit.when"): e.at.astimezone().strftime("%Y-%m-%d %H:%M:%S"),
            say("audit.who"): names.get(e.user_id, e.user_id),
            say("audit.what"): e.action,
            say("audit.subject"): e.subject,
            say("audit.detail"): json.dumps(e.detail, ensure_ascii=False)[:400] if e.detail else "",
        }
        for e in entries
    ]
    st.dataframe(rows, hide_index=True, width="stretch", height=480, key="audit-table")


def _tools() -> None:
    engine, who = current().engine, principal()
    assert engine is not None
    with st.container(horizontal=True, key="audit-tools"):
        check = st.button(say("audit.check"), key="audit-check", icon=":material/verified_user:")
        st.download_button(
            say("audit.export_jsonl"),
            data=lambda: "".join(engine.export_audit(who, "jsonl")).encode(),
            file_name="wenju-audit.jsonl", mime="application/jsonl", key="audit-jsonl", on_click="ignore",
        )  # fmt: skip
        st.download_button(
            say("audit.export_csv"),
            data=lambda: ("\ufeff" + "".join(engine.export_audit(who, "csv"))).encode(),
            file_name="wenju-audit.csv", mime="text/csv", key="audit-csv", on_click="ignore",
        )  # fmt: skip
    if check:
        state = engine.check_audit(who)
        if state.broken is None:
            st.success(say("audit.good", rows=state.rows, id=state.last_id, hash=state.last_hash))
        else:
            st.error(say("audit.broken", id=state.broken))


def _newest() -> None:
    st.session_state[_BEFORE] = []


def _midnight(day: date | None) -> datetime | None:
    """The beginning of a day where this process runs."""
    return None if day is None else datetime.combine(day, time()).astimezone().astimezone(UTC)
