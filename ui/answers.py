"""How one question and its answer look: words, citations, what was missing, what a reader may do."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

import streamlit as st

from rag.errors import WenjuError
from rag.messages import message
from rag.records import Answer, Citation, Degraded, Passage, Turn
from ui import chips, export, state, trust
from ui.answering import Snapshot
from ui.boot import current, principal
from ui.evidence import by_marker
from ui.language import language, say
from ui.safe import answer_markdown, one_line, plain, shortened

REASONS = (
    "wrong_document",
    "wrong_page",
    "wrong_value",
    "arithmetic",
    "not_supported",
    "in_documents",
    "incomplete",
    "format",
    "language",
    "other",
)
SEARCH_STEPS = ("embed", "dense", "lexical", "fuse", "rerank", "load")


def grouped(turns: Sequence[Turn]) -> list[list[Turn]]:
    """Turns in order; answers to the same question asked again at once stand together, oldest first."""
    groups: list[list[Turn]] = []
    for turn in turns:
        if groups and groups[-1][-1].answer.question == turn.answer.question:
            groups[-1].append(turn)
        else:
            groups.append([turn])
    return groups


def question(words: str, key: str) -> None:
    with st.container(key=f"q-{key}"):
        st.markdown(plain(words))


def show(versions: list[Turn], *, last: bool) -> None:
    """A question with its latest answer, or the version chosen."""
    first = versions[0]
    chosen = st.session_state.get(f"version-{first.id}", len(versions))
    turn = versions[min(int(chosen), len(versions)) - 1] if len(versions) > 1 else first
    question(turn.answer.question, str(first.id))
    with st.container(key=f"a-{turn.id}"):
        _head(turn)
        chips.show(turn, first.id, last=last)
        _words(turn)
        _missing(turn.answer.degraded, turn.answer.incomplete)
        _next_steps(turn, last=last)
        _sources(turn)
        if turn.id:  # an answer that is not in the log cannot be rated or exported
            _actions(turn, versions, last=last)


def live(snapshot: Snapshot) -> None:
    """A running answer as far as it has come."""
    if snapshot.thinking:
        _thoughts(snapshot.thinking, "live")
    if snapshot.text:
        st.markdown(answer_markdown(snapshot.text) + " ▌", anchors=False)
    elif snapshot.stopping:
        _waiting(say("answer.stopping"))
    elif snapshot.passages is None:
        _waiting(say("answer.searching"))
    else:
        _waiting(say("answer.reading", count=len(snapshot.passages)))
    _missing(snapshot.degraded, incomplete=False)


def _waiting(words: str) -> None:
    st.markdown(f":gray[:material/hourglass_top: {words}]")


def _thoughts(words: str, key: str) -> None:
    with (
        st.container(key=f"thoughts-{key}"),
        st.expander(say("answer.thoughts"), icon=":material/psychology:"),
    ):
        st.markdown(plain(words))


def _head(turn: Turn) -> None:
    """How the answer came about, how much of it is supported, and what was searched."""
    answer = turn.answer
    with st.container(key=f"head-{turn.id}", horizontal=True, gap="small", vertical_alignment="center"):
        _mode(answer)
        if answer.from_cache:
            st.badge(
                say("answer.kept"), icon=":material/history:", color="gray", help=say("answer.kept_help")
            )
        trust.groundedness(turn)
    if answer.standalone_question and answer.standalone_question.strip() != answer.question.strip():
        st.caption(say("answer.searched_as", question=plain(answer.standalone_question)))
    if answer.thinking:
        _thoughts(answer.thinking, str(turn.id))


def _mode(answer: Answer) -> None:
    if answer.refused or answer.mode == "refused":
        st.badge(
            say("answer.mode_refused"),
            icon=":material/search_off:",
            color="orange",
            help=say("answer.mode_refused_help"),
        )
    elif answer.mode == "extractive" and answer.calculations:
        st.badge(
            say("answer.mode_calculated"),
            icon=":material/calculate:",
            color="gray",
            help=say("answer.mode_calculated_help"),
        )
    elif answer.mode == "extractive":
        st.badge(
            say("answer.mode_extractive"),
            icon=":material/format_quote:",
            color="gray",
            help=say("answer.mode_extractive_help"),
        )
    else:
        st.badge(
            one_line(" + ".join(n for n in (answer.model, answer.adapter) if n), 48)
            or say("answer.mode_generative"),
            icon=":material/smart_toy:",
            color="gray",
            help=say("answer.mode_generative_help"),
        )


def _words(turn: Turn) -> None:
    answer = turn.answer
    known = {c.marker for c in answer.citations}
    places: Counter[int] = Counter()

    def marker(number: int) -> str:
        if number not in known:
            return f"\\[{number}\\]"
        places[number] += 1
        return f"[{number}](#cite-{turn.id}-{number}-{places[number] - 1})"

    if not answer.text.strip():
        _waiting(say("answer.stopped_empty"))
        return
    quoted = answer.mode == "extractive"
    source = answer_markdown(trust.with_marks(answer), marker, verbatim=quoted)
    if quoted:  # the result first; the sentence below it spells out the formula
        trust.calculations(turn, formula=False)
    st.markdown(trust.drawn(source, turn), anchors=False)
    if not quoted:
        trust.calculations(turn)
    if answer.rule_hits:
        names = " · ".join(dict.fromkeys(one_line(hit.rule, 60) for hit in answer.rule_hits))
        st.caption(f":material/gavel: {say('answer.rules', names=names)}")
    st.session_state[state.COPIES][str(turn.id)] = export.markdown_answer(answer, language())


def _missing(degraded: Sequence[Degraded], incomplete: bool) -> None:
    notes = [message(d.code, language(), d.params) for d in degraded]
    if incomplete:
        notes.append(say("answer.incomplete"))
    for note in dict.fromkeys(notes):
        st.caption(f":material/info: {plain(note)}")


def _next_steps(turn: Turn, *, last: bool) -> None:
    """What a reader can do about a refusal, as buttons; the words stand in the answer."""
    actions = {hint.action for hint in turn.answer.hints}
    if not actions & {"widen", "upload", "wait", "library"}:
        return
    with st.container(key=f"next-{turn.id}", horizontal=True, gap="small"):
        if "widen" in actions and last and state.scope_size():
            st.button(
                say("answer.search_all"),
                key=f"widen-{turn.id}",
                icon=":material/travel_explore:",
                on_click=state.ask_everywhere,
                args=(turn.answer.question,),
            )
        if actions & {"upload", "wait", "library"} and st.button(
            say("answer.to_library"), key=f"library-{turn.id}", icon=":material/folder_open:"
        ):
            st.switch_page(st.session_state["_pages"]["library"])


def place(source: Citation | Passage, estimated: bool = False) -> str:
    """ "p. 12" or "pp. 12-13" in the page's language."""
    first, last = source.page_start, source.page_end
    if estimated:
        return say("answer.page_estimated", page=first)
    return say("answer.page", page=first) if last <= first else say("answer.pages", first=first, last=last)


