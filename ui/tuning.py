"""The Tuning page: what is live, and the way there and back: feedback, training sets, training, the gate.

Evaluators make sets and look; admins approve what changes who answers. finetune checks it again.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import streamlit as st

from finetune.gate import BASELINE, CANDIDATE
from finetune.registry import PROMOTABLE, Registry
from finetune.sets import SOURCES, TrainSets
from finetune.train_set import open_train_set, removed_records
from rag.access import is_admin
from rag.answer.arms import BASE
from rag.errors import WenjuError
from rag.messages import message
from rag.store.tuning import Adapter, TrainSet
from ui import tuning_jobs, tuning_review
from ui.boot import current, principal
from ui.language import language, say
from ui.safe import one_line, plain
from ui.texts_quality import measure_name

SHOWN = 20
RECORDS_SHOWN = 500
_COLOURS = {"live": "green", "candidate": "blue", "refused": "red", "approved": "green"}


def page() -> None:
    engine = current().engine
    assert engine is not None
    with st.container(key="wide"):
        st.title(say("tuning.title"), anchor=False)
        st.caption(say("tuning.lead"))
        told = st.session_state.pop("_tuning_told", None)
        if told is not None:
            kind, words = told
            (st.success if kind == "success" else st.error)(plain(words))
        try:
            sets, registry = TrainSets(engine), Registry(engine.store, engine.settings)
            found, adapters = sets.all(principal()), registry.adapters(principal())
        except WenjuError as error:
            st.info(plain(error.localized(language())), icon=":material/lock:")
            return
        _adapters(registry, adapters)
        tuning_review.section(engine)
        _sets(sets, found)
        tuning_jobs.section(engine, found, adapters)
        _history()


# -- adapters


def _adapters(registry: Registry, adapters: list[Adapter]) -> None:
    st.subheader(say("tuning.adapters"), anchor=False)
    live = [a for a in adapters if a.state == "live"]
    with st.container(horizontal=True, vertical_alignment="center"):
        names = ", ".join(f"{one_line(name, 40)} ({part:.0%})" for name, part in _parts(live))
        st.markdown(say("tuning.live_now", names=names) if live else say("tuning.live_base"))
        if live and is_admin(principal()):
            st.button(
                say("tuning.rollback"),
                key="tuning-rollback",
                icon=":material/undo:",
                on_click=_act,
                args=(lambda: registry.rollback(principal()), "tuning.rolled_back"),
            )
    for adapter in adapters[:SHOWN]:
        _adapter(registry, adapter)
    if not adapters:
        st.caption(say("tuning.no_adapters"))


def _parts(live: list[Adapter]) -> list[tuple[str, float]]:
    """Who answers what part (0..1) of all users, the newest first: each takes its share of what the newer
    ones leave."""
    left = 1.0
    parts = []
    for adapter in sorted(live, key=lambda a: (a.live_since is not None, a.live_since, a.id), reverse=True):
        parts.append((adapter.name, left * adapter.share))
        left *= 1 - adapter.share
    return [*parts, (say("tuning.base"), left)] if left > 1e-9 else parts


def _adapter(registry: Registry, adapter: Adapter) -> None:
    with st.container(border=True, key=f"adapter-{adapter.id}"):
        with st.container(horizontal=True, vertical_alignment="center"):
            st.markdown(f"**{one_line(adapter.name, 60)}**")
            _state(adapter.state)
        card = adapter.card
        losses = card.get("losses") or [0.0]
        st.caption(
            say(
                "tuning.adapter_line",
                base=one_line(_short(adapter.base_model), 60),
                records=card.get("records", "?"),
                first=f"{losses[0]:.2f}",
                last=f"{losses[-1]:.2f}",
            )
        )
        if adapter.gate:
            _gate(adapter.gate)
        else:
            st.caption(say("tuning.not_gated", name=one_line(adapter.name, 60)))
        with st.expander(say("tuning.card"), icon=":material/badge:"):
            if len(losses) > 1:
                at, loss = say("tuning.step"), say("tuning.loss")
                rows = [{at: step, loss: value} for step, value in enumerate(losses, 1)]
                st.line_chart(rows, x=at, y=loss, height=160)
            shown = {k: v for k, v in card.items() if k not in ("losses", "heldout_losses")}
            st.json({**shown, "sha256": adapter.sha256}, expanded=False)
        if adapter.state != "live":
            engine = current().engine
            assert engine is not None
            tuning_jobs.judging(engine, adapter)
        if is_admin(principal()) and adapter.state in PROMOTABLE:
            _promotion(registry, adapter)


def _short(base_model: str) -> str:
    """A folder by its last name: the rest says nothing to who reads it."""
    return Path(base_model).name if Path(base_model).is_absolute() else base_model


def _promotion(registry: Registry, adapter: Adapter) -> None:
    key = f"share-{adapter.id}"
    with st.container(horizontal=True, vertical_alignment="bottom"):
        st.select_slider(
            say("tuning.share"),
            options=[5, 10, 20, 50, 100],
            value=100,
            format_func=lambda percent: f"{percent} %",
            key=key,
            width=260,
        )

        def promote() -> object:
            share = int(st.session_state.get(key, 100)) / 100
            return registry.promote(adapter.name, principal(), share=share)

        st.button(
            say("tuning.promote"),
            key=f"promote-{adapter.id}",
            icon=":material/rocket_launch:",
            type="primary",
            on_click=_act,
            args=(promote, "tuning.promoted"),
        )


def _gate(gate: Mapping[str, object]) -> None:
    conditions, means = gate.get("conditions"), gate.get("means")
    before, after = (
        (means.get(name) or {}) if isinstance(means, Mapping) else {} for name in (BASELINE, CANDIDATE)
    )
    baseline = str(gate.get("baseline", "?"))
    rows = [
        {
            say("tuning.held"): "✓" if c["passed"] else "✗",
            say("tuning.measure"): measure_name(str(c["measure"]), language()),
            say("tuning.role"): say(f"tuning.role_{c['kind']}"),
            say("tuning.before"): before.get(c["measure"]),
            say("tuning.after"): after.get(c["measure"]),
            say("tuning.gain"): f"{c['mean']:+.3f} ({c['low']:+.3f} … {c['high']:+.3f})",
            "n": c["n"],
        }
        for c in (conditions if isinstance(conditions, list) else [])
    ]
    st.caption(
        say(
            "tuning.gate_line",
            questions=gate.get("questions", "?"),
            baseline=say("tuning.base") if baseline == BASE else one_line(baseline, 40),
        )
    )
    if rows:
        st.dataframe(rows, hide_index=True)


# -- training sets


def _sets(sets: TrainSets, found: list[TrainSet]) -> None:
    st.subheader(say("tuning.sets"), anchor=False)
    with (
        st.form("train-set", border=False),
        st.container(horizontal=True, vertical_alignment="bottom"),
    ):
        st.text_input(say("tuning.set_name"), max_chars=60, key="train-set-name")
        st.pills(
            say("tuning.set_from"),
            options=SOURCES,
            default=list(SOURCES),
            selection_mode="multi",
            format_func=lambda source: say(f"tuning.from_{source}"),
            key="train-set-from",
        )

        def make() -> object:
            name = str(st.session_state.get("train-set-name", "")).strip()
            chosen = list(st.session_state.get("train-set-from") or SOURCES)
            return sets.make(name or say("tuning.set_unnamed"), chosen, principal())

        st.form_submit_button(
            say("tuning.make"), icon=":material/add:", on_click=_act, args=(make, "tuning.made")
        )
    for one in found[:SHOWN]:
        _set(sets, one)
    if not found:
        st.caption(say("tuning.no_sets"))


def _set(sets: TrainSets, one: TrainSet) -> None:
    card = one.card
    with st.container(border=True, key=f"train-set-{one.id}"):
        with st.container(horizontal=True, vertical_alignment="center"):
            st.markdown(f"**{one_line(one.name, 60)}**")
            _state(one.state)
            if one.state == "draft":
                st.button(
                    say("tuning.approve"),
                    key=f"approve-{one.id}",
                    icon=":material/check:",
                    on_click=_act,
                    args=(lambda: sets.approve(str(one.id), principal()), "tuning.approved"),
                )
        st.caption(
            say("tuning.set_line", train=card["train"], heldout=card["heldout"], sha256=one.sha256[:12])
        )
        with st.expander(say("tuning.card"), icon=":material/badge:"):
            coverage = card["coverage"]
            for label, counts in (
                ("set_sources", card["sources"]),
                ("set_removed", {_said(f"tune.removed_{why}"): n for why, n in card["removed"].items()}),
                ("set_masked", card["masked"]),
                ("set_kinds", coverage["kinds"]),
                ("set_languages", coverage["languages"]),
                ("set_documents", coverage["documents"]),
                ("set_topics", coverage["topics"]),
            ):
                words = ", ".join(f"{one_line(str(k), 40)} {n}" for k, n in list(counts.items())[:12]) or "–"
                st.markdown(f"{_said(f'tune.{label}')}: {words}")
            thin = ", ".join(coverage["thin"]) or "–"
            st.markdown(f"{_said('tune.set_thin')}: {one_line(thin, 300)}")
            st.code(one.path, language=None)
        _records(one)


def _records(one: TrainSet) -> None:
    """What stands in the set, and what was left out with its reason. Read when it is asked for: sets are
    large."""
    if not st.toggle(say("tuning.records"), key=f"records-{one.id}"):
        return
    try:
        train, heldout, _ = open_train_set(Path(one.path))
        removed = removed_records(Path(one.path))
    except WenjuError as error:
        st.error(plain(error.localized(language())))
        return
    parts = [(say("tuning.part_train"), record) for record in train]
    parts += [(say("tuning.part_heldout"), record) for record in heldout]
    for why, record in removed:
        parts.append((say("tuning.part_removed", reason=_said(f"tune.removed_{why}")), record))
    rows = [
        {
            say("tuning.part"): part,
            say("tuning.asked"): record.question,
            say("tuning.answered"): record.answer,
            say("tuning.passages"): "\n\n".join(f"[{n}] {p.text}" for n, p in enumerate(record.passages, 1)),
            say("tuning.origin"): record.origin,
        }
        for part, record in parts[:RECORDS_SHOWN]
    ]
    st.dataframe(rows, hide_index=True, key=f"records-table-{one.id}")
    if len(parts) > RECORDS_SHOWN:
        st.caption(say("tuning.records_more", shown=RECORDS_SHOWN, count=len(parts)))


def _history() -> None:
    engine = current().engine
    assert engine is not None
    entries = [
        entry for kind in ("adapter", "train_set") for entry in engine.store.actions(action=kind, limit=SHOWN)
    ]
    rows = [
        {
            say("tuning.when"): entry.at,
            say("tuning.who"): entry.user_id,
            say("tuning.did"): entry.action,
            say("tuning.what"): entry.subject,
        }
        for entry in sorted(entries, key=lambda entry: entry.id, reverse=True)
    ]
    if rows:
        with st.expander(say("tuning.history"), icon=":material/history:"):
            st.dataframe(rows, hide_index=True)


def _state(state: str) -> None:
    st.badge(_said(f"tune.state_{state}"), color=_COLOURS.get(state, "gray"))  # type: ignore[arg-type]


def _said(code: str) -> str:
    return message(code, language())


def _act(action: Callable[[], object], done: str) -> None:
    try:
        action()
    except WenjuError as error:
        st.session_state["_tuning_told"] = ("error", error.localized(language()))
    else:
        st.session_state["_tuning_told"] = ("success", say(done))
