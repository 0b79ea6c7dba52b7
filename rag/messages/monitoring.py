"""Messages of: traces, metrics, figures of what was asked."""

from __future__ import annotations

MESSAGES: dict[str, tuple[str, str]] = {
    "cli.help.stats": (
        "Show what was asked, how fast it was answered, and what that cost.",
        "显示提问情况、回答速度与成本。",
    ),
    "cli.opt.days": ("How many days back.", "统计最近多少天。"),
    "cli.stats.questions": (
        "{questions} questions in {days} days: {answered} answered, {refused} refused, {incomplete} incomplete, "
        "{errors} errors; {from_cache} from the cache.",
        "{days} 天内 {questions} 个问题：已回答 {answered}，拒答 {refused}，未完成 {incomplete}，出错 {errors}；来自缓存 {from_cache}。",
    ),
    "cli.stats.stages": ("Time of each stage", "各阶段用时"),
    "cli.stats.stage": ("stage", "阶段"),
    "cli.stats.models": ("Tokens and cost", "词元与成本"),
    "cli.stats.model": ("model", "模型"),
    "cli.stats.adapter": ("adapter", "适配器"),
    "cli.stats.popular": ("Most asked", "最常见的问题"),
    "cli.stats.unanswered": ("Not answered", "未能回答的问题"),
    "cli.stats.question": ("question", "问题"),
    "monitoring.otlp": (
        "Spans of each question are sent to {url}.",
        "每个问题的追踪数据会发送到 {url}。",
    ),
    "monitoring.otlp_missing": (
        "Spans are not sent to {url}: the extra otlp is not installed. The Operations page shows them all the same.",
        "追踪数据没有发送到 {url}：未安装可选组件 otlp。“运维”页仍可查看。",
    ),
}
