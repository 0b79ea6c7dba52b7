"""``wenju tune``: training data, jobs, adapters and the way live and back."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from commands.console import GATE_CLOSED, Exit, console, emit, note, printable, say, text, usage_error

if TYPE_CHECKING:
    from finetune.registry import Registry
    from finetune.sets import TrainSets
    from rag.engine import Engine
    from rag.store.tuning import Adapter, TrainSet

# -- training data


def _sets(engine: Engine) -> TrainSets:
    from finetune.sets import TrainSets

    return TrainSets(engine)


def make_set(
    engine: Engine,
    name: str,
    sources: Sequence[str],
    *,
    held_out: float,
    keep_unreviewed: bool,
    as_json: bool,
) -> None:
    split = [part for source in sources for part in source.split(",") if part]
    made = _sets(engine).make(name, split, held_out=held_out, keep_unreviewed=keep_unreviewed)
    _show_set(made, as_json=as_json)


def list_sets(engine: Engine, *, as_json: bool) -> None:
    found = _sets(engine).all()
    for one in found:
        if as_json:
            emit(_set_record(one))
        else:
            counts = text("tune.set_counts", train=one.card["train"], heldout=one.card["heldout"])
            state = text(f"tune.state_{one.state}")
            print(f"{one.id:>4}  {printable(one.name)}  {one.sha256[:12]}  {counts}  {state}")
    if not found and not as_json:
        say(text("tune.no_sets"))


def show_set(engine: Engine, named: str, *, as_json: bool) -> None:
    _show_set(_sets(engine).get(named), as_json=as_json)


def approve_set(engine: Engine, named: str, *, as_json: bool) -> None:
    approved = _sets(engine).approve(named)
    if as_json:
        emit(_set_record(approved))
    else:
        say(text("tune.set_approved", name=printable(approved.name), sha256=approved.sha256[:12]))


def _set_record(one: TrainSet) -> dict[str, Any]:
    return {
        "id": one.id,
        "name": one.name,
        "folder": one.path,
        "sha256": one.sha256,
        "state": one.state,
        "created_by": one.created_by,
        "created_at": one.created_at.isoformat(),
        "card": dict(one.card),
    }


def _show_set(one: TrainSet, *, as_json: bool) -> None:
    if as_json:
        emit(_set_record(one))
        return
    card = one.card
    print(f"{one.id}  {printable(one.name)}  {text(f'tune.state_{one.state}')}  {one.sha256}")
    print(one.path)
    print(text("tune.set_counts", train=card["train"], heldout=card["heldout"]), f"({card['split_by']})")
    coverage = card["coverage"]
    rows: tuple[tuple[str, Mapping[str, int]], ...] = (
        ("tune.set_sources", card["sources"]),
        ("tune.set_removed", card["removed"]),
        ("tune.set_masked", card["masked"]),
        ("tune.set_kinds", coverage["kinds"]),
        ("tune.set_languages", coverage["languages"]),
        ("tune.set_documents", coverage["documents"]),
        ("tune.set_topics", coverage["topics"]),
    )
    for label, counts in rows:
        words = ", ".join(f"{key} {count}" for key, count in list(counts.items())[:12]) or "-"
        print(f"{text(label)}: {printable(words)}")
    print(f"{text('tune.set_thin')}: {printable(', '.join(coverage['thin'])) or '-'}")
    for line in card["bad_lines"][:20]:
        note(printable(line))


def distill_set(engine: Engine, name: str, *, of: str, url: str, model: str, as_json: bool) -> None:
    """A new set whose answers are a teacher's."""
    import os

    from finetune.distill import teach, teacher_model
    from finetune.train_set import open_train_set

    sets = _sets(engine)
    train, _, card = open_train_set(Path(sets.get(of).path))
    teacher = teacher_model(engine.settings.chat, url, model, os.environ.get("WENJU_TEACHER_API_KEY", ""))
    kept = engine.settings.data_dir / "teacher" / f"{card.sha256[:16]}.jsonl"
    with console().status("") as status:

        def show(done: int, total: int) -> None:
            status.update(f"{done}/{total}")

        taught = list(teach(train, teacher, kept, card.told(), show if sys.stderr.isatty() else None))
    _show_set(sets.add(name, taught), as_json=as_json)


