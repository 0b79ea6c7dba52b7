"""Training and judging from the Tuning page: started with one form, watched while it runs, stopped.

The work is a process of its own (finetune.jobs): this page only looks.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import streamlit as st

from finetune.config import TuneError
from finetune.jobs import Jobs, last_lines
from finetune.sets import TrainSets
from rag.engine import Engine
from rag.errors import WenjuError
from rag.messages import message
from rag.store.tuning import OPEN_JOBS, Adapter, TrainSet, TuneJob
from ui.boot import principal
from ui.language import language, say
from ui.safe import one_line, plain

SHOWN = 5
TICK_S = 1.0
HELDOUT, NONE = "\0heldout", "\0none"
_METHODS = {"lora": "tuning.method_lora", "qlora": "tuning.method_qlora"}
_PHASES = {"registered": "tuning.phase_registered", "gated": "tuning.phase_gated"}
_COLOURS = {"done": "green", "failed": "red", "running": "blue", "queued": "blue"}


def section(engine: Engine, sets: Sequence[TrainSet], adapters: Sequence[Adapter]) -> None:
    """Expects a principal that may read jobs."""
    st.subheader(say("tuning.jobs"), anchor=False)
    jobs = Jobs(engine)
    busy = any(job.status in OPEN_JOBS for job in jobs.all(principal()))
    approved = [one for one in sets if one.state == "approved"]
    if not busy:
        if approved:
            _form(engine, jobs, approved, adapters)
        else:
            st.caption(say("tuning.job_needs_set"))

    @st.fragment(run_every=TICK_S if busy else None)
    def watch() -> None:
        found = jobs.all(principal())
        newest = next((job.id for job in found), None)
        for job in found[:SHOWN]:
            _job(jobs, job, newest)
        if busy and not any(job.status in OPEN_JOBS for job in found):
            st.rerun()  # the adapter that came out of it, and the form again

    watch()


def judging(engine: Engine, adapter: Adapter) -> None:
    """Lets a registered adapter be judged (again), on golden questions or held-out records."""
    options = _sources(engine, TrainSets(engine).all(principal()))
    if not options:
        return
    key = f"judge-on-{adapter.id}"
    with st.container(horizontal=True, vertical_alignment="bottom"):
        st.selectbox(say("tuning.job_gate"), list(options), key=key, width=260)

        def judge() -> None:
            try:
                Jobs(engine).judge(adapter.name, options[st.session_state[key]], principal())
            except WenjuError as error:
                st.session_state["_tuning_told"] = ("error", error.localized(language()))
            else:
                st.session_state["_tuning_told"] = ("success", say("tuning.job_started"))

        st.button(say("tuning.judge"), key=f"judge-{adapter.id}", icon=":material/balance:", on_click=judge)


def _sources(engine: Engine, sets: Sequence[TrainSet]) -> dict[str, dict[str, str]]:
    """What may be asked, as shown and as finetune.work takes it."""
    found = {one_line(d.name, 60): {"dataset": d.name} for d in engine.datasets(principal()) if d.accepted}
    for one in sets:
        found[f"{say('tuning.job_heldout')}: {one_line(one.name, 40)} ({one.id})"] = {"heldout": str(one.id)}
    return found


def _form(engine: Engine, jobs: Jobs, approved: Sequence[TrainSet], adapters: Sequence[Adapter]) -> None:
    datasets = [d.name for d in engine.datasets(principal()) if d.accepted]
    with st.form("train", border=True):
        left, right = st.columns(2)
        name = left.text_input(
            say("tuning.job_name"), value=_free_name(adapters), max_chars=60, key="train-name"
        )
        chosen = right.selectbox(
            say("tuning.job_set"),
            options=[str(one.id) for one in approved],
            format_func=lambda key: next(f"{one.name} ({one.id})" for one in approved if str(one.id) == key),
            key="train-set-chosen",
        )
        base = left.text_input(
            say("tuning.job_base"), value=engine.settings.tuning.base_model, key="train-base"
        )
        gate = right.selectbox(
            say("tuning.job_gate"),
            options=[*datasets, HELDOUT, NONE],
            format_func=lambda key: {HELDOUT: say("tuning.job_heldout"), NONE: say("tuning.job_none")}.get(
                key, key
            ),
            key="train-gate",
        )
        method = left.selectbox(
            say("tuning.job_method"),
            options=list(_METHODS),
            format_func=lambda key: say(_METHODS[key]),
            key="train-method",
        )
        steps = right.number_input(
            say("tuning.job_steps"), min_value=1, max_value=100_000, value=200, key="train-steps"
        )
        more = st.text_area(
            say("tuning.job_more"), placeholder="learning_rate: 2.0e-4", height=80, key="train-more"
        )
        if st.form_submit_button(say("tuning.job_start"), type="primary", icon=":material/model_training:"):
            _start(
                jobs, name.strip(), chosen, base.strip(), gate, {"method": method, "steps": int(steps)}, more
            )


def _start(
    jobs: Jobs, name: str, chosen: str, base: str, gate: str, options: Mapping[str, Any], more: str
) -> None:
    judged: dict[str, str] = {}
    if gate == HELDOUT:
        judged = {"heldout": chosen}
    elif gate != NONE:
        judged = {"dataset": gate}
    try:
        jobs.train(name, chosen, base, principal(), options={**options, **_keys(more)}, gate=judged)
    except WenjuError as error:
        st.error(plain(error.localized(language())))
    else:
        st.session_state["_tuning_told"] = ("success", say("tuning.job_started"))
        st.rerun()


def _keys(words: str) -> dict[str, Any]:
    import yaml

    try:
        read = yaml.safe_load(words) if words.strip() else {}
    except yaml.YAMLError:
        read = None
    if not isinstance(read, dict):
        raise TuneError("tune.config", path="YAML", problem=say("tuning.job_bad_yaml"))
    return {str(key): value for key, value in read.items() if key not in ("data", "output_dir", "base_model")}


def _free_name(adapters: Sequence[Adapter]) -> str:
    taken = {a.name for a in adapters}
    return next(name for n in range(1, len(taken) + 2) if (name := f"adapter-{n}") not in taken)


def _job(jobs: Jobs, job: TuneJob, again: int | None) -> None:
    with st.container(border=True, key=f"job-{job.id}"):
        with st.container(horizontal=True, vertical_alignment="center"):
            name = one_line(str(job.config.get("name", "")), 60)
            st.markdown(say("tuning.job_line", id=job.id, name=name, who=one_line(job.created_by, 40)))
            code = "tune.job_failed_state" if job.status == "failed" else f"tune.job_{job.status}"
            st.badge(message(code, language()), color=_COLOURS.get(job.status, "gray"))  # type: ignore[arg-type]
            if job.status in OPEN_JOBS:
                st.button(
                    say("tuning.job_stop"),
                    key=f"stop-{job.id}",
                    icon=":material/stop_circle:",
                    on_click=_stop,
                    args=(jobs, job.id),
                )
            elif job.status in ("failed", "stopped") and job.id == again:
                st.button(
                    say("tuning.job_again"),
                    key=f"again-{job.id}",
                    icon=":material/resume:",
                    help=say("tuning.job_again_help"),
                    on_click=_again,
                    args=(jobs, job.id),
                )
        if job.status in OPEN_JOBS:
            _plan(job)
            _progress(job)
        elif "passed" in job.progress:
            st.caption(
                say("tuning.job_passed" if job.progress["passed"] else "tuning.job_refused", name=name)
            )
        if job.error:
            params = job.error.get("params") or {}
            st.error(plain(message(str(job.error.get("code")), language(), params)))
        curve = jobs.curve(job)
        if len(curve.losses) > 1 and job.status in OPEN_JOBS:
            at, loss, heldout = say("tuning.step"), say("tuning.loss"), say("tuning.heldout_loss")
            rows = [
                {at: step, loss: value, **({heldout: curve.heldout.get(step)} if curve.heldout else {})}
                for step, value in curve.losses.items()
            ]
            st.line_chart(rows, x=at, y=list(rows[0])[1:], height=180)
        words = last_lines(Path(job.log_path)) if job.status in ("failed", "stopped") else ""
        if words:
            with st.expander(say("tuning.job_log"), icon=":material/subject:"):
                st.code(words, language=None)


def _again(jobs: Jobs, job_id: int) -> None:
    try:
        jobs.again(job_id, principal())
    except WenjuError as error:
        st.session_state["_tuning_told"] = ("error", error.localized(language()))
    else:
        st.session_state["_tuning_told"] = ("success", say("tuning.job_started"))


def _stop(jobs: Jobs, job_id: int) -> None:
    jobs.stop(job_id, principal())
    st.session_state["_tuning_told"] = ("success", say("tuning.job_stopped"))


def _plan(job: TuneJob) -> None:
    """What the trainer found that it needs, before it began."""
    plan = job.progress.get("plan")
    if not isinstance(plan, Mapping):
        return
    trainable, parameters = int(plan["trainable"]), max(1, int(plan["parameters"]))
    words = say(
        "tuning.plan_line",
        trainable=f"{trainable:,}",
        parameters=f"{parameters:,}",
        share=f"{trainable / parameters:.2%}",
        total=f"{plan['total_gb']:.1f}",
        available=f"{plan['available_gb']:.1f}",
    )
    st.caption(words)


def _progress(job: TuneJob) -> None:
    told = job.progress
    phase = str(told.get("phase", ""))
    if phase == "train":
        done, whole = int(told.get("step") or 0), max(1, int(told.get("steps") or 1))
        loss = told.get("loss")
        shown = f"{loss:.3f}" if isinstance(loss, float) else "–"
        st.progress(min(1.0, done / whole), say("tuning.phase_train", step=done, steps=whole, loss=shown))
    elif phase == "gate":
        done, whole = int(told.get("done") or 0), int(told.get("questions") or 0)
        st.progress(
            min(1.0, done / max(1, whole)), say("tuning.phase_gate", done=done, questions=whole or "–")
        )
    else:
        st.progress(0.0, say(_PHASES.get(phase, "tuning.phase_begin")))
