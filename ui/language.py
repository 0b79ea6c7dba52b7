"""Which language the page speaks, and how that is remembered.

First match wins: what was clicked in this session, ``?lang=`` in the address, the cookie of an earlier
visit, ``language`` in the settings, the browser's own. :mod:`ui.wire` writes the cookie.
"""

from __future__ import annotations

from typing import Literal, cast

import streamlit as st

from ui.texts import text

Code = Literal["zh", "en"]
COOKIE = "wenju_lang"
NAMES: dict[Code, str] = {"zh": "中文", "en": "English"}


def language() -> Code:
    """The language of this session."""
    if "lang" not in st.session_state:
        st.session_state["lang"] = _first()
    return cast(Code, st.session_state["lang"])


def remember(code: Code) -> None:
    st.session_state["lang"] = code
    st.query_params["lang"] = code


def say(key: str, /, **params: object) -> str:
    """The page's text ``key`` in this session's language."""
    return text(key, language(), **params)


def _first() -> Code:
    from ui.boot import current

    asked = st.query_params.get("lang", "") or st.context.cookies.get(COOKIE, "")
    if asked in NAMES:
        return asked
    engine = current().engine
    if engine is not None and engine.settings.language in NAMES:
        return engine.settings.language
    return "zh" if (st.context.locale or "").lower().startswith("zh") else "en"
