"""Texts of the Tuning page, as (English, Chinese) pairs."""

from __future__ import annotations

TUNING: dict[str, tuple[str, str]] = {
    "nav.tuning": ("Tuning", "微调"),
    "tuning.title": ("Tuning", "微调"),
    "tuning.lead": (
        "From what readers put right to an adapter of the chat model that answers better, and back.",
        "把读者的纠正变成答得更好的模型适配器，并可随时撤回。",
    ),
    "tuning.adapters": ("Adapters", "适配器"),
    "tuning.live_now": ("Live: {names}", "线上：{names}"),
    "tuning.live_base": ("Live: the base model", "线上：基座模型"),
    "tuning.base": ("the base model", "基座模型"),
    "tuning.rollback": ("Roll back", "撤回"),
    "tuning.rolled_back": ("Rolled back.", "已撤回。"),
    "tuning.no_adapters": (
        "No adapter is registered yet: wenju tune train CONFIG.yaml, then wenju tune register NAME FOLDER.",
        "尚未登记适配器：先运行 wenju tune train CONFIG.yaml，再运行 wenju tune register 名称 目录。",
    ),
    "tuning.adapter_line": (
        "On {base} · {records} records · loss {first} → {last}",
        "基座 {base} · {records} 条记录 · 损失 {first} → {last}",
    ),
    "tuning.not_gated": (
        "Not judged yet: wenju tune gate {name} --dataset NAME",
        "尚未评测：wenju tune gate {name} --dataset 名称",
    ),
    "tuning.gate_line": (
        "Judged on {questions} questions, beside {baseline}",
        "用 {questions} 个问题与 {baseline} 对比评测",
    ),
    "tuning.measure": ("Measure", "指标"),
    "tuning.role": ("Role", "作用"),
    "tuning.role_guard": ("must not get worse", "不得变差"),
    "tuning.role_target": ("must get better", "必须变好"),
    "tuning.gain": ("Gain (95 %)", "增益（95 %）"),
    "tuning.held": ("Held", "满足"),
    "tuning.card": ("Card", "数据卡"),
    "tuning.loss": ("Loss", "损失"),
    "tuning.share": ("Share of the users", "用户份额"),
    "tuning.promote": ("Let it answer", "上线作答"),
    "tuning.promoted": ("It answers within a second.", "将在一秒内开始作答。"),
    "tuning.sets": ("Training sets", "训练集"),
    "tuning.set_name": ("Name", "名称"),
    "tuning.set_unnamed": ("training set", "训练集"),
    "tuning.set_from": ("From", "来源"),
    "tuning.from_turns": ("Feedback", "反馈"),
    "tuning.from_golden": ("Golden questions", "标准问题"),
    "tuning.make": ("Make", "生成"),
    "tuning.made": ("Made. Look at its card, then approve it.", "已生成。请查看数据卡后批准。"),
    "tuning.approve": ("Approve", "批准"),
    "tuning.approved": ("Approved.", "已批准。"),
    "tuning.no_sets": (
        "No training set yet. Accept corrections on the Quality page, then make one.",
        "尚无训练集。请先在“质量”页采纳纠正，再生成。",
    ),
    "tuning.set_line": (
        "{train} to train on · {heldout} held out · {sha256}",
        "训练 {train} 条 · 留出 {heldout} 条 · {sha256}",
    ),
    "tuning.history": ("Who did what", "操作记录"),
    "tuning.when": ("When", "时间"),
    "tuning.who": ("Who", "用户"),
    "tuning.did": ("Did", "操作"),
    "tuning.what": ("What", "对象"),
}
