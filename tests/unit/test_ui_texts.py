"""Every text of the page is used and says the same in both languages."""

import re
import string
import tomllib
from pathlib import Path
from typing import get_args

import pytest

from evaluation.errors import ERROR_CLASSES
from evaluation.scoring import MEASURES
from finetune.sets import SOURCES
from rag.access import RIGHTS, ROLES
from rag.records import DocumentStatus, HitAction, HitState, Language, Review, RuleKind
from ui import compliance, operations, operations_traces, quality_datasets, quality_feedback
from ui.answers import REASONS
from ui.library import BADGES, FILTERS
from ui.prompts import BUILT_IN
from ui.quality import TABS
from ui.quality_run import OUTCOMES, STATUSES
from ui.quality_runs import SYSTEMS
from ui.readiness import STATES
from ui.texts import TEXTS, text
from ui.texts_quality import MEASURE_NAMES, measure_name

ROOT = Path(__file__).parents[2]
MADE_UP = {
    *(f"status.{s}" for s in get_args(DocumentStatus)),
    *(f"hint.{s}" for s in get_args(DocumentStatus) if s not in ("queued", "parsing", "embedding", "ready")),
    *(f"language.{code}" for code in get_args(Language)),
    *(f"reason.{reason}" for reason in REASONS),
    *(f"library.filter_{name}" for name in FILTERS),
    *(f"state.{state}" for state in STATES),
    *(f"style.{use}{kind}" for use in BUILT_IN for kind in ("", "_help")),
    *(f"prompts.role_{role}" for role in ("system", "user")),
    *(f"viewer.{tab}" for tab in ("pages", "passages", "details")),
    *(f"mistake.{name}" for name in ERROR_CLASSES),
    *(f"quality.tab_{name}" for name in TABS),
    *(f"quality.system_{name}" for name in SYSTEMS),
    *(f"quality.outcome_{name}" for name in OUTCOMES),
    *(f"quality.status_{name}" for name in STATUSES),
    *(f"quality.state_{name}" for name in quality_datasets.STATES),
    *(f"quality.feedback_{name}" for name in quality_feedback.FILTERS),
    *(f"quality.verdict_{name}" for name in ("better", "worse", "same")),
    *(f"tuning.from_{name}" for name in SOURCES),
    *(f"tuning.role_{name}" for name in ("guard", "target")),
    *(f"ops.range_{name}" for name in operations.RANGES),
    *(f"ops.tab_{name}" for name in operations.TABS),
    *(f"ops.outcome_{name}" for name in operations.OUTCOMES),
    *(f"ops.order_{name}" for name in operations_traces.ORDERS),
    *(f"ops.rating_{name}" for name in ("up", "down")),
    *(f"ops.{name}_none" for name in ("popular", "unanswered")),
    *(f"quality.review_{name}" for name in get_args(Review) if name),
    *(f"compliance.tab_{name}" for name in compliance.TABS),
    *(f"compliance.state_{name}" for name in get_args(HitState)),
    *(f"compliance.action_{name}" for name in get_args(HitAction)),
    *(f"compliance.kind_{name}" for name in get_args(RuleKind)),
    *(f"account.right_{right}" for right in RIGHTS),
    *(f"people.role_{role}" for role in ROLES),
    *(f"people.tab_{name}" for name in ("users", "collections")),
}


def test_every_text_is_used_and_every_used_text_exists() -> None:
    files = [ROOT / "app.py", *(p for p in (ROOT / "ui").glob("*.py") if "texts" not in p.name)]
    source = "\n".join(p.read_text(encoding="utf-8") for p in files)
    literal = set(re.findall(r"""["']([a-z]+(?:\.[a-z_]+)?)["']""", source))
    used = {key for key in TEXTS if key in literal} | MADE_UP
    unused = {key for key in TEXTS if key not in used and not key.startswith("part.")}
    assert unused == set()
    asked = set(re.findall(r"""\b(?:say|text)\(\s*["']([a-z_.]+)["']""", source))
    assert (asked | MADE_UP) - TEXTS.keys() == set()


@pytest.mark.parametrize("key", sorted(TEXTS))
def test_both_languages_are_there_with_the_same_fields(key: str) -> None:
    english, chinese = TEXTS[key]
    assert english.strip()
    assert chinese.strip()

    def fields(words: str) -> set[str]:
        return {name for _, name, _, _ in string.Formatter().parse(words) if name}

    assert fields(english) == fields(chinese)
    if key not in ("chat.export_md", "chat.export_docx", "viewer.hash", "app.title", "viewer.tokens"):
        assert re.search(r"[\u4e00-\u9fff]", chinese), "not Chinese"
        assert not re.search(r"[\u4e00-\u9fff]", english.replace("问据", "")), "not English"


def test_unknown_language_reads_english() -> None:
    assert text("close", "de") == text("close", "en") == "Close"


def test_statuses_all_have_a_badge() -> None:
    assert set(BADGES) == set(get_args(DocumentStatus))


def test_installed_looks_are_the_repository_ones() -> None:
    installed = (ROOT / "ui" / "config.toml").read_bytes()
    assert (ROOT / ".streamlit" / "config.toml").read_bytes() == installed
    options = tomllib.loads(installed.decode())
    assert options["client"]["showErrorDetails"] == "none"
    assert options["server"]["enableXsrfProtection"] is True
    assert options["browser"]["gatherUsageStats"] is False


def test_every_measure_has_a_chinese_name() -> None:
    for measure in MEASURES:
        assert re.search(r"[\u4e00-\u9fff]", measure_name(measure, "zh")), measure
        assert measure_name(measure, "en") == measure
    assert measure_name("page hit@5", "zh") == "页面命中@5"
    assert all(MEASURE_NAMES.values())


def test_one_of_something_is_not_many() -> None:
    assert text("library.pages", "en", count=1) == "1 page"
    assert text("library.pages", "en", count=21) == "21 pages"
    summary = text("library.summary", "en", documents=1, pages=11, passages=1)
    assert summary == "1 document · 11 pages · 1 passage"
