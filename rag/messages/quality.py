"""Messages of feedback, golden questions and what is made of them."""

from __future__ import annotations

MESSAGES: dict[str, tuple[str, str]] = {
    "cli.help.feedback": ("What readers said of answers.", "读者对回答的反馈。"),
    "cli.help.feedback.list": (
        "List rated answers with the kind of mistake, lately rated first.",
        "列出被评价的回答及错误类型，最近评价的在前。",
    ),
    "cli.help.feedback.export": (
        "Write rated answers, corrections and citations as JSON lines.",
        "把被评价的回答、更正与引用导出为 JSON 行文件。",
    ),
    "cli.opt.open_only": (
        "Only thumbs down and corrections that nobody has reviewed.",
        "只看尚未审阅的差评与更正。",
    ),
    "cli.arg.out_jsonl": ("File to write.", "要写入的文件。"),
    "cli.feedback.none": ("No feedback yet.", "还没有反馈。"),
    "cli.feedback.exported": ("{turns} rated answers written to {path}.", "已将 {turns} 条反馈写入 {path}。"),
    "cli.column.turn": ("Turn", "问答"),
    "cli.column.rating": ("Rating", "评价"),
    "cli.column.class": ("Mistake", "错误类型"),
    "cli.column.question": ("Question", "问题"),
    "cli.column.correction": ("Right answer", "正确答案"),
    "cli.column.review": ("Review", "审阅"),
}
