"""Messages of settings."""

from __future__ import annotations

MESSAGES: dict[str, tuple[str, str]] = {
    "settings.invalid": (
        "The settings cannot be used: {problems}. Correct wenju.toml or the WENJU_* variable named here; "
        "`wenju settings` lists every key with its unit.",
        "设置无法使用：{problems}。请改正 wenju.toml 或这里点名的 WENJU_* 变量；`wenju settings` 会列出所有键和单位。",
    ),
}
