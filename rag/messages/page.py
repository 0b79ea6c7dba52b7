"""Messages of the page's own start."""

from __future__ import annotations

MESSAGES: dict[str, tuple[str, str]] = {
    "ui.cannot_open": (
        "Wenju could not start: {problem}. The log in the terminal says more; `wenju doctor` checks each part.",
        "问据无法启动：{problem}。终端日志里有详细信息；`wenju doctor` 会逐项检查。",
    ),
    "ui.data_dir_unwritable": (
        "The data folder {path} cannot be written ({problem}). Free space or correct its permissions, or choose "
        "another folder: data_dir in wenju.toml, or WENJU_DATA_DIR.",
        "数据文件夹 {path} 无法写入（{problem}）。请腾出空间或修正权限，或在 wenju.toml 的 data_dir（或 WENJU_DATA_DIR）"
        "里换一个文件夹。",
    ),
    "ui.unexpected": (
        "Something went wrong while answering. Nothing was lost; try again. The log names the cause.",
        "回答时出了意外。没有丢失任何内容，请重试；日志里有原因。",
    ),
    "ui.run_failed": (
        "The run ended with an error; what was answered is kept. The log names the cause.",
        "评测因错误中断；已回答的部分已保留。日志里有原因。",
    ),
    "ui.too_many_runs": (
        "{count} runs are going already. Wait for one to end, or stop one.",
        "已有 {count} 个评测在进行。请等待其一结束，或先停止一个。",
    ),
    "ui.too_busy": (
        "{count} answers are already being written. Wait for one to finish, or stop one.",
        "已有 {count} 个回答正在生成。请等其中一个结束，或先停止一个。",
    ),
}
