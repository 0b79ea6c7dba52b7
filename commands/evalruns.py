"""``wenju eval run | list | report | compare | gate``: systems asked, compared and judged."""

from __future__ import annotations

import os
import re
import signal
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from commands.console import (
    GATE_CLOSED,
    INTERRUPTED,
    SOME_FAILED,
    Exit,
    console,
    emit,
    language,
    note,
    printable,
    say,
    text,
    usage_error,
)
from commands.evaluate import load_dataset, write
from rag.messages import message

if TYPE_CHECKING:
    from evaluation.judge import Judge
    from evaluation.runner import OnProgress, Ran
    from evaluation.runs import SystemSpec
    from rag.engine import Engine
    from rag.records import EvalResult, EvalRun

DEFAULT_SYSTEMS = ("answer", "search:kind=retrieval")
JUDGE_KEY = "WENJU_JUDGE_API_KEY"


def run(
    engine: Engine,
    dataset: str,
    *,
    described: Sequence[str],
    systems_file: Path | None,
    measures: Sequence[str],
    limit: int | None,
    collection: str,
    jobs: int,
    name: str,
    out: Path | None,
    fresh: bool,
    judge: str,
    judge_model: str,
    as_json: bool,
) -> None:
    """Asks, then prints the table. Exits with 3 when some question could not be asked, 130 when stopped."""
    from evaluation.datasets import draw
    from evaluation.runner import run as run_spec
    from evaluation.runs import RunSpec

    _known(measures)
    systems = _systems(described, systems_file)
    questions = load_dataset(engine, dataset)
    spec = RunSpec(
        dataset=questions.name,
        questions=draw(questions.questions, limit) if limit else questions.questions,
        systems=tuple(systems),
        name=name,
        measures=tuple(measures),
        collection=collection,
        jobs=jobs,
    )
    with _politely() as stop, _progress() as show:
        ran = run_spec(
            engine,
            spec,
            stop=stop,
            on_progress=show,
            fresh=fresh,
            judge=_judge(judge, judge_model),
            keys=_keys(systems),
        )
        interrupted = stop.is_set() and not ran.complete
    _show(engine, ran, measures, as_json=as_json)
    if out is not None:
        _write_reports(engine, ran.run, out, measures)
    if interrupted:
        say(text("cli.eval.stopped", asked=ran.run.asked, total=ran.run.total))
        raise Exit(INTERRUPTED)
    if not ran.complete or ran.skipped or questions.bad:
        raise Exit(SOME_FAILED)


def _systems(described: Sequence[str], file: Path | None) -> list[SystemSpec]:
    from evaluation.runs import SystemSpec, read_systems, unique

    found = [SystemSpec.parse(one) for one in described] + (read_systems(file) if file else [])
    return unique(found or [SystemSpec.parse(one) for one in DEFAULT_SYSTEMS])


def _keys(systems: Sequence[SystemSpec]) -> dict[str, Any]:
    """API keys, from the variables that the systems name: a key never stands in a command or a file."""
    from pydantic import SecretStr

    named = {s.name: s.options["key_env"] for s in systems if s.options.get("key_env")}
    for variable in named.values():
        if not os.environ.get(variable):
            raise usage_error(text("cli.eval.no_key", variable=variable))
    return {name: SecretStr(os.environ[variable]) for name, variable in named.items()}


def _judge(url: str, model: str) -> Judge | None:
    if not url:
        return None
    from evaluation.judge import open_judge

    return open_judge(url, model, os.environ.get(JUDGE_KEY, ""))


def _known(measures: Sequence[str]) -> None:
    from evaluation.scoring import MEASURES

    for measure in measures:
        if measure not in MEASURES:
            raise usage_error(text("cli.eval.no_measure", name=measure, known=", ".join(MEASURES)))


