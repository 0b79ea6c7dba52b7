"""How a folder of awkward files is taken in: each file's state against what its manifest expects.

    python benchmarks/file_states.py PACK [--json OUT] [--only ID,ID]

PACK holds ``manifest.csv`` (columns file, expect, password, min_chars, min_script, must_contain) and
``corpus/``. Every file is read as an upload is: in a sandboxed child with the default limits. A file passes
when its state is one that the manifest accepts, every string of must_contain comes out (spaces ignored),
and the text is long enough.
"""

from __future__ import annotations

import argparse
import csv
import json
import re
import sys
import time
import unicodedata
from collections import Counter
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from ingest.parse import SandboxedParser
from rag.errors import DocumentError
from rag.records import ParsedDocument
from rag.settings import IngestSettings

# What a manifest's expectation allows. "flagged": ready only with a warning that names the trouble.
ACCEPTED: dict[str, set[str]] = {
    "text": {"ready"},
    "partial": {"ready"},
    "password": {"password"},
    "scanned": {"scanned"},
    "scanned_mixed": {"scanned", "flagged"},
    "garbled": {"garbled"},
    "empty": {"empty"},
    "corrupt": {"corrupt", "empty"},
    "corrupt_or_empty": {"corrupt", "empty", "scanned"},
    "corrupt_or_text": {"corrupt", "ready", "empty"},
    "xfa_shell": {"unsupported", "flagged"},
    "legacy_doc": {"unsupported"},
    "bounded": {"ready", "failed", "scanned", "empty"},
}
SCRIPTS = {
    "cjk": r"[\u3400-\u9fff]",
    "kana": r"[\u3041-\u30ff]",
    "hangul": r"[\uac00-\ud7a3]",
    "arabic": r"[\u0600-\u06ff\u0750-\u077f\ufb50-\ufdff\ufe70-\ufefc]",
    "cyrillic": r"[\u0400-\u04ff]",
}


def dense(text: str) -> str:
    return "".join(unicodedata.normalize("NFKC", text).split())


def judge(row: dict[str, str], state: str, parsed: ParsedDocument | None) -> list[str]:
    """What is wrong; empty when the file passes."""
    accepted = ACCEPTED[row["expect"]]
    flagged = state == "ready" and parsed is not None and bool(parsed.warnings)
    if state not in accepted and not (flagged and "flagged" in accepted):
        return [f"state {state}, expected {row['expect']}"]
    if parsed is None or row["expect"] not in ("text", "partial"):
        return []
    return text_problems(row, parsed)


def text_problems(row: dict[str, str], parsed: ParsedDocument) -> list[str]:
    problems = []
    text = dense(parsed.text)
    problems += [f"lacks {s!r}" for s in row["must_contain"].split(" || ") if s and dense(s) not in text]
    if row["min_chars"] and len(text) < int(row["min_chars"]):
        problems.append(f"{len(text)} characters, at least {row['min_chars']}")
    for part in row["min_script"].split():
        script, least = part.split(":")
        found = len(re.findall(SCRIPTS[script], unicodedata.normalize("NFKC", parsed.text)))
        if found < int(least):
            problems.append(f"{found} {script}, at least {least}")
    if row["pages"] and row["type"] == "pdf" and int(row["pages"]) != len(parsed.pages):
        problems.append(f"{len(parsed.pages)} pages, not {row['pages']}")
    return problems


def read(parser: SandboxedParser, path: Path, row: dict[str, str], password: str | None) -> tuple[str, Any]:
    try:
        return "ready", parser.parse(path, row["orig_name"], password)
    except DocumentError as error:
        return error.status, error


def main() -> int:
    arguments = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    arguments.add_argument("pack", type=Path)
    arguments.add_argument("--json", type=Path, help="write one record a file")
    arguments.add_argument("--only", default="", help="file names, comma-separated")
    options = arguments.parse_args()
    with (options.pack / "manifest.csv").open(encoding="utf-8-sig", newline="") as stream:
        rows = list(csv.DictReader(stream))
    if options.only:
        rows = [r for r in rows if any(r["file"].startswith(o) for o in options.only.split(","))]
    records = []
    passed = Counter[str]()
    total = Counter[str]()
    with SandboxedParser(IngestSettings(workers=1)) as parser:
        for row in rows:
            path = options.pack / "corpus" / row["file"]
            begun = time.perf_counter()
            state, outcome = read(parser, path, row, None)
            parsed = outcome if isinstance(outcome, ParsedDocument) else None
            problems = judge(row, state, parsed)
            if row["expect"] == "password" and row["password"]:
                opened, second = read(parser, path, row, row["password"])
                if isinstance(second, ParsedDocument):
                    problems += [f"with password: {p}" for p in text_problems(row, second)]
                elif not (opened in ("scanned", "empty") and not row["must_contain"]):
                    problems.append(f"with password: {opened}")
            seconds = time.perf_counter() - begun
            total[row["expect"]] += 1
            passed[row["expect"]] += not problems
            code = outcome.code if isinstance(outcome, DocumentError) else " ".join(outcome.warnings)
            records.append(
                {
                    "file": row["file"],
                    "expect": row["expect"],
                    "state": state,
                    "code": code,
                    "problems": problems,
                    "s": round(seconds, 2),
                }
            )
            if problems or seconds > 5:
                told = f"{state:12} {seconds:5.1f} s  {'; '.join(problems)}  {code}"
                print(f"{row['file']:14} {row['expect']:16} {told}")
    for expect in sorted(total):
        print(f"{expect:18} {passed[expect]:3} / {total[expect]}")
    print(f"{'all':18} {sum(passed.values()):3} / {sum(total.values())}")
    if options.json:
        options.json.write_text(
            "\n".join(json.dumps(r, ensure_ascii=False) for r in records) + "\n", encoding="utf-8"
        )
    return 0 if sum(passed.values()) == sum(total.values()) else 1


if __name__ == "__main__":
    raise SystemExit(main())
