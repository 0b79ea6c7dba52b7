"""Wenju against the plain LangChain tutorial, side by side in one run, on a folder of PDFs.

    python -m benchmarks.ingest FOLDER [--pages 120] [--rounds 2] [--recipe-python PYTHON] [--json FILE]

``--pages`` pages of the folder's PDFs are copied in runs of 15 neighbouring pages, a run a file. Both sides
then take turns, each phase in a fresh process: a cold ingest of those files (models loaded before the clock
starts), retrieval with one and with eight clients (every question is new), and the time from process start
to the first answer. For Wenju also the same pages in 100 files (fewer when there are fewer pages), so that
"1 % changed" is one file with other pages: cold, and again after that file changed; the tutorial has nothing
but a second cold ingest. Memory is the peak of the whole process tree (proportional set size, Linux). The
best of the rounds counts on both sides. Prints a table and writes JSON.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
FILES = 100
RUN = 15  # pages of a file of the cold ingest
Figures = dict[str, float]


def prepare(source: Path, folder: Path, many: Path, pages: int) -> int:
    """Write the files of the cold ingest into ``folder``, the same pages in many files into ``many``, and the
    queries beside them; returns the pages written. The file that changes later waits as ``changed.pdf``."""
    from pypdf import PdfReader, PdfWriter

    texts: list[str] = []
    chosen: list[Any] = []
    readers = [PdfReader(path) for path in sorted(source.glob("*.pdf"))]
    if not readers:
        raise SystemExit(f"no PDFs in {source}")
    wanted = pages + max(1, pages // FILES)
    runs = ((reader, start) for start in range(0, wanted, RUN) for reader in readers)
    for reader, start in runs:  # a run of every file before a second one of any
        chosen.extend(reader.pages[start : start + RUN])
        if len(chosen) >= wanted:
            break
    spare, chosen = chosen[pages:wanted] or chosen[:1], chosen[:pages]
    for into, each in ((folder, RUN), (many, max(1, -(-len(chosen) // FILES)))):
        for number, first in enumerate(range(0, len(chosen), each)):
            _write(PdfWriter(), chosen[first : first + each], into / f"file{number:03d}.pdf")
    _write(PdfWriter(), spare, folder.parent / "changed.pdf")
    for page in chosen[:: max(1, len(chosen) // 60)]:
        words = page.extract_text().split()
        if len(words) >= 20:
            texts.append(" ".join(words[10:20]))
    (folder.parent / "queries.txt").write_text("\n".join(texts), "utf-8")
    return len(chosen)


def _write(writer: Any, pages: list[Any], path: Path) -> None:
    for page in pages:
        writer.add_page(page)
    writer.write(path)


def tree_memory_mb(pid: int) -> float:
    """Proportional set size of a process and its descendants, MiB."""
    children: dict[int, list[int]] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                parent = int((entry / "stat").read_text().rsplit(")", 1)[1].split()[1])
            except (OSError, IndexError):
                continue
            children.setdefault(parent, []).append(int(entry.name))
    total, waiting = 0.0, [pid]
    while waiting:
        current = waiting.pop()
        waiting += children.get(current, [])
        try:
            for line in Path(f"/proc/{current}/smaps_rollup").read_text().splitlines():
                if line.startswith("Pss:"):
                    total += int(line.split()[1]) / 1024
        except OSError:
            continue
    return total


def run(command: list[str], settings: dict[str, str]) -> dict[str, Figures]:
    """The phases that a side prints, each with the memory peak up to its end."""
    environment = {**os.environ, "HF_HUB_OFFLINE": "1", "TOKENIZERS_PARALLELISM": "true", **settings}
    began = time.perf_counter()
    process = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True)
    peak = 0.0
    ended = threading.Event()

    def watch() -> None:
        nonlocal peak
        while not ended.wait(0.5):
            peak = max(peak, tree_memory_mb(process.pid))

    watcher = threading.Thread(target=watch, daemon=True)
    watcher.start()
    phases: dict[str, Figures] = {}
    assert process.stdout is not None
    for line in process.stdout:
        if line.startswith('{"phase"'):
            figures = json.loads(line)
            figures["peak_mb"] = peak
            figures["from_process_start_s"] = time.perf_counter() - began
            print(
                "  ",
                command[2],
                {k: round(v, 2) if isinstance(v, float) else v for k, v in figures.items()},
                flush=True,
            )
            phases[figures.pop("phase")] = figures
    ended.set()
    watcher.join()
    if process.wait() != 0:
        raise SystemExit(f"{' '.join(command)} ended with {process.returncode}")
    return phases


def best(rounds: list[dict[str, Figures]], phase: str, name: str, *, most: bool = False) -> float:
    values = [side[phase][name] for side in rounds if phase in side]
    return max(values) if most else min(values)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", type=Path)
    parser.add_argument("--pages", type=int, default=120)
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--recipe-python", default=str(ROOT / ".venv-models" / "bin" / "python"))
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    if not Path(arguments.recipe_python).is_file():
        raise SystemExit(f"no {arguments.recipe_python}: make it with the commands in benchmarks/README.md")

    ours: list[dict[str, Figures]] = []
    recipe: list[dict[str, Figures]] = []
    with tempfile.TemporaryDirectory() as scratch:
        for number in range(arguments.rounds):
            place = Path(scratch, str(number))
            folder, many, data = place / "pdfs", place / "many", place / "data"
            folder.mkdir(parents=True)
            many.mkdir()
            pages = prepare(arguments.folder, folder, many, arguments.pages)
            settings = {"WENJU_MODELS_DIR": str(Path(scratch, "models"))}
            print(f"round {number + 1}: {pages} pages in {len(list(folder.glob('*.pdf')))} files", flush=True)
            theirs = [arguments.recipe_python, "-m", "benchmarks.recipe"]
            mine = [sys.executable, "-m", "benchmarks.ours"]
            recipe.append(
                run([*theirs, "ingest", str(folder)], {}) | run([*theirs, "start", str(folder)], {})
            )
            side = run([*mine, "ingest", str(folder), str(data)], settings)
            side |= run([*mine, "start", str(folder), str(data)], settings)
            side |= run([*mine, "many", str(many), str(place / "data-many")], settings)
            (place / "changed.pdf").replace(many / "file000.pdf")
            side |= run([*mine, "again", str(many), str(place / "data-many")], settings)
            ours.append(side)

    rows = table(ours, recipe)
    print(f"{platform.processor() or platform.machine()}, {os.cpu_count()} cores, best of {arguments.rounds}")
    for row in rows:
        sides = f"recipe {row['recipe']:9.2f}   wenju {row['ours']:9.2f}   {row['ratio']:6.1f}x"
        print(f"{row['figure']:48s} {sides}")
    if arguments.json:
        report = {"pages": arguments.pages, "table": rows, "ours": ours, "recipe": recipe}
        arguments.json.write_text(json.dumps(report, indent=1), "utf-8")


def table(ours: list[dict[str, Figures]], recipe: list[dict[str, Figures]]) -> list[dict[str, Any]]:
    """Ratios are "times better than the recipe"."""

    def seconds(rounds: list[dict[str, Figures]], phase: str) -> float:
        return best(rounds, phase, "seconds")

    def row(figure: str, theirs: float, mine: float, *, more_is_better: bool = False) -> dict[str, Any]:
        ratio = mine / theirs if more_is_better else theirs / mine
        return {"figure": figure, "recipe": theirs, "ours": mine, "ratio": ratio}

    pages = ours[0]["ingest"]["pages"]
    theirs_cold, mine_cold = seconds(recipe, "ingest"), seconds(ours, "ingest")
    rows = [
        row("ingest, pages/s", pages / theirs_cold, pages / mine_cold, more_is_better=True),
        row("again with 1 % changed, s (own cold ingest)", seconds(ours, "many"), seconds(ours, "again")),
        row("again with 1 % changed, s (recipe: all again)", theirs_cold, seconds(ours, "again")),
    ]
    rows.append(row("ingest, CPU s", best(recipe, "ingest", "cpu_s"), best(ours, "ingest", "cpu_s")))
    for name in ("one_client_p50_ms", "eight_clients_p95_ms"):
        theirs = best(recipe, "retrieval", name)
        rows.append(row(f"retrieval, {name}", theirs, best(ours, "retrieval", name)))
        rows.append(row(f"  without reranking, {name}", theirs, best(ours, "fusion", name)))
    for figure, phase, name in (
        ("peak memory of ingest, MiB", "ingest", "peak_mb"),
        ("imports + model until first answer, s", "start", "seconds"),
        ("process start until first answer, s", "start", "from_process_start_s"),
    ):
        rows.append(row(figure, best(recipe, phase, name), best(ours, phase, name)))
    return rows


if __name__ == "__main__":
    main()
