"""Messages of the ingest worker."""

from __future__ import annotations

MESSAGES: dict[str, tuple[str, str]] = {
    "document.unexpected": (
        "Taking in {name} failed for a reason that Wenju did not foresee (reference {reference}); nothing else was "
        "touched. Try again; if it stays so, look for the reference in the log.",
        "处理 {name} 时发生了未预料的错误（编号 {reference}），其他内容不受影响。请重试；若仍失败，请在日志中按编号查找原因。",
    ),
    "document.no_chunks": (
        "{name} holds no words that could be searched. Check that the right file was saved and upload it again.",
        "{name} 中没有可供检索的文字。请确认保存的是正确的文件，然后重新上传。",
    ),
}
