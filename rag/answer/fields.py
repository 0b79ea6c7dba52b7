"""How texts word what questions ask for: a disclosure date stands beside "announced", a lead investor beside
"led by". Data in ``fields.toml``.

Promises: a question has at most one field, the first entry that matches; a sentence gives the field or does
not, told by its words alone. Pure; read once.
"""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import files

_DATE = (
    r"(?:\d{1,4}\s*年(?:\s*\d{1,2}\s*月)?|\d{1,2}\s*月\s*(?:\d{1,2}\s*日?|[初中底末])?|\d{1,2}\s*日|\d{4}-\d{1,2}"
    r"|\d{1,2}/\d{1,2}|今[天日]|近日|日前|昨[天日晚]|当[日晚]|本周|上周|周[一二三四五六日天]"
    r"|\b(?:jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)[a-z]*\.? \d)"
)
_NUMBER = r"\d[\d.,]*"


@dataclass(frozen=True, slots=True)
class Field:
    """``asked`` finds it in a question, ``held`` in a sentence that gives it."""

    id: str
    asked: re.Pattern[str]
    held: re.Pattern[str]


@lru_cache(maxsize=1)
def fields() -> tuple[Field, ...]:
    body = tomllib.loads((files("rag.answer") / "fields.toml").read_text("utf-8"))

    def pattern(text: str) -> re.Pattern[str]:
        return re.compile(text.replace("{D}", _DATE).replace("{N}", _NUMBER), re.IGNORECASE)

    return tuple(Field(one["id"], pattern(one["asked"]), pattern(one["held"])) for one in body["field"])


@lru_cache(maxsize=512)
def field_asked(question: str) -> Field | None:
    return next((field for field in fields() if field.asked.search(question)), None)
