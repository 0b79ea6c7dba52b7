"""A conversation as Markdown or Word, with its numbered sources. Authorised by the Engine when made."""

from __future__ import annotations

import io
import re
from collections.abc import Sequence
from datetime import datetime

import streamlit as st

from rag.records import Answer, Citation, Turn
from ui import trust
from ui.boot import current, principal
from ui.language import language, say
from ui.texts import text

_ILLEGAL_XML = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")


def buttons(conversation_id: int, key: str) -> None:
    """Two downloads; the file is made when one is pressed."""
    engine, who, lang = current().engine, principal(), language()
    assert engine is not None

    def turns() -> list[Turn]:
        found = engine.turns(conversation_id, who)
        engine.note_export("conversation", str(conversation_id), who, {"turns": len(found)})
        return found

    st.download_button(
        say("chat.export_md"),
        data=lambda: markdown(turns(), lang).encode("utf-8"),
        file_name=f"wenju-{conversation_id}.md",
        mime="text/markdown",
        key=f"md-{key}",
        icon=":material/markdown:",
        width="stretch",
        on_click="ignore",
    )
    st.download_button(
        say("chat.export_docx"),
        data=lambda: word(turns(), lang),
        file_name=f"wenju-{conversation_id}.docx",
        mime="application/vnd.openxmlformats-officedocument.wordprocessingml.document",
        key=f"docx-{key}",
        icon=":material/description:",
        width="stretch",
        on_click="ignore",
    )


def markdown(turns: Sequence[Turn], lang: str) -> str:
    """The conversation as Markdown: each answer with its own numbered sources."""
    parts = [f"# {_flat(turns[0].answer.question) if turns else ''}"]
    for turn in turns:
        parts += [
            f"## {text('export.question', lang)}: {_flat(turn.answer.question)}",
            markdown_answer(turn.answer, lang),
        ]
        by = _spoken_by(turn.answer, lang)
        if by:
            parts.append(f"*{by}*")
    parts.append("---\n\n" + text("export.made", lang, date=_today()))
    return "\n\n".join(parts) + "\n"


def markdown_answer(answer: Answer, lang: str) -> str:
    """One answer with its sources, as it is copied."""
    lines = [answer.text.strip()]
    for title, found in _trust(answer, lang):
        lines += ["", f"**{title}**", "", *(f"- {line}" for line in found)]
    if answer.citations:
        lines += ["", f"**{text('export.sources', lang)}**", ""]
        lines += [_source(c, lang) for c in sorted(answer.citations, key=lambda c: c.marker)]
    return "\n".join(lines)


def word(turns: Sequence[Turn], lang: str) -> bytes:
    """The conversation as .docx."""
    from docx import Document as new_document
    from docx.oxml.ns import qn
    from docx.shared import Pt

    document = new_document()
    normal = document.styles["Normal"]
    normal.font.name, normal.font.size = "Calibri", Pt(11)
    normal.element.get_or_add_rPr().get_or_add_rFonts().set(qn("w:eastAsia"), "Microsoft YaHei")
    document.add_heading(_legal(_flat(turns[0].answer.question)) if turns else "", level=0)
    for turn in turns:
        document.add_heading(_legal(_flat(turn.answer.question)), level=1)
        for line in turn.answer.text.split("\n"):
            if line.strip():
                document.add_paragraph(_legal(line.strip()))
        for title, found in _trust(turn.answer, lang):
            document.add_heading(title, level=2)
            for line in found:
                document.add_paragraph(_legal(line))
        by = _spoken_by(turn.answer, lang)
        if by:
            document.add_paragraph().add_run(_legal(by)).italic = True
        if turn.answer.citations:
            document.add_heading(text("export.sources", lang), level=2)
            for citation in sorted(turn.answer.citations, key=lambda c: c.marker):
                document.add_paragraph(_legal(_source(citation, lang)))
    document.add_paragraph().add_run(text("export.made", lang, date=_today())).italic = True
    out = io.BytesIO()
    document.save(out)
    return out.getvalue()


def _trust(answer: Answer, lang: str) -> list[tuple[str, list[str]]]:
    """What an export says of an answer beside its words: formulas, and sentences without support."""
    parts = [
        (text("export.calculations", lang), trust.formulas(answer)),
        (text("export.checks", lang), trust.notes(answer, lang, text)),
    ]
    return [(title, lines) for title, lines in parts if lines]


def _source(citation: Citation, lang: str) -> str:
    first, last = citation.page_start, citation.page_end
    if last > first:
        where = text("answer.pages", lang, first=first, last=last)
    else:
        where = text("answer.page", lang, page=first)
    return f"[{citation.marker}] {citation.document}, {where}: “{_flat(citation.quote)}”"


def _spoken_by(answer: Answer, lang: str) -> str:
    if answer.mode == "extractive":
        return text("answer.mode_extractive", lang)
    model = " + ".join(name for name in (answer.model, answer.adapter) if name)
    return text("export.model", lang, model=model) if model else ""


def _flat(words: str) -> str:
    return " ".join(words.split())


def _legal(words: str) -> str:
    return _ILLEGAL_XML.sub("", words)


def _today() -> str:
    return datetime.now().astimezone().strftime("%Y-%m-%d %H:%M")
