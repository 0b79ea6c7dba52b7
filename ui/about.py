"""What documents are about, in the library: badges, filters, and the form in which a person sets it right.

Promises: the form shows what is known and what a person has set; nothing is saved that the Engine refuses,
and what it refuses is said beside the form.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import streamlit as st

from rag.about import FISCAL_PERIODS, MAX_CHARS, REPORT_TYPES
from rag.errors import WenjuError
from rag.messages import message
from rag.records import Document
from rag.text.companies import short_name
from ui import state
from ui.boot import current, principal
from ui.language import language, say
from ui.safe import one_line, plain


@dataclass(frozen=True)
class Chosen:
    """What the list is narrowed to; empty: everything."""

    company: str = ""
    report_type: str = ""
    year: int = 0

    def __bool__(self) -> bool:
        return bool(self.company or self.report_type or self.year)

    def holds(self, document: Document) -> bool:
        about = document.about
        return (
            (not self.company or short_name(about.company) == self.company)
            and (not self.report_type or about.report_type == self.report_type)
            and (not self.year or about.fiscal_year == self.year)
        )


def type_words(kind: str) -> str:
    return say("about.other") if kind == "other" else message(f"chip.{kind}", language()) if kind else ""


def period_words(document: Document) -> str:
    """ "FY2023", "Q2 FY2023"; of a notice its day."""
    about = document.about
    part = about.fiscal_period if about.fiscal_period not in ("", "FY") else ""
    if about.report_type in ("current", "prospectus", "proxy") and about.date:
        return about.date
    return " ".join(x for x in (part, f"FY{about.fiscal_year}" if about.fiscal_year else "") if x)


def badges(document: Document) -> str:
    """Markdown: company, kind of report and period as badges; "" when nothing is known."""
    about = document.about
    shown = (
        ("gray", one_line(short_name(about.company), 48) if about.company else ""),
        ("blue", type_words(about.report_type)),
        ("green", period_words(document)),
    )
    return " ".join(f":{color}-badge[{words}]" for color, words in shown if words)


def filters(documents: Sequence[Document]) -> Chosen:
    """The chooser; shown only where there is something to choose between."""
    companies = sorted({short_name(d.about.company) for d in documents if d.about.company}, key=str.casefold)
    kinds = [k for k in REPORT_TYPES if k and any(d.about.report_type == k for d in documents)]
    years = sorted({d.about.fiscal_year for d in documents if d.about.fiscal_year}, reverse=True)
    if len(companies) < 2 and len(kinds) < 2 and len(years) < 2:
        return Chosen()
    known: dict[str, Sequence[object]] = {
        "about-company": companies,
        "about-type": kinds,
        "about-year": years,
    }
    for key, options in known.items():  # what is not there any more narrows nothing
        if st.session_state.get(key) is not None and st.session_state[key] not in options:
            st.session_state[key] = None
    active = sum(st.session_state.get(key) is not None for key in known)
    label = say("about.filter") if not active else f"{say('about.filter')} ({active})"
    with st.popover(label, icon=":material/filter_list:", key="about-filter"):
        company = st.selectbox(
            say("about.company"), companies, index=None, key="about-company", placeholder=say("about.any")
        )
        kind = st.selectbox(
            say("about.report_type"),
            kinds,
            index=None,
            key="about-type",
            format_func=type_words,
            placeholder=say("about.any"),
        )
        year = st.selectbox(
            say("about.fiscal_year"), years, index=None, key="about-year", placeholder=say("about.any")
        )
    return Chosen(company or "", kind or "", year or 0)


def edit(document: Document) -> None:
    """The form, in a dialog."""

    @st.dialog(say("about.edit"), on_dismiss=state.close_dialog)
    def dialog() -> None:
        about = document.about
        st.caption(one_line(document.name, 90))
        with st.form(f"about-form-{document.id}", border=False):
            title = st.text_input(say("about.title"), document.title, max_chars=MAX_CHARS, key="edit-title")
            company = st.text_input(
                say("about.company"), about.company, max_chars=MAX_CHARS, key="edit-company"
            )
            aliases = st.text_input(
                say("about.aliases"),
                "; ".join(about.aliases),
                key="edit-aliases",
                help=say("about.aliases_help"),
            )
            with st.container(horizontal=True):
                ticker = st.text_input(say("about.ticker"), about.ticker, max_chars=20, key="edit-ticker")
                kind = st.selectbox(
                    say("about.report_type"),
                    REPORT_TYPES,
                    index=REPORT_TYPES.index(about.report_type),
                    format_func=lambda k: type_words(k) or say("about.unknown"),
                    key="edit-type",
                )
            with st.container(horizontal=True):
                year = st.text_input(
                    say("about.fiscal_year"),
                    str(about.fiscal_year or ""),
                    max_chars=4,
                    key="edit-year",
                    placeholder="2024",
                )
                part = st.selectbox(
                    say("about.fiscal_period"),
                    FISCAL_PERIODS,
                    index=FISCAL_PERIODS.index(about.fiscal_period),
                    format_func=lambda p: (
                        message(f"chip.part.{p}", language()) if p else say("about.unknown")
                    ),
                    key="edit-part",
                )
                day = st.text_input(
                    say("about.date"), about.date, max_chars=10, key="edit-date", placeholder="2024-12-31"
                )
            st.caption(say("about.edit_help"))
            pressed = st.form_submit_button(say("about.save"), type="primary", key="edit-save")
        if not pressed:
            return
        try:
            if year.strip() and not year.strip().isdecimal():
                raise WenjuError("about.invalid", field=say("about.fiscal_year"), found=year, expected="2024")
            engine = current().engine
            assert engine is not None
            engine.edit_about(
                document.id,
                principal(),
                title=title,
                company=company,
                ticker=ticker,
                report_type=kind,
                fiscal_year=int(year) if year.strip() else 0,
                fiscal_period=part,
                date=day,
                aliases=[a.strip() for a in aliases.replace("；", ";").split(";") if a.strip()],
            )
        except WenjuError as error:
            st.error(plain(error.localized(language())), icon=":material/error:")
            return
        st.toast(say("about.saved"), icon=":material/check:")
        state.close_dialog()
        st.rerun()

    dialog()
