"""The Prompts page: what a chat model is told, by use and language. Admins edit, look at what would be sent,
and go back to older wordings; the Engine checks every one of these again."""

from __future__ import annotations

from collections.abc import Callable

import streamlit as st

from rag.errors import WenjuError
from rag.records import PromptVersion
from ui.boot import current, principal
from ui.language import language, say
from ui.safe import one_line, plain

BUILT_IN = ("concise", "analyst")
NEW = ""
TEXT, QUESTION = "prompt_text", "prompt_question"


def style_name(use: str) -> str:
    """A use as the reader sees it: own ones as they are called, others in the page's language."""
    return say(f"style.{use}") if use in BUILT_IN else use


def style_chooser() -> None:
    """Near the input: how the next answers are written. Kept for the browser session."""
    engine = current().engine
    assert engine is not None
    uses = engine.prompt_uses()
    if st.session_state.get("answer_use") not in uses:
        # Streamlit forgets a widget's value while another page is open: the copy does not.
        preset = st.session_state.get("_answer_use", engine.settings.answer.prompt_use)
        st.session_state["answer_use"] = preset if preset in uses else uses[0]
    chosen = st.session_state["_answer_use"] = st.session_state["answer_use"]
    with st.popover(
        f"{say('style.label')}: {one_line(style_name(chosen), 24)}",
        icon=":material/edit_note:",
        type="tertiary",
        key="style",
    ):
        st.radio(
            say("style.label"),
            options=uses,
            format_func=lambda use: plain(style_name(use)),
            captions=[say(f"style.{use}_help") if use in BUILT_IN else say("style.own_help") for use in uses],
            key="answer_use",
            label_visibility="collapsed",
        )


def page() -> None:
    engine = current().engine
    assert engine is not None
    with st.container(key="narrow"):
        st.title(say("prompts.title"), anchor=False)
        st.caption(say("prompts.lead"))
        try:
            versions = engine.prompts(principal())
        except WenjuError as error:
            st.error(plain(error.localized(language())), icon=":material/lock:")
            return
        use, code = _chosen(versions)
        if use == NEW:
            use = _name()
        now = next((v for v in versions if (v.use, v.language) == (use, code)), None)
        _editor(use, code, now, versions)
        if now is not None:
            _history(use, code, now)
            if use not in BUILT_IN:
                st.button(
                    say("prompts.remove"),
                    key="prompt-remove",
                    icon=":material/delete:",
                    type="tertiary",
                    on_click=lambda: _act(lambda: engine.retire_prompt(use, principal()), "prompts.removed"),
                )


def _chosen(versions: list[PromptVersion]) -> tuple[str, str]:
    uses = list(dict.fromkeys(v.use for v in versions))
    if st.session_state.get("prompt_use", NEW) not in [*uses, NEW]:
        del st.session_state["prompt_use"]
    with st.container(horizontal=True, vertical_alignment="bottom", key="prompt-choice"):
        use = st.selectbox(
            say("prompts.use"),
            options=[*uses, NEW],
            format_func=lambda use: style_name(use) if use != NEW else say("prompts.new"),
            key="prompt_use",
        )
        code = st.segmented_control(
            say("prompts.language"),
            options=["zh", "en"],
            format_func=lambda code: say(f"language.{code}"),
            default=language(),
            required=True,
            key="prompt_language",
        )
    return use, code or language()


def _name() -> str:
    return st.text_input(
        say("prompts.name"), max_chars=32, key="prompt_name", placeholder=say("prompts.name_hint")
    ).strip()


def _editor(use: str, code: str, now: PromptVersion | None, versions: list[PromptVersion]) -> None:
    engine = current().engine
    assert engine is not None
    start = now or next(v for v in versions if (v.use, v.language) == (BUILT_IN[0], code))
    key = f"{TEXT}-{use}-{code}-{start.id}-{start.fingerprint}"
    st.text_area(say("prompts.text"), value=start.text, height=360, max_chars=6000, key=key)
    st.caption(say("prompts.placeholders"))
    note = st.text_input(say("prompts.note"), max_chars=200, key=f"prompt_note-{key}")
    text = str(st.session_state.get(key, start.text))
    st.button(
        say("save"),
        key="prompt-save",
        type="primary",
        icon=":material/save:",
        disabled=not use or (now is not None and text.strip() == now.text),
        on_click=lambda: _act(
            lambda: engine.save_prompt(use, code, text, principal(), note), "prompts.saved", use=use
        ),
    )
    _preview(use or BUILT_IN[0], code, text)


def _preview(use: str, code: str, text: str) -> None:
    engine = current().engine
    assert engine is not None
    with st.container(key="prompt-preview"), st.expander(say("prompts.preview"), icon=":material/preview:"):
        asked = st.text_input(
            say("prompts.question"), max_chars=1000, key=QUESTION, placeholder=say("prompts.question_hint")
        ).strip()
        if not asked:
            return
        try:
            shown = engine.preview_prompt(use, text, asked, principal(), language=code)
        except WenjuError as error:
            st.error(plain(error.localized(language())), icon=":material/error:")
            return
        st.caption(
            say("prompts.size", tokens=shown.tokens, passages=len(shown.passages), left_out=shown.left_out)
        )
        for number, sent in enumerate(shown.messages):
            st.markdown(f"**{say(f'prompts.role_{sent.role}')}**")
            st.code(sent.content, language=None, wrap_lines=True, height=320 if number else None)


def _history(use: str, code: str, now: PromptVersion) -> None:
    engine = current().engine
    assert engine is not None
    older = [v for v in engine.prompt_versions(use, code, principal()) if v.text and v.id != now.id]
    if not older:
        return
    with (
        st.container(key="prompt-history"),
        st.expander(say("prompts.history", count=len(older)), icon=":material/history:"),
    ):
        for version in older:
            with st.container(border=True, gap="small", key=f"prompt-version-{version.id}"):
                when = (
                    version.created_at.astimezone().strftime("%Y-%m-%d %H:%M")
                    if version.created_at
                    else say("prompts.built_in")
                )
                st.caption(f"{when} · {version.fingerprint} {plain(version.note)}")
                st.code(version.text, language=None, wrap_lines=True, height=160)
                st.button(
                    say("prompts.restore"),
                    key=f"prompt-restore-{version.id}",
                    icon=":material/undo:",
                    on_click=_restore,
                    args=(use, code, version.id),
                )


def _restore(use: str, code: str, version_id: int) -> None:
    engine = current().engine
    assert engine is not None
    _act(lambda: engine.restore_prompt(use, code, version_id, principal()), "prompts.restored", use=use)


def _act(change: Callable[[], object], done: str, **shown: str) -> None:
    """Does it and says so; a refused change says why and loses nothing of what was typed."""
    try:
        change()
    except WenjuError as error:
        st.toast(plain(error.localized(language())), icon=":material/error:", duration="long")
        return
    if "use" in shown:
        st.session_state["prompt_use"] = " ".join(shown["use"].split())
    st.toast(say(done), icon=":material/check:")