@contextmanager
def _politely() -> Iterator[threading.Event]:
    """The first Ctrl-C (or SIGTERM) lets the questions at work end; the second ends at once."""
    stop = threading.Event()

    def asked(*_: object) -> None:
        if stop.is_set():
            raise KeyboardInterrupt
        stop.set()
        say("\n" + text("cli.eval.stopping"))

    before = {number: signal.signal(number, asked) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextmanager
def _progress() -> Iterator[OnProgress | None]:
    if not sys.stderr.isatty():
        yield None
        return
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    with Progress(
        TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn(),
        console=console(), transient=True,
    ) as bar:  # fmt: skip
        task = bar.add_task("")

        def show(done: int, total: int, system: str) -> None:
            bar.update(task, completed=done, total=total, description=printable(system))

        yield show


def _show(engine: Engine, ran: Ran, measures: Sequence[str], *, as_json: bool) -> None:
    from evaluation import report

    if as_json:
        emit({**report.to_json(ran.run), "skipped": {k: list(v) for k, v in ran.skipped.items()}})
    else:
        print(report.main_table(ran.run.summary, measures))
        if differences := report.difference_table(ran.run.summary, measures, decided=True):
            print(f"\n{differences}")
        elif len(ran.run.systems) > 1:
            print(f"\n{text('cli.eval.no_difference')}")
        print(f"\n{text('cli.eval.run', id=ran.run.id, asked=ran.run.asked, total=ran.run.total)}")
    if ran.reused:
        note(text("cli.eval.reused", reused=ran.reused))
    if ran.skipped:
        missing = sorted({name for names in ran.skipped.values() for name in names})
        note(text("cli.eval.skipped", n=len(ran.skipped), missing=printable(", ".join(missing[:5]))))
    for problem, times in ran.failed.items():
        note(f"{printable(problem)} ({times})")
    for name, system in ran.run.summary["systems"].items():
        for code, times in system["degraded"].items():
            note(f"{name}: {_plain(code)} ({times})")


def _plain(code: str) -> str:
    """The message of ``code`` without its parameters: a count stands for many questions."""
    return re.sub(r"\s?<\w+>", "", message(code, language()))


def _write_reports(engine: Engine, run: EvalRun, folder: Path, measures: Sequence[str]) -> None:
    for form in ("md", "html", "json"):
        path = folder / f"run-{run.id}.{form}"
        write(_rendered(engine, run, form, measures), path)
    say(text("cli.eval.written", path=folder / f"run-{run.id}.html"))


def _rendered(engine: Engine, run: EvalRun, form: str, measures: Sequence[str]) -> str:
    import json

    from evaluation import report, report_html

    results = list(engine.results(run.id))
    if form == "html":
        return report_html.html(run, results)
    if form == "json":
        return json.dumps(report.to_json(run, results), ensure_ascii=False, indent=1) + "\n"
    if form == "ragas":
        from evaluation.ragas_adapter import ragas_lines

        return "".join(json.dumps(line, ensure_ascii=False) + "\n" for line in ragas_lines(engine, results))
    return report.markdown(run, results, measures)


def find_run(engine: Engine, named: str) -> tuple[EvalRun, str]:
    """``RUN`` or ``RUN:SYSTEM``: the run (a number, or "last"), and the system (its first when not named).
    Exits with 2."""
    number, _, system = named.partition(":")
    runs = engine.runs(limit=1_000)
    found = next((r for r in runs if number == "last" or str(r.id) == number), None)
    if found is None:
        known = ", ".join(str(r.id) for r in runs[:10]) or "-"
        raise usage_error(text("cli.eval.no_run", name=named, known=known))
    names = [str(s["name"]) for s in found.systems]
    if system and system not in names:
        raise usage_error(text("cli.eval.no_system", name=system, run=found.id, known=", ".join(names)))
    return found, system or names[0]


def measure(engine: Engine, named: str, *, as_json: bool) -> None:
    """Measures the kept answers anew and prints the table."""
    from evaluation import report
    from evaluation.runner import measure_again

    found, _ = find_run(engine, named)
    again = measure_again(engine, found.id)
    if as_json:
        emit(report.to_json(again))
    else:
        print(report.main_table(again.summary))


def ragas(
    engine: Engine,
    named: str,
    *,
    judge: str,
    judge_model: str,
    embeddings: str,
    python: str,
    jobs: int,
    as_json: bool,
) -> None:
    """Scores a run's answers (of one system where ``RUN:SYSTEM`` names it) with ragas, keeps the scores and
    prints the table. Raises RagasMissing, ModelUnavailable."""
    from evaluation import report
    from evaluation.judge import listed_model
    from evaluation.ragas_adapter import METRICS, keep_scores, score_with_ragas

    found, system = find_run(engine, named)
    results = list(engine.results(found.id, system=system if ":" in named else None))
    key = os.environ.get(JUDGE_KEY, "")
    model = listed_model(judge, judge_model, key)
    scored = score_with_ragas(
        engine,
        results,
        url=judge,
        model=model,
        api_key=key,
        embeddings=embeddings,
        python=python,
        jobs=jobs,
    )
    if not scored.measures:
        say(text("cli.eval.ragas_none"))
        return
    keep_scores(engine, found.id, scored)
    again = engine.run(found.id)
    if as_json:
        emit(report.to_json(again))
    else:
        print(report.main_table(again.summary, list(METRICS.values())))
    n = sum(bool(given) for given in scored.measures.values())
    note(text("cli.eval.ragas", version=scored.version, n=n, model=model, missing=scored.missing))


def list_runs(engine: Engine, *, as_json: bool) -> None:
    """Newest first."""
    for found in engine.runs():
        systems = [str(s["name"]) for s in found.systems]
        if as_json:
            emit(
                {
                    "id": found.id,
                    "name": found.name,
                    "dataset": found.dataset,
                    "status": found.status,
                    "asked": found.asked,
                    "total": found.total,
                    "systems": systems,
                    "created_at": found.created_at.isoformat(),
                }
            )
        else:
            when = f"{found.created_at:%Y-%m-%d %H:%M}"
            counted = f"{found.asked}/{found.total}"
            print(f"{found.id:>4}  {when}  {found.status:<8} {counted:>11}  {printable(found.name)}  "
                  f"[{', '.join(map(printable, systems))}]")  # fmt: skip


def report(engine: Engine, named: str, *, form: str, measures: Sequence[str], out: Path | None) -> None:
    if form not in ("md", "html", "json", "ragas"):
        raise usage_error(text("cli.opt.format"))
    _known(measures)
    found, _ = find_run(engine, named)
    write(_rendered(engine, found, form, measures), out)
    if out is not None:
        say(text("cli.eval.written", path=out))


def compare(engine: Engine, candidate: str, baseline: str, *, as_json: bool) -> None:
    """Prints the paired differences over the questions that both have."""
    from evaluation.gate import paired
    from evaluation.report import difference_table
    from evaluation.summary import differences

    one, other = _pair(engine, candidate, baseline)
    found = differences(*paired(one, other))
    if as_json:
        emit({"candidate": candidate, "baseline": baseline, "differences": found})
        return
    print(
        difference_table({"baseline": baseline, "differences": {candidate: found}})
        or text("cli.eval.no_pairs")
    )


def _pair(engine: Engine, candidate: str, baseline: str) -> tuple[list[EvalResult], list[EvalResult]]:
    sides = []
    for named in (candidate, baseline):
        found, system = find_run(engine, named)
        if found.status != "done":
            note(text("cli.eval.unfinished", id=found.id, asked=found.asked, total=found.total))
        sides.append(list(engine.results(found.id, system=system)))
    return sides[0], sides[1]


def gate(
    engine: Engine,
    candidate: str,
    against: str,
    *,
    guards: Sequence[str],
    targets: Sequence[str],
    as_json: bool,
) -> None:
    """Exits with 5 when a guard or target fails, or when a run is unfinished."""
    from evaluation.gate import Condition, judge
    from evaluation.report import table

    conditions = [Condition.parse("guard", one) for one in guards]
    conditions += [Condition.parse("target", one) for one in targets]
    if not conditions:
        raise usage_error(text("cli.eval.no_conditions"))
    unfinished = [n for n in (candidate, against) if find_run(engine, n)[0].status != "done"]
    one, other = _pair(engine, candidate, against)
    judged = judge(one, other, conditions)
    passed = all(j.passed for j in judged) and not unfinished
    if as_json:
        emit({"passed": passed, "unfinished": unfinished, "conditions": [j.to_json() for j in judged]})
    else:
        rows = [
            ["pass" if j.passed else "FAIL", j.condition.kind,
            f"{j.condition.measure}:{j.condition.amount:g}",
             f"{j.mean:+.3f} ({j.low:+.3f} to {j.high:+.3f})", str(j.n), j.reason]
            for j in judged
        ]  # fmt: skip
        print(table(["", "", "condition", "gain (95 %)", "n", "reason"], rows))
        say(text("cli.eval.gate_open" if passed else "cli.eval.gate_closed"))
    if not passed:
        raise Exit(GATE_CLOSED)
