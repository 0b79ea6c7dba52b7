"""Messages of: terms that admins add to the vocabulary."""

from __future__ import annotations

MESSAGES: dict[str, tuple[str, str]] = {
    "vocabulary.no_word": (
        "“{name}” holds no letter. A term and its synonyms are words.",
        "“{name}”中没有文字。术语和同义词应为词语。",
    ),
    "vocabulary.too_long": (
        "“{name}…” is too long for a name. Expected at most {limit} characters.",
        "“{name}…”过长，名称最多 {limit} 个字符。",
    ),
    "vocabulary.no_synonym": (
        "“{name}” has no synonym. Give at least one other name of it.",
        "“{name}”没有同义词。请至少给出一个别名。",
    ),
    "vocabulary.too_many": (
        "“{name}” has too many names. Expected at most {limit}.",
        "“{name}”的名称过多，最多 {limit} 个。",
    ),
    "vocabulary.unreadable": ("This term cannot be read.", "该术语无法读取。"),
    "vocabulary.bad_row": ("This row is no CSV: {problem}.", "此行不是有效的 CSV：{problem}。"),
    "vocabulary.too_many_rows": (
        "The file has too many rows; what follows was left out. Expected at most {limit}.",
        "文件行数过多，其余未导入。最多 {limit} 行。",
    ),
    "vocabulary.there": ("“{name}” is there already with these names.", "“{name}”及这些名称已存在。"),
    "vocabulary.no_collection": (
        "There is no collection “{name}”. Known: {known}.",
        "没有名为“{name}”的集合。现有：{known}。",
    ),
    "cli.help.vocabulary": (
        "Own terms of a collection: names that mean the same, used when its documents are searched.",
        "集合的自有术语：含义相同的名称，检索其文档时使用。",
    ),
    "cli.help.vocabulary.list": ("The terms that were added.", "列出已添加的术语。"),
    "cli.help.vocabulary.add": ("Adds a term and its synonyms.", "添加术语及其同义词。"),
    "cli.help.vocabulary.remove": ("Removes a term by its number.", "按编号删除术语。"),
    "cli.help.vocabulary.import": (
        "Adds the terms of a CSV file: a term, then its synonyms (; between them). Bad rows are named by line.",
        "从 CSV 文件添加术语：每行先是术语，再是同义词（用 ; 分隔）。有问题的行会指出行号。",
    ),
    "cli.arg.term": ("The term.", "术语。"),
    "cli.arg.synonyms": ("Other names of it, in any language.", "它的其他名称，任何语言均可。"),
    "cli.arg.term_id": ("The term's number, as `wenju vocabulary list` shows it.", "术语编号，见 `wenju vocabulary list`。"),
    "cli.arg.terms_csv": ("A CSV file (UTF-8).", "CSV 文件（UTF-8）。"),
    "cli.vocabulary.none": ("No terms were added.", "尚未添加术语。"),
    "cli.vocabulary.added": ("Added as number {id}: {names}", "已添加，编号 {id}：{names}"),
    "cli.vocabulary.removed": ("Term {id} was removed.", "已删除术语 {id}。"),
    "cli.vocabulary.imported": ("{added} terms added, {bad} rows left out.", "已添加 {added} 条术语，跳过 {bad} 行。"),
    "cli.vocabulary.line": ("line {line}: {problem}", "第 {line} 行：{problem}"),
    "cli.vocabulary.unreadable": ("{path} cannot be read: {problem}", "无法读取 {path}：{problem}"),
}