# -- jobs and the timed loop


def run_job(engine: Engine, job_id: int) -> None:
    """The process of a job: see finetune.jobs. Exits with 3 when the job failed or was stopped."""
    import signal

    from commands.console import SOME_FAILED
    from finetune.work import run_job as work
    from finetune.work import stop_here

    signal.signal(signal.SIGTERM, stop_here)
    if not work(engine, job_id):
        raise Exit(SOME_FAILED)


def list_jobs(engine: Engine, *, as_json: bool) -> None:
    from finetune.jobs import Jobs

    found = Jobs(engine).all()
    for job in found:
        if as_json:
            told = {"id": job.id, "kind": job.kind, "status": job.status, "name": job.config.get("name")}
            emit({**told, "progress": dict(job.progress), "error": dict(job.error), "log": job.log_path})
        else:
            state = text("tune.job_failed_state" if job.status == "failed" else f"tune.job_{job.status}")
            step = f"{job.progress.get('step', '-')}/{job.progress.get('steps', '-')}"
            name = printable(str(job.config.get("name", "")))
            print(f"{job.id:>4}  {job.kind}  {name}  {state}  {step}  {job.log_path}")
    if not found and not as_json:
        say(text("tune.no_jobs"))


def stop_job(engine: Engine, job_id: int) -> None:
    from finetune.jobs import Jobs

    engine.store.job(job_id)
    say(text("tune.stopped" if Jobs(engine).stop(job_id) else "tune.ended", job=job_id))


def again(engine: Engine, job_id: int) -> None:
    from finetune.jobs import Jobs

    say(text("tune.again", job=job_id, new=Jobs(engine).again(job_id).id))


def cycle(engine: Engine, path: Path, *, as_json: bool) -> None:
    """One round of the loop, as far as it may go."""
    import json
    import os
    import subprocess
    import tempfile

    from finetune.config import TuneError
    from finetune.cycle import load_cycle, run_cycle
    from finetune.jobs import ROOT

    def train_there(python: str, values: Mapping[str, Any]) -> None:
        with tempfile.NamedTemporaryFile("w", suffix=".yaml", encoding="utf-8") as file:
            json.dump(dict(values), file)  # JSON is YAML
            file.flush()
            ended = subprocess.run(
                [python, "-m", "cli", "tune", "train", file.name],
                env={**os.environ, "PYTHONPATH": str(ROOT)},
                cwd=ROOT,
                stdout=sys.stderr,
                check=False,
            )
        if ended.returncode != 0:
            raise TuneError("tune.trainer", code=ended.returncode, problem=text("tune.see_above"))

    chosen = load_cycle(path)
    where = run_cycle(engine, chosen, train_there)
    if as_json:
        emit({"stage": where.stage, "set": where.set_name, "adapter": where.adapter, "new": where.new})
        return
    named = {"set": printable(where.set_name), "adapter": where.adapter, "new": where.new}
    say(text(f"tune.cycle_{where.stage}", least=chosen.least_new, **named))


# -- adapters


def _registry(engine: Engine) -> Registry:
    from finetune.registry import Registry

    return Registry(engine.store, engine.settings)


def register(engine: Engine, name: str, folder: Path, *, as_json: bool) -> None:
    _tell(_registry(engine).register(name, folder), "tune.registered", as_json=as_json)


def list_adapters(engine: Engine, *, as_json: bool) -> None:
    found = _registry(engine).adapters()
    for adapter in found:
        if as_json:
            emit(_record(adapter))
        else:
            share = f"{adapter.share:.0%}" if adapter.state == "live" else ""
            state = text(f"tune.state_{adapter.state}")
            print(f"{printable(adapter.name)}  {state} {share}  {printable(adapter.base_model)}")
    if not found and not as_json:
        say(text("tune.no_adapters"))


