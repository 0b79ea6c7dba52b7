"""The library page: add, watch, look into, mend and delete documents. Pleasant with one or five hundred."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import streamlit as st

from rag.access import is_admin
from rag.errors import WenjuError
from rag.records import Document, DocumentStatus
from ui import about, state, uploads, viewer, vocabulary
from ui.boot import House, current, principal
from ui.evidence import original_button
from ui.language import language, say
from ui.safe import one_line, plain

if TYPE_CHECKING:
    from rag.engine import Engine

log = logging.getLogger(__name__)

ROWS = 15
DEFAULT = "default"  # the collection that is always there
BADGES: dict[DocumentStatus, tuple[str, str]] = {
    "queued": (":material/schedule:", "gray"),
    "parsing": (":material/auto_stories:", "blue"),
    "embedding": (":material/data_object:", "blue"),
    "ready": (":material/check_circle:", "green"),
    "password": (":material/lock:", "orange"),
    "scanned": (":material/image:", "orange"),
    "garbled": (":material/translate:", "orange"),
    "empty": (":material/draft:", "orange"),
    "corrupt": (":material/broken_image:", "red"),
    "unsupported": (":material/block:", "red"),
    "failed": (":material/error:", "red"),
}
FILTERS = ("all", "ready", "busy", "problem")


def page() -> None:
    house = current()
    with st.container(key="wide"):
        with st.container(horizontal=True, vertical_alignment="center", key="library-head"):
            st.title(say("library.title"), anchor=False)
            if is_admin(principal()):
                _menu(house)
        st.caption(say("library.lead"))
        documents = _documents()
        if writable_names():
            uploads.drop_zone("upload", collection=chosen_collection())
            _collection()
        else:
            st.info(
                say("library.read_only" if _engine().collections(principal()) else "library.no_collections")
            )
        with st.container(key="library-notes"):
            uploads.trouble()
            if house.reindexing.is_set():
                st.info(say("library.reindexing"), icon=":material/autorenew:")
        if not documents:
            if DEFAULT in writable_names():
                st.caption(say("library.empty"))
                uploads.samples_button("samples-library", primary=False)
            return
        _list(documents, house)
        vocabulary.section(chosen_collection())
    _dialogs(documents)


def _dialogs(documents: Sequence[Document]) -> None:
    wanted = state.dialog()
    document = next((d for d in documents if wanted and d.id == wanted[1]), None)
    if wanted is None or document is None:
        return
    if wanted[0] == "view-document":
        viewer.show(document)
    elif wanted[0] == "edit-about":
        about.edit(document)
    elif wanted[0] == "delete-document":
        _confirm_delete(document)


def _documents() -> list[Document]:
    engine = current().engine
    return engine.documents(principal()) if engine is not None else []


def chosen_collection() -> str:
    """The collection that uploads go to: the one that was chosen, else the first that may be changed."""
    names = writable_names()
    first = DEFAULT if DEFAULT in names or not names else names[0]
    return str(st.session_state.get("collection") or first).strip()[:100] or first


def writable_names() -> list[str]:
    """Names of the collections that the reader may put documents into; an admin also into new ones."""
    names = {c.name for c in _engine().writable_collections(principal())}
    return sorted(names | {DEFAULT}) if is_admin(principal()) else sorted(names)


def collection_words(name: str) -> str:
    """A collection's name as Markdown source; the first one has a name in the page's language."""
    return say("library.collection_default") if name == DEFAULT else one_line(name, 40)


def _collection() -> None:
    names = sorted({*writable_names(), chosen_collection()})
    with st.popover(
        f"{say('library.add_to')}: {collection_words(chosen_collection())}",
        icon=":material/folder:",
        type="tertiary",
        key="collection-choice",
    ):
        st.selectbox(
            say("library.collection_new"),
            options=names,
            index=names.index(chosen_collection()),
            format_func=lambda name: say("library.collection_default") if name == DEFAULT else name,
            key="collection",
            accept_new_options=is_admin(principal()),
            help=say("library.collection_help") if is_admin(principal()) else None,
        )


def _menu(house: House) -> None:
    with st.popover("", icon=":material/more_vert:", type="tertiary", help=say("more"), key="library-menu"):
        st.caption(say("library.reindex_help"))
        if st.button(
            say("library.reindex_all"),
            key="reindex-all",
            icon=":material/autorenew:",
            disabled=house.reindexing.is_set() or house.service is None,
        ):
            _reindex(house)
            st.rerun()


def _reindex(house: House) -> None:
    service = house.service
    if service is None:
        return

    def run() -> None:
        try:
            service.reindex()
        except WenjuError as error:
            log.error("re-index: %s", error)
        finally:
            house.reindexing.clear()

    house.reindexing.set()
    threading.Thread(target=run, name="reindex", daemon=True).start()


def _list(documents: Sequence[Document], house: House) -> None:
    with st.container(horizontal=True, vertical_alignment="bottom", key="library-filters"):
        words = st.text_input(
            say("library.search"),
            key="library-search",
            placeholder=say("library.search"),
            label_visibility="collapsed",
            icon=":material/search:",
        )
        kind = st.segmented_control(
            say("library.search"),
            options=FILTERS,
            default="all",
            format_func=lambda f: say(f"library.filter_{f}"),
            key="library-filter",
            label_visibility="collapsed",
        )
        names = sorted({d.collection for d in documents})
        only = ""
        if len(names) > 1:
            only = (
                st.selectbox(
                    say("library.collection"),
                    options=names,
                    index=None,
                    format_func=lambda name: say("library.collection_default") if name == DEFAULT else name,
                    placeholder=say("library.all_collections"),
                    key="library-collection",
                    label_visibility="collapsed",
                )
                or ""
            )
        chosen = about.filters(documents)
    busy = bool(uploads.pending(documents)) or house.reindexing.is_set()

    @st.fragment(run_every=uploads.PROGRESS_EVERY_S if busy else None)
    def rows() -> None:
        now = _documents()
        if busy and not uploads.pending(now) and not house.reindexing.is_set():
            uploads.forget_notes()
            st.rerun()
        ready = [d for d in now if d.status == "ready"]
        st.caption(
            say(
                "library.summary",
                documents=len(now),
                pages=sum(d.page_count for d in ready),
                passages=sum(d.chunk_count for d in ready),
            )
        )
        found = matching(now, words or "", kind or "all", only, chosen)
        if not found:
            st.caption(say("library.no_match"))
            return
        count = -(-len(found) // ROWS)
        at = min(int(st.session_state.get("library-page", 1) or 1), count)
        with st.container(key="library-rows", gap="small"):
            for document in found[(at - 1) * ROWS : at * ROWS]:
                _row(document)
        if count > 1:
            st.pagination(count, key="library-page")

    rows()


def matching(
    documents: Sequence[Document],
    words: str = "",
    kind: str = "all",
    collection: str = "",
    chosen: about.Chosen | None = None,
) -> list[Document]:
    """Documents whose name, title or company holds all ``words``, of one kind of state; what needs attention
    or is in progress first, then newest first."""
    wanted = words.lower().split()

    def group(document: Document) -> str:
        return {"ready": "ready", "queued": "busy", "parsing": "busy", "embedding": "busy"}.get(
            document.status, "problem"
        )

    found = [
        d
        for d in documents
        if (kind == "all" or group(d) == kind)
        and (not collection or d.collection == collection)
        and (not chosen or chosen.holds(d))
        and all(w in _words_of(d) for w in wanted)
    ]
    order = {"busy": 0, "problem": 1, "ready": 2}
    return sorted(found, key=lambda d: (order[group(d)], -d.id))


def _words_of(document: Document) -> str:
    known = document.about
    return " ".join((document.name, document.title, known.company, known.ticker, *known.aliases)).lower()


def _row(document: Document) -> None:
    with st.container(border=True, key=f"doc-{document.id}", gap="small"):
        with st.container(
            horizontal=True, wrap=False, vertical_alignment="center", key=f"line-{document.id}"
        ):
            if st.button(
                one_line(document.name, 90),
                key=f"look-{document.id}",
                type="tertiary",
                disabled=document.status != "ready",
                width="stretch",
            ):
                _open("view-document", document)
            icon, color = BADGES[document.status]
            st.badge(say(f"status.{document.status}"), icon=icon, color=color)  # type: ignore[arg-type]
            _row_menu(document)
        named = about.badges(document)
        if named and document.status == "ready":
            st.markdown(named)
        facts = facts_of(document)
        if document.status in ("parsing", "embedding"):
            st.progress(uploads.fraction(document), uploads.progress_words(document))
        elif facts:
            st.caption(facts)
        if document.status not in ("ready", "queued", "parsing", "embedding"):
            st.markdown(uploads.problem_words(document))
            if document.status == "password" and document.collection in writable_names():
                _unlock(document)


def facts_of(document: Document) -> str:
    """One line of facts: pages, passages, size, collection."""
    parts = []
    if document.status == "ready":
        estimated = document.page_kind == "estimated"
        parts.append(
            say("library.pages_estimated" if estimated else "library.pages", count=document.page_count)
        )
        parts.append(say("library.passages", count=document.chunk_count))
    parts.append(size_words(document.size_bytes))
    if document.collection != DEFAULT:
        parts.append(collection_words(document.collection))
    return " · ".join(parts)


def size_words(size_bytes: int) -> str:
    """ "340 KB" or "2.1 MB"."""
    return f"{max(1, round(size_bytes / 1024))} KB" if size_bytes < 2**20 else f"{size_bytes / 2**20:.1f} MB"


def _unlock(document: Document) -> None:
    with st.form(f"unlock-{document.id}", border=False, clear_on_submit=True):
        with st.container(horizontal=True, vertical_alignment="bottom"):
            password = st.text_input(
                say("library.password"),
                type="password",
                key=f"password-{document.id}",
                placeholder=say("library.password"),
                label_visibility="collapsed",
            )
            pressed = st.form_submit_button(
                say("library.unlock"), icon=":material/lock_open:", key=f"unlock-now-{document.id}"
            )
        if pressed and password:
            _act(lambda: _engine().retry_document(document.id, principal(), password=password))
            st.rerun()


def _row_menu(document: Document) -> None:
    with st.popover(
        "", icon=":material/more_vert:", type="tertiary", help=say("more"), key=f"menu-{document.id}"
    ):
        if document.status == "ready" and st.button(
            say("library.open"), key=f"view-{document.id}", icon=":material/pageview:", type="tertiary"
        ):
            _open("view-document", document)
        may_change = document.collection in writable_names()
        if (
            may_change
            and document.status == "ready"
            and st.button(
                say("about.edit"), key=f"about-{document.id}", icon=":material/edit:", type="tertiary"
            )
        ):
            _open("edit-about", document)
        original_button(document, f"original-{document.id}")
        if not may_change:
            return
        if document.status not in ("queued", "parsing", "embedding"):
            ready = document.status == "ready"
            if st.button(
                say("library.reindex") if ready else say("library.retry"),
                key=f"retry-{document.id}",
                icon=":material/refresh:",
                type="tertiary",
            ):
                _act(
                    lambda: _engine().retry_document(document.id, principal()),
                    say("library.requeued", name=one_line(document.name, 60)),
                )
                st.rerun()
        if st.button(say("delete"), key=f"delete-{document.id}", icon=":material/delete:", type="tertiary"):
            _open("delete-document", document)


def _open(kind: str, document: Document) -> None:
    state.open_dialog(kind, document.id)
    st.rerun()


def _confirm_delete(document: Document) -> None:
    @st.dialog(say("delete"), on_dismiss=state.close_dialog)
    def dialog() -> None:
        name = one_line(document.name, 60)
        st.markdown(say("library.delete_confirm", name=name))
        with st.container(horizontal=True, horizontal_alignment="right"):
            if st.button(say("cancel"), key="delete-no"):
                state.close_dialog()
                st.rerun()
            if st.button(say("delete"), key="delete-yes", type="primary"):
                _act(
                    lambda: _engine().delete_document(document.id, principal()),
                    say("library.deleted", name=name),
                )
                uploads.forget_notes()
                state.close_dialog()
                st.rerun()

    dialog()


def _act(act: Callable[[], None], done: str = "") -> None:
    try:
        act()
    except WenjuError as error:
        st.toast(plain(error.localized(language())), icon=":material/error:")
        return
    if done:
        st.toast(done, icon=":material/check:")


def _engine() -> Engine:
    engine = current().engine
    assert engine is not None
    return engine