def _sources(turn: Turn) -> None:
    answer = turn.answer
    estimated = {p.chunk_id: p.page_kind == "estimated" for p in answer.passages}
    opened = state.evidence()
    if answer.citations:
        with st.container(key=f"sources-{turn.id}", horizontal=True, gap="small"):
            for citation in by_marker(answer.citations):
                selected = (
                    opened is not None
                    and opened.kind == "citation"
                    and (opened.turn_id, opened.number) == (turn.id, citation.marker)
                )
                st.button(
                    f"**{citation.marker}**  {one_line(citation.document, 34)} · "
                    f"{place(citation, estimated.get(citation.chunk_id, False))}",
                    key=f"cite-{turn.id}-{citation.marker}",
                    help=plain(shortened(citation.quote, 220)),
                    type="primary" if selected else "secondary",
                    on_click=state.open_evidence,
                    args=(turn.id, citation.marker),
                )
    if answer.passages:
        label = (
            say("answer.nearest") if answer.refused else say("answer.passages", count=len(answer.passages))
        )
        with (
            st.container(key=f"read-{turn.id}"),
            st.expander(label, icon=":material/notes:", expanded=answer.refused),
        ):
            for passage in answer.passages[: 3 if answer.refused else None]:
                _passage(turn, passage)


def _passage(turn: Turn, passage: Passage) -> None:
    where = " › ".join(passage.section_path)
    with st.container(key=f"passage-{turn.id}-{passage.rank}", gap="small"):
        st.button(
            f"{one_line(passage.document, 40)} · {place(passage, passage.page_kind == 'estimated')}",
            key=f"show-{turn.id}-{passage.rank}",
            icon=":material/pageview:",
            type="tertiary",
            on_click=state.open_evidence,
            args=(turn.id, passage.rank, "passage"),
        )
        if where:
            st.caption(one_line(where, 120))
        st.markdown(plain(shortened(passage.text, 280)))


