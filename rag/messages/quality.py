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
    "cli.help.eval.generate": (
        "Draft golden questions from the library's own documents, by rule or with the chat model. A person accepts "
        "them (`wenju eval review`, or the Quality page) before they are asked.",
        "根据文档库中的文件起草标准问题（按规则，或用对话模型）。由人审阅接受后（`wenju eval review` 或“质量”页面）才会用于评测。",
    ),
    "cli.help.eval.review": (
        "Accept or reject drafted questions one by one.",
        "逐条接受或拒绝起草的问题。",
    ),
    "cli.opt.count": ("How many questions at most.", "最多多少个问题。"),
    "cli.opt.by_model": ("Let the chat model write them.", "由对话模型出题。"),
    "cli.opt.drafts_in": ("Dataset that holds the drafts.", "存放草稿的数据集。"),
    "cli.opt.drafts_out": ("Write them as JSON lines as well.", "同时写成 JSON 行文件。"),
    "cli.opt.seed": ("Another seed drafts other questions.", "换一个种子会得到另一批问题。"),
    "cli.generate.no_model": (
        "No chat model is reachable; `wenju doctor` says what is missing. Without --model questions are made by rule.",
        "没有可用的对话模型；`wenju doctor` 会说明缺少什么。不加 --model 则按规则出题。",
    ),
    "cli.generate.done": (
        "{drafts} questions drafted, {new} of them new in the dataset {dataset}. `wenju eval review` or the Quality "
        "page goes through them.",
        "已起草 {drafts} 个问题，其中 {new} 个新加入数据集 {dataset}。可用 `wenju eval review` 或“质量”页面逐条审阅。",
    ),
    "cli.generate.dropped": ("dropped: {reason} ({times})", "已舍弃：{reason}（{times}）"),
    "cli.review.refuse": ("(must be refused)", "（应当拒答）"),
    "cli.review.keys": (
        "[a]ccept  [r]eject  [s]kip  [q]uit",
        "[a] 接受  [r] 拒绝  [s] 跳过  [q] 退出",
    ),
    "cli.review.done": (
        "{accepted} accepted, {rejected} rejected, {left} left.",
        "接受 {accepted}，拒绝 {rejected}，剩余 {left}。",
    ),
    "cli.review.no_dataset": (
        "There is no dataset {name!r}. There are: {known}.",
        "没有名为 {name!r} 的数据集。现有：{known}。",
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
