"""What a newcomer sees: what this is, one button that shows it working, a place for their own files, real
progress, and first questions to ask."""

from __future__ import annotations

import streamlit as st

from rag.records import Document
from ui import library, state, uploads
from ui.boot import current, principal
from ui.language import language, say
from ui.safe import one_line, plain


def show(documents: list[Document]) -> None:
    ready = [d for d in documents if d.status == "ready"]
    busy = uploads.pending(documents)
    if not documents:
        _newcomer()
        return
    if ready:
        st.title(say("welcome.ask_title"), anchor=False)
        st.caption(say("welcome.ask_hint", count=len(ready)))
        _suggestions(ready)
    elif not busy:
        st.title(say("welcome.title"), anchor=False)
        st.info(say("welcome.none_ready"), icon=":material/info:")
        if st.button(say("welcome.open_library"), key="to-library", icon=":material/folder_open:"):
            st.switch_page(st.session_state["_pages"]["library"])
    if busy:
        _progress(titled=not ready)


def _newcomer() -> None:
    with st.container(key="hero"):
        st.title(say("welcome.title"), anchor=False, text_alignment="center")
        st.markdown(say("welcome.lead"), text_alignment="center")
    names = library.writable_names()
    with st.container(key="first-steps"):
        if not names:
            engine = current().engine
            some = engine is not None and engine.collections(principal())
            st.info(say("library.read_only" if some else "library.no_collections"))
            return
        if library.DEFAULT in names:
            with st.container(border=True, key="try-samples"):
                uploads.samples_button("samples")
                st.caption(say("welcome.samples_hint"), text_alignment="center")
        st.caption(say("welcome.own"), text_alignment="center")
        uploads.drop_zone("first-upload", collection=library.chosen_collection())


def _progress(*, titled: bool) -> None:
    known = {d.id for d in uploads.pending(_documents())}

    @st.fragment(run_every=uploads.PROGRESS_EVERY_S)
    def tick() -> None:
        documents = [d for d in _documents() if d.id in known]
        if any(d.status not in ("queued", "parsing", "embedding") for d in documents) or not documents:
            st.rerun()  # one has finished: the page around has something new to offer
        with st.container(key="progress"):
            if titled:
                st.subheader(say("welcome.reading"), anchor=False)
                st.caption(say("welcome.reading_hint"))
            uploads.trouble()
            shown = sorted(documents, key=lambda d: (-uploads.fraction(d), d.id))[:6]
            for document in shown:
                st.progress(
                    uploads.fraction(document),
                    f"**{one_line(document.name, 60)}** · {uploads.progress_words(document)}",
                )
            if len(documents) > len(shown):
                st.caption(f"+{len(documents) - len(shown)}")

    tick()


def _documents() -> list[Document]:
    engine = current().engine
    return engine.documents(principal()) if engine is not None else []


def _suggestions(ready: list[Document]) -> None:
    questions = suggested(ready)
    if not questions:
        return
    st.markdown(f"**{say('welcome.suggestions')}**")
    with st.container(key="suggestions", gap="small"):
        for number, words in enumerate(questions):
            st.button(
                plain(words),
                key=f"suggest-{number}",
                icon=":material/arrow_outward:",
                on_click=state.ask,
                args=(words,),
                width="stretch",
            )


def suggested(ready: list[Document], limit: int = 4) -> list[str]:
    """First questions for the sample reports that are ready: in the page's language, and one in the other
    when both reports are there."""
    from samples import sample_questions

    names = {d.name for d in ready}
    able = [
        q
        for q in sample_questions()
        if q.kind in ("lookup", "table") and q.evidence and all(e.doc in names for e in q.evidence)
    ]
    own = [q.question for q in able if q.lang == language()]
    other = [q.question for q in able if q.lang != language()]
    kept = own[: limit - bool(other)] if own else []
    return kept + other[: limit - len(kept)][: 1 if kept else limit]
