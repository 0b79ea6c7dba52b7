"""Logo and style sheet. All CSS is constant and ours; the only text put into it is from :mod:`ui.texts`."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path

import streamlit as st

from ui.texts import text

_HERE = Path(__file__).resolve().parent
ICON = str(_HERE / "icon.svg")


@cache
def _logo(dark: bool) -> str:
    ink, accent = ("#eef1f0", "#6cc9b9") if dark else ("#1f2a2c", "#0f6b62")
    return (_HERE / "logo.svg").read_text(encoding="utf-8").replace("INK", ink).replace("ACCENT", accent)


@cache
def _css(language: str, upload_mb: int, dark: bool) -> str:
    css = (_HERE / "style.css").read_text(encoding="utf-8")
    for name, words in {
        "DROP": text("upload.drop", language),
        "LIMIT": text("upload.limit", language, limit=upload_mb),
        "TERMS": text("upload.terms", language),
        "GOLDEN": text("upload.golden", language),
        "BROWSE": text("upload.browse", language),
    }.items():
        css = css.replace(f'"{{{name}}}"', json.dumps(words, ensure_ascii=False))
    if dark:
        css += ":root { --wj-sheet: #14191b; --wj-side: #101517; --wj-mark: #e8c35a; }"
    return f"<style>{css}</style>"


def dress(language: str, upload_mb: int) -> None:
    """Logo, wordmark and style sheet of every page."""
    dark = st.context.theme.type == "dark"
    st.html(_css(language, upload_mb, dark))
    st.logo(_logo(dark), size="large", icon_image=ICON)
