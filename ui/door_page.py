"""The HTML of the sign-in page: one form, no script. Everything that is put into it is escaped."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from html import escape
from pathlib import Path

_HERE = Path(__file__).resolve().parent


def page(
    language: str,
    *,
    title: str,
    lead: str,
    action: str,
    fields: Sequence[tuple[str, str, str, str, str]],
    button: str,
    languages: Sequence[tuple[str, str]],
    problem: str = "",
    note: str = "",
    provider: tuple[str, str] | None = None,
    username: str = "",
) -> str:
    """A whole page. ``fields``: (name, type, label, autocomplete, value); ``provider``: address and label of
    another way in; ``languages``: address and name of each; ``username``: told to password managers."""
    inputs = []
    for number, (name, kind, label, complete, value) in enumerate(fields):
        focus = " autofocus" if number == (1 if value or fields[0][4] else 0) else ""
        plain = ' autocapitalize="none" spellcheck="false"' if kind == "text" else ""
        inputs.append(
            f"<label>{escape(label)}"
            f'<input name="{escape(name)}" type="{escape(kind)}" value="{escape(value)}"'
            f' autocomplete="{escape(complete)}" maxlength="256" required{plain}{focus}></label>'
        )
    if username:
        inputs.insert(
            0, f'<input type="text" value="{escape(username)}" autocomplete="username" hidden readonly>'
        )
    links = "".join(f'<a href="{escape(there)}">{escape(name)}</a>' for there, name in languages)
    other = f'<a class="other" href="{escape(provider[0])}">{escape(provider[1])}</a>' if provider else ""
    return f"""<!doctype html>
<html lang="{"zh-CN" if language == "zh" else "en"}">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="robots" content="noindex">
<title>{escape(title)} · 问据 Wenju</title>
<style>{_css()}</style>
</head>
<body>
<main>
<div class="logo" aria-hidden="true">{_logo()}</div>
<h1>{escape(title)}</h1>
<p>{escape(lead)}</p>
{f'<div class="problem" role="alert">{escape(problem)}</div>' if problem else ""}
<form method="post" action="{escape(action)}">
{"".join(inputs)}
{f'<p class="note">{escape(note)}</p>' if note else ""}
<button type="submit">{escape(button)}</button>
</form>
{other}
<nav>{links}</nav>
</main>
</body>
</html>"""


@cache
def _css() -> str:
    return (_HERE / "door.css").read_text(encoding="utf-8")


@cache
def _logo() -> str:
    svg = (_HERE / "logo.svg").read_text(encoding="utf-8")
    return svg.replace("INK", "currentColor").replace("ACCENT", "var(--accent)")