def _actions(turn: Turn, versions: list[Turn], *, last: bool) -> None:
    with st.container(key=f"actions-{turn.id}", horizontal=True, gap="small", vertical_alignment="center"):
        with st.container(key=f"copy-{turn.id}", width="content"):
            st.button(
                "", key=f"copied-{turn.id}", icon=":material/content_copy:", type="tertiary",
                help=say("answer.copy"),
            )  # fmt: skip
        if last:
            st.button(
                "", key=f"again-{turn.id}", icon=":material/refresh:", type="tertiary",
                help=say("answer.regenerate"), on_click=_again,
                args=(turn.answer.question, versions[0].id, turn.answer.understood.ignored),
            )  # fmt: skip
        st.button(
            "✓" if turn.rating == 1 else "", key=f"good-{turn.id}", type="tertiary", help=say("answer.good"),
            icon=":material/thumb_up:",
            on_click=_rate, args=(turn.id, 0 if turn.rating == 1 else 1),
        )  # fmt: skip
        _complain(turn)
        _export(turn)
        if len(versions) > 1:
            st.pagination(
                len(versions),
                default=len(versions),
                max_visible_pages=0,
                key=f"version-{versions[0].id}",
            )
            st.caption(say("answer.version", current=versions.index(turn) + 1, count=len(versions)))
        with st.container(key=f"timing-{turn.id}", width="content"):
            _timing(turn.answer.timings_ms)


def _again(words: str, first_turn: int, ignored_chips: Sequence[str] = ()) -> None:
    st.session_state.pop(f"version-{first_turn}", None)
    state.ask(words, ignored_chips, anew=True)


def _rate(
    turn_id: int, rating: int, reasons: Sequence[str] = (), comment: str = "", correction: str = ""
) -> None:
    engine = current().engine
    assert engine is not None
    try:
        engine.rate_turn(
            turn_id,
            principal(),
            1 if rating > 0 else -1 if rating < 0 else 0,
            tuple(reasons),
            comment,
            correction,
        )
    except WenjuError as error:
        st.toast(plain(error.localized(language())), icon=":material/error:")
        return
    if rating:
        st.toast(say("answer.thanks"), icon=":material/check:")


def _complain(turn: Turn) -> None:
    with (
        st.popover(
            "✓" if turn.rating == -1 else "",
            icon=":material/thumb_down:",
            type="tertiary",
            help=say("answer.bad"),
            key=f"bad-{turn.id}",
        ),
        st.form(f"complaint-{turn.id}", border=False),
    ):
        st.markdown(f"**{say('rate.title')}**")
        reasons = st.pills(
            say("rate.title"),
            options=REASONS,
            format_func=lambda reason: say(f"reason.{reason}"),
            selection_mode="multi",
            default=[r for r in turn.reasons if r in REASONS],
            key=f"reasons-{turn.id}",
            label_visibility="collapsed",
        )
        comment = st.text_area(
            say("rate.comment"), value=turn.comment, max_chars=2000, key=f"comment-{turn.id}", height=80
        )
        correction = st.text_area(
            say("rate.correction"),
            value=turn.correction,
            max_chars=4000,
            key=f"correction-{turn.id}",
            height=80,
            help=say("rate.correction_help"),
        )
        if st.form_submit_button(say("rate.send"), type="primary", key=f"send-{turn.id}"):
            _rate(turn.id, -1, tuple(reasons), comment.strip(), correction.strip())
            st.rerun()


def _export(turn: Turn) -> None:
    with st.popover(
        "", icon=":material/download:", type="tertiary", help=say("chat.export"), key=f"export-{turn.id}"
    ):
        export.buttons(turn.conversation_id, key=str(turn.id))


def _timing(timings: Mapping[str, float]) -> None:
    search = timings.get("search") or sum(timings.get(step, 0.0) for step in SEARCH_STEPS)
    shown = (
        ("answer.timing_search", search),
        ("answer.timing_first", timings.get("first_token")),
        ("answer.timing_total", timings.get("total")),
    )
    st.caption(" · ".join(say(key, ms=duration(ms)) for key, ms in shown if ms))


def duration(ms: float) -> str:
    """ "43 ms" or "2.1 s"."""
    return f"{ms:.0f} ms" if ms < 1000 else f"{ms / 1000:.1f} s"
