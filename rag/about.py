"""What a person may set of a document: checked, one line each, in the words of one clear error.

Promises: pure; what passes can be stored and read again; an empty value says "unknown" and is kept as such.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any, get_args

from rag.errors import WenjuError
from rag.records import FiscalPeriod, ReportType
from rag.text.reports import FIRST_YEAR, LAST_YEAR

MAX_CHARS = 200
MAX_ALIASES = 20
REPORT_TYPES: tuple[ReportType, ...] = get_args(ReportType)
FISCAL_PERIODS: tuple[FiscalPeriod, ...] = get_args(FiscalPeriod)
FIELDS = ("title", "company", "ticker", "report_type", "fiscal_year", "fiscal_period", "date", "aliases")


def checked(values: Mapping[str, Any]) -> dict[str, Any]:
    """``values`` without those that are None, as they are stored: lines trimmed, a year of 0 as None. Raises
    WenjuError("about.invalid") naming the field, what was found and what is expected."""
    found: dict[str, Any] = {}
    for name, value in values.items():
        if value is None:
            continue
        if name in ("title", "company", "ticker"):
            found[name] = _line(name, value)
        elif name == "report_type":
            found[name] = _one_of(name, value, REPORT_TYPES)
        elif name == "fiscal_period":
            found[name] = _one_of(name, value, FISCAL_PERIODS)
        elif name == "fiscal_year":
            if not isinstance(value, int) or (value and not FIRST_YEAR <= value <= LAST_YEAR):
                raise _invalid(name, value, f"{FIRST_YEAR}-{LAST_YEAR}")
            found[name] = value or None
        elif name == "date":
            found[name] = _day(value)
        elif name == "aliases":
            found[name] = _names(value)
        else:
            raise _invalid(name, value, ", ".join(FIELDS))
    return found


def _line(name: str, value: object) -> str:
    text = " ".join(
        "".join(c for c in str(value) if unicodedata.category(c)[0] != "C" or c in "\t\n").split()
    )
    if len(text) > MAX_CHARS:
        raise _invalid(name, f"{text[:40]}…", f"<= {MAX_CHARS}")
    return text


def _one_of(name: str, value: object, allowed: Sequence[str]) -> str:
    if value not in allowed:
        raise _invalid(name, value, ", ".join(repr(a) for a in allowed))
    return str(value)


def _day(value: object) -> str:
    text = str(value).strip()
    if not text:
        return ""
    try:
        return date.fromisoformat(text).isoformat()
    except ValueError as error:
        raise _invalid("date", text, "YYYY-MM-DD") from error


def _names(value: object) -> tuple[str, ...]:
    if isinstance(value, str) or not isinstance(value, Sequence):
        raise _invalid("aliases", value, "list")
    names = [n for n in dict.fromkeys(_line("aliases", v) for v in value) if n]
    if len(names) > MAX_ALIASES:
        raise _invalid("aliases", len(names), f"<= {MAX_ALIASES}")
    return tuple(names)


def _invalid(field: str, found: object, expected: str) -> WenjuError:
    return WenjuError("about.invalid", field=field, found=str(found)[:80], expected=expected)