def gate(
    engine: Engine,
    name: str,
    *,
    dataset: str,
    heldout: str,
    guards: Sequence[str],
    targets: Sequence[str],
    as_json: bool,
) -> None:
    """Exits with 5 when the adapter is refused."""
    from commands.evaluate import load_dataset
    from evaluation.report import table
    from finetune.gate import BASELINE, CANDIDATE
    from finetune.gate import gate as judge
    from finetune.train_set import open_train_set

    if bool(dataset) == bool(heldout):
        raise usage_error(text("tune.gate_source"))
    questions = load_dataset(engine, dataset).questions if dataset else ()
    records = open_train_set(Path(_sets(engine).get(heldout).path))[1] if heldout else ()
    with console().status("") as status:

        def show(done: int, total: int, what: str) -> None:
            status.update(f"{done}/{total} {printable(what)}")

        gated = judge(
            engine,
            _registry(engine),
            name,
            questions=questions,
            heldout=records,
            source=dataset or f"heldout:{heldout}",
            guards=guards,
            targets=targets,
            on_progress=show if sys.stderr.isatty() else None,
        )
    if as_json:
        emit({"adapter": name, **gated.to_json()})
    else:
        rows = [
            ["pass" if j.passed else "FAIL", j.condition.kind,
             f"{j.condition.measure}:{j.condition.amount:g}",
             f"{gated.means[BASELINE].get(j.condition.measure, 0):.3f}",
             f"{gated.means[CANDIDATE].get(j.condition.measure, 0):.3f}",
             f"{j.mean:+.3f} ({j.low:+.3f} to {j.high:+.3f})", str(j.n), j.reason]
            for j in gated.judged
        ]  # fmt: skip
        print(table(["", "", "condition", gated.baseline, name, "gain (95 %)", "n", "reason"], rows))
        if gated.unmeasured:
            note(text("tune.gate_unmeasured", measures=", ".join(gated.unmeasured)))
        if gated.left_out:
            note(text("tune.gate_left_out", count=gated.left_out))
        say(text("tune.gate_passed" if gated.passed else "tune.gate_refused", name=name))
    if not gated.passed:
        raise Exit(GATE_CLOSED)


def promote(engine: Engine, name: str, *, share: float, other_prompt: bool, as_json: bool) -> None:
    adapter = _registry(engine).promote(name, share=share, other_prompt=other_prompt)
    _tell(adapter, "tune.promoted", as_json=as_json, share=f"{share:.0%}")


def rollback(engine: Engine, *, as_json: bool) -> None:
    adapter = _registry(engine).rollback()
    if adapter is not None:
        _tell(adapter, "tune.rolled_back", as_json=as_json)
    elif as_json:
        emit({"name": None})
    else:
        say(text("tune.rolled_back_base"))


def serve_live(engine: Engine, *, as_json: bool) -> None:
    registry = _registry(engine)
    loaded = registry.serve_live()
    modules = registry.lora_modules()
    if as_json:
        emit({"loaded": loaded, "lora_modules": modules})
        return
    say(text("tune.served", names=", ".join(loaded) or "-"))
    for module in modules:
        print(module)


def _record(adapter: Adapter) -> dict[str, Any]:
    return {
        "name": adapter.name,
        "state": adapter.state,
        "share": adapter.share,
        "base_model": adapter.base_model,
        "folder": adapter.path,
        "sha256": adapter.sha256,
        "created_by": adapter.created_by,
        "created_at": adapter.created_at.isoformat(),
        "live_since": adapter.live_since.isoformat() if adapter.live_since else None,
        "card": dict(adapter.card),
        "gate": dict(adapter.gate),
    }


def _tell(adapter: Adapter, code: str, *, as_json: bool, **params: object) -> None:
    if as_json:
        emit(_record(adapter))
    else:
        say(text(code, name=printable(adapter.name), **params))
