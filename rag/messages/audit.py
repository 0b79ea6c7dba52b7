"""Messages of the audit chain, of rules on the command line, and of backups."""

from __future__ import annotations

MESSAGES: dict[str, tuple[str, str]] = {
    "audit.format": ("{form} is not a format of the audit export: jsonl or csv.", "审计导出不支持格式 {form}：请用 jsonl 或 csv。"),
    "cli.help.audit": ("Who did what and when: list, export, verify, trim.", "谁在何时做了什么：查看、导出、校验、清理。"),
    "cli.help.audit.list": ("Show the newest entries.", "显示最近的记录。"),
    "cli.help.audit.export": ("Write all entries to a file (JSON lines, or CSV by its name).", "把全部记录写入文件（JSON 行，或按文件名写 CSV）。"),
    "cli.help.audit.verify": ("Check that no entry was changed or removed. Exit code 1 when one was.", "检查记录是否被改动或删除；如有则退出码为 1。"),
    "cli.help.audit.trim": ("Remove entries older than audit.days.", "删除早于 audit.days 的记录。"),
    "cli.opt.audit_user": ("only this user's id", "仅此用户 id"),
    "cli.opt.audit_action": ("only this action, or all that begin with it up to a dot", "仅此动作，或以其为前缀（至点号）的动作"),
    "cli.opt.limit": ("at most so many", "最多条数"),
    "cli.arg.out_file": ("file to write", "要写入的文件"),
    "cli.audit.exported": ("{rows} entries written to {path}", "已写入 {rows} 条记录：{path}"),
    "cli.audit.good": ("{rows} entries, all as they were written. Last: {id}, {hash}", "{rows} 条记录，均未被改动。最后一条：{id}，{hash}"),
    "cli.audit.broken": (
        "Entry {id} does not fit the one before it: it or its neighbour was changed or removed. Compare with a backup.",
        "第 {id} 条记录与前一条不符：它或其相邻记录被改动或删除。请与备份对照。",
    ),
    "cli.audit.trimmed": ("{rows} entries removed; the chain goes on from an anchor.", "已删除 {rows} 条记录；链从锚点继续。"),
    "cli.file_there": ("{path} is there already. Choose another name.", "{path} 已存在。请换一个名称。"),
    "cli.help.rules": ("Compliance rules: list, add, change, switch, check a text.", "合规规则：查看、添加、修改、开关、检查文本。"),
    "cli.help.rules.list": ("Show the rules and their hits.", "显示规则及命中数。"),
    "cli.help.rules.add": ("Add a rule from a JSON file (docs/compliance.md has the fields).", "从 JSON 文件添加规则（字段见 docs/compliance.md）。"),
    "cli.help.rules.on": ("Switch a rule on.", "启用规则。"),
    "cli.help.rules.off": ("Switch a rule off.", "停用规则。"),
    "cli.help.rules.remove": ("Remove an own rule; its hits stay.", "删除自有规则；命中记录保留。"),
    "cli.help.rules.check": ("Hold a text against the active rules. Exit code 4 when one is met.", "用启用的规则检查文本；有命中时退出码为 4。"),
    "cli.arg.rule": ("number of the rule", "规则编号"),
    "cli.arg.rule_file": ("JSON file: name, kind, definition", "JSON 文件：name、kind、definition"),
    "cli.arg.text_file": ("text file, - for standard input", "文本文件，- 表示标准输入"),
    "cli.rules.added": ("Rule {id} counts from now on.", "规则 {id} 已生效。"),
    "cli.rules.switched": ("Rule {id} is {state}.", "规则 {id} 已{state}。"),
    "cli.rules.on": ("on", "启用"),
    "cli.rules.off": ("off", "停用"),
    "cli.rules.removed": ("Rule {id} is removed; its hits stay.", "规则 {id} 已删除；命中记录保留。"),
    "cli.rules.hit": ("{rule}: {action} ({count})", "{rule}：{action}（{count}）"),
    "cli.rules.none": ("No rule is met.", "没有命中规则。"),
    "cli.rules.unreadable": ("{path} is not a readable rule: {problem}", "{path} 不是可读的规则：{problem}"),
    "cli.help.backup": (
        "Write the whole library into one file (or folder): database, originals, adapters. While it is in use.",
        "把整个文档库写入一个文件（或文件夹）：数据库、原始文件、适配器。可在使用中进行。",
    ),
    "cli.help.restore": (
        "Put a backup into an empty data folder (and an empty database_url).",
        "把备份恢复到空的数据文件夹（及空的 database_url）。",
    ),
    "cli.arg.backup": ("file (.wenju) or new folder", "文件（.wenju）或新文件夹"),
    "cli.arg.restore": ("a file or folder that wenju backup has made", "由 wenju backup 生成的文件或文件夹"),
    "cli.backup.done": (
        "{documents} documents, {turns} turns, {files} files, {size} MiB: {path}",
        "{documents} 份文档、{turns} 次问答、{files} 个文件、{size} MiB：{path}",
    ),
    "cli.backup.missing": (
        "{count} originals were not there any more and are not in the backup.",
        "有 {count} 个原始文件已不存在，未包含在备份中。",
    ),
    "cli.restore.done": (
        "{documents} documents and {turns} turns are back in {path}. The first start builds the indexes.",
        "{documents} 份文档、{turns} 次问答已恢复到 {path}。首次启动时会重建索引。",
    ),
    "backup.there": ("{path} is there already. Choose another name.", "{path} 已存在。请换一个名称。"),
    "backup.not_empty": (
        "{path} is not empty, and a backup is only restored into nothing. Choose an empty folder with --data-dir (and an "
        "empty database_url), or move the old one away.",
        "{path} 不为空，备份只能恢复到空处。请用 --data-dir 指定空文件夹（database_url 也须为空库），或先移走旧数据。",
    ),
    "backup.not_one": (
        "{path} is no backup of Wenju: {detail}. Give the file or folder that `wenju backup` made.",
        "{path} 不是问据的备份：{detail}。请指定由 `wenju backup` 生成的文件或文件夹。",
    ),
    "backup.damaged": (
        "The backup {path} is damaged at {member} ({detail}). Nothing was restored. Take another backup.",
        "备份 {path} 在 {member} 处损坏（{detail}）。没有恢复任何内容。请使用其他备份。",
    ),
    "backup.newer": (
        "The backup {path} was made by a newer Wenju (schema {found}; this one knows up to {expected}). Install that one.",
        "备份 {path} 由更新版本的问据生成（架构 {found}；当前版本只支持到 {expected}）。请安装该版本。",
    ),
}
