"""Messages of: traces, metrics, figures of what was asked."""

from __future__ import annotations

MESSAGES: dict[str, tuple[str, str]] = {
    "monitoring.otlp": (
        "Spans of each question are sent to {url}.",
        "每个问题的追踪数据会发送到 {url}。",
    ),
    "monitoring.otlp_missing": (
        "Spans are not sent to {url}: the extra otlp is not installed. The Operations page shows them all the same.",
        "追踪数据没有发送到 {url}：未安装可选组件 otlp。“运维”页仍可查看。",
    ),
}
