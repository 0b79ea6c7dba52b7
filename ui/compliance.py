"""The Compliance page: what rules met, the rules, and a text tried against them. Admins only; the Engine
checks it again."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any, cast

import streamlit as st

from rag.errors import WenjuError
from rag.records import HitRecord, HitState, Rule, RuleKind
from ui.audit import user_names
from ui.boot import current, principal
from ui.language import language, say
from ui.safe import one_line, plain

TABS = ("queue", "rules", "try")
STATES: tuple[HitState, ...] = ("open", "accepted", "dismissed")
KINDS: tuple[RuleKind, ...] = ("forbidden", "required", "mask")
SHOWN = 50
_TOLD = "_compliance_told"
EXAMPLES: dict[RuleKind, dict[str, Any]] = {
    "forbidden": {"action": "replace", "words": [], "patterns": [], "unless": []},
    "required": {
        "action": "append", "patterns": [], "satisfied_by": [], "warning_en": "", "warning_zh": "",
    },
    "mask": {"action": "mask", "personal": [], "patterns": []},
}  # fmt: skip


def page() -> None:
    engine = current().engine
    assert engine is not None
    with st.container(key="narrow"):
        st.title(say("compliance.title"), anchor=False)
        st.caption(say("compliance.lead"))
        _told()
        try:
            rules = engine.rules(principal())
            counts = engine.rule_hit_counts(principal())
        except WenjuError as error:
            st.error(plain(error.localized(language())), icon=":material/lock:")
            return
        tabs = {name: say(f"compliance.tab_{name}") for name in TABS}
        tab = st.segmented_control(
            say("compliance.title"), options=TABS, default="queue", required=True, key="compliance-tab",
            format_func=tabs.__getitem__, label_visibility="collapsed",
        )  # fmt: skip
        if tab == "rules":
            _rules(rules, counts)
        elif tab == "try":
            _try(rules)
        else:
            _queue()


# -------------------------------------------------------------------- the queue


def _queue() -> None:
    engine = current().engine
    assert engine is not None
    states = {state: say(f"compliance.state_{state}") for state in STATES}
    chosen = st.segmented_control(
        say("compliance.tab_queue"), options=STATES, default="open", required=True, key="compliance-state",
        format_func=states.__getitem__, label_visibility="collapsed",
    )  # fmt: skip
    hits = engine.rule_hits(principal(), state=chosen or "open", limit=SHOWN)
    if not hits:
        st.caption(say("compliance.nothing"))
    names = user_names()
    for hit in hits:
        _hit(hit, names)


def _hit(record: HitRecord, names: dict[str, str]) -> None:
    hit = record.hit
    with st.container(border=True, key=f"hit-{record.id}", gap="small"):
        times = f" × {hit.count}" if hit.count > 1 else ""
        st.markdown(
            f"**{one_line(hit.rule, 80)}** :orange-badge[{say(f'compliance.action_{hit.action}')}{times}]"
        )
        st.markdown(f"> {plain(record.excerpt).replace(chr(10), chr(10) + '> ')}")
        who = plain(names.get(record.user_id, record.user_id))
        asked = say("compliance.asked", who=who, when=_when(record.created_at))
        st.caption(f"{asked}: {one_line(record.question, 160)}")
        if record.turn_id is None:
            st.caption(say("compliance.gone"))
        if record.state != "open":
            by = say("compliance.reviewed_by", who=plain(record.reviewed_by), when=_when(record.reviewed_at))
            st.caption(f"{by} {plain(record.note)}".strip())
            _button("reopen", record, "open")
            return
        st.text_input(
            say("compliance.note"), key=f"hit-note-{record.id}", max_chars=2000,
            placeholder=say("compliance.note"), label_visibility="collapsed",
        )  # fmt: skip
        with st.container(horizontal=True, key=f"hit-buttons-{record.id}"):
            _button("accept", record, "accepted")
            _button("dismiss", record, "dismissed")


def _button(verb: str, record: HitRecord, state: HitState) -> None:
    words = {
        "accept": say("compliance.accept"),
        "dismiss": say("compliance.dismiss"),
        "reopen": say("compliance.reopen"),
    }
    st.button(words[verb], key=f"hit-{verb}-{record.id}", on_click=_review, args=(record.id, state))


def _review(hit_id: int, state: HitState) -> None:
    engine = current().engine
    assert engine is not None
    note = str(st.session_state.get(f"hit-note-{hit_id}", ""))
    _act(lambda: engine.review_hit(hit_id, state, principal(), note=note), "compliance.reviewed")


# -------------------------------------------------------------------- the rules


def _rules(rules: list[Rule], counts: dict[int, dict[str, int]]) -> None:
    for rule in rules:
        _rule(rule, counts.get(rule.id, {}))
    with st.expander(say("compliance.new"), icon=":material/add:", key="rule-new"):
        kinds = {kind: say(f"compliance.kind_{kind}") for kind in KINDS}
        kind = st.segmented_control(
            say("compliance.kind"), options=KINDS, default="forbidden", required=True, key="rule-new-kind",
            format_func=kinds.__getitem__,
        ) or "forbidden"  # fmt: skip
        st.text_input(say("compliance.name"), max_chars=80, key="rule-new-name")
        key = f"rule-new-definition-{kind}"
        st.text_area(say("compliance.definition"), value=_shown(EXAMPLES[kind]), height=220, key=key)
        st.button(
            say("compliance.save"), key="rule-new-save", type="primary", on_click=_add, args=(kind, key)
        )


def _rule(rule: Rule, counts: dict[str, int]) -> None:
    with st.container(border=True, key=f"rule-{rule.id}", gap="small"):
        with st.container(horizontal=True, vertical_alignment="center"):
            badges = f":gray-badge[{say(f'compliance.kind_{rule.kind}')}]"
            if rule.shipped:
                badges += f" :gray-badge[{say('compliance.shipped')}]"
            if rule.edited:
                badges += f" :orange-badge[{say('compliance.edited')}]"
            st.markdown(f"**{one_line(rule.name, 80)}** {badges}")
            st.toggle(
                say("compliance.active"), value=rule.active, key=f"rule-on-{rule.id}-{rule.active}",
                on_change=_switch, args=(rule.id, not rule.active),
            )  # fmt: skip
        st.caption(say("compliance.counts", **{state: counts.get(state, 0) for state in STATES}))
        with st.expander(say("compliance.definition"), key=f"rule-edit-{rule.id}"):
            key = f"rule-definition-{rule.id}-{rule.edited}"
            st.text_area(
                say("compliance.definition"), value=_shown(rule.definition), height=320, key=key,
                label_visibility="collapsed",
            )  # fmt: skip
            with st.container(horizontal=True):
                st.button(
                    say("compliance.save"), key=f"rule-save-{rule.id}", on_click=_change, args=(rule.id, key)
                )
                if rule.edited:
                    st.button(
                        say("compliance.reset"), key=f"rule-reset-{rule.id}", type="tertiary",
                        on_click=_reset, args=(rule.id,),
                    )  # fmt: skip
                if not rule.shipped:
                    st.button(
                        say("compliance.remove"), key=f"rule-remove-{rule.id}", type="tertiary",
                        icon=":material/delete:",
                        on_click=_remove, args=(rule.id,),
                    )  # fmt: skip


def _shown(definition: object) -> str:
    return json.dumps(definition, ensure_ascii=False, indent=1, default=list)


def _read(key: str) -> dict[str, Any] | None:
    try:
        given = json.loads(str(st.session_state.get(key, "")))
        if not isinstance(given, dict):
            raise ValueError(type(given).__name__)
    except ValueError as error:
        st.session_state[_TOLD] = ("error", say("compliance.json", problem=error))
        return None
    return given


def _add(kind: str, key: str) -> None:
    engine = current().engine
    assert engine is not None
    given = _read(key)
    name = str(st.session_state.get("rule-new-name", ""))
    if given is not None and _act(
        lambda: engine.add_rule(name, kind, given, principal()), "compliance.saved"
    ):
        st.session_state["rule-new-name"] = ""
        st.session_state.pop(key, None)


def _change(rule_id: int, key: str) -> None:
    engine = current().engine
    assert engine is not None
    given = _read(key)
    if given is not None:
        _act(lambda: engine.change_rule(rule_id, principal(), definition=given), "compliance.saved")


def _switch(rule_id: int, active: bool) -> None:
    engine = current().engine
    assert engine is not None
    _act(lambda: engine.change_rule(rule_id, principal(), active=active), "compliance.saved")


def _reset(rule_id: int) -> None:
    engine = current().engine
    assert engine is not None
    _act(lambda: engine.change_rule(rule_id, principal(), definition={}), "compliance.saved")


def _remove(rule_id: int) -> None:
    engine = current().engine
    assert engine is not None
    _act(lambda: engine.remove_rule(rule_id, principal()), "compliance.removed")


# -------------------------------------------------------------------- trying


def _try(rules: list[Rule]) -> None:
    engine = current().engine
    assert engine is not None
    named = {rule.id: rule for rule in rules}
    labels = {0: say("compliance.all_active"), **{k: one_line(rule.name, 60) for k, rule in named.items()}}
    chosen = st.selectbox(
        say("compliance.against"), options=[*labels], key="try-rule", format_func=labels.__getitem__,
    )  # fmt: skip
    words = st.text_area(
        say("compliance.sample"), height=160, max_chars=20_000, key="try-text",
        placeholder=say("compliance.sample_hint"),
    )  # fmt: skip
    if not words.strip():
        return
    from dataclasses import replace

    one = replace(named[chosen], active=True) if chosen else None
    try:
        tried = engine.try_rules(words, principal(), rule=one)
    except WenjuError as error:
        st.error(plain(error.localized(language())))
        return
    with st.container(border=True, key="try-result"):
        st.markdown(f"**{say('compliance.seen')}**")
        st.markdown(plain(tried.text))
    for found in tried.found:
        action = say(f"compliance.action_{found.hit.action}")
        st.markdown(f":orange-badge[{action} × {found.hit.count}] {one_line(found.hit.rule, 60)}")
    if not tried.found:
        st.caption(say("compliance.no_hit"))


# -------------------------------------------------------------------- both


def _act(action: Callable[[], object], done: str) -> bool:
    try:
        action()
    except WenjuError as error:
        st.session_state[_TOLD] = ("error", error.localized(language()))
        return False
    st.session_state[_TOLD] = ("success", say(done))
    return True


def _told() -> None:
    told = cast("tuple[str, str] | None", st.session_state.pop(_TOLD, None))
    if told is not None:
        {"error": st.error, "success": st.success}[told[0]](plain(told[1]))


def _when(moment: Any) -> str:
    return moment.astimezone().strftime("%Y-%m-%d %H:%M") if moment else ""
