"""Messages of: the wordings of prompts."""

from __future__ import annotations

MESSAGES: dict[str, tuple[str, str]] = {
    "prompt.bad_use": (
        "“{use}” cannot be the name of a style. Expected 1 to 32 letters, digits, spaces or hyphens.",
        "“{use}”不能作为回答方式的名称。应为 1 到 32 个文字、数字、空格或连字符。",
    ),
    "prompt.bad_language": (
        "“{language}” is no language of a prompt. Expected zh or en.",
        "“{language}”不是可用的提示词语言。应为 zh 或 en。",
    ),
    "prompt.length": (
        "The prompt has {length} characters. Expected {least} to {most}.",
        "提示词有 {length} 个字符，应在 {least} 到 {most} 之间。",
    ),
    "prompt.no_refusal": (
        "The prompt lacks {{refusal}}. It stands for the refusal sentence, by which a refused answer is "
        "recognised: write a rule such as “If the passages do not hold the answer, reply with exactly: {{refusal}}”.",
        "提示词缺少 {{refusal}}。它代表拒答语句，系统据此识别拒答：请写明规则，例如“如果段落中没有答案，只回复：{{refusal}}”。",
    ),
    "prompt.no_citation": (
        "The prompt never shows how to cite. Write the form of a citation, [1], into one of its rules.",
        "提示词没有说明如何标注引用。请在某条规则中写出引用的形式 [1]。",
    ),
    "prompt.placeholder": (
        "The prompt holds placeholders that mean nothing here: {names}. Known are {{refusal}} and {{risk}}.",
        "提示词中有无法识别的占位符：{names}。可用的有 {{refusal}} 和 {{risk}}。",
    ),
    "prompt.characters": (
        "The prompt holds characters that a model could take for control signs or that nobody sees ({found}). "
        "Remove them.",
        "提示词中含有可能被模型当作控制符或不可见的字符（{found}），请删除。",
    ),
    "prompt.unknown_use": (
        "There is no style “{use}”. Known are: {known}.",
        "没有名为“{use}”的回答方式。现有：{known}。",
    ),
    "prompt.unknown_version": (
        "“{use}” ({language}) has no version {version}. `wenju prompts show` lists them.",
        "“{use}”（{language}）没有版本 {version}。可用 `wenju prompts show` 列出。",
    ),
    "cli.help.eval.injection": (
        "Plant instructions in documents of a temporary library and count the answers that obey them; exit code 3 "
        "when any does.",
        "在临时文档库的文档中植入指令，统计服从指令的回答；只要有一个即返回退出码 3。",
    ),
    "cli.eval.injection": ("Answers by: {model}.", "回答来自：{model}。"),
    "cli.eval.extractive": ("quotes, no chat model", "原文摘录，无对话模型"),
    "cli.help.prompts": (
        "What a chat model is told, by style and language. Saved wordings are kept; the newest counts.",
        "对话模型的提示词，按回答方式和语言管理。历次保存的文本都会保留，以最新的为准。",
    ),
    "cli.help.prompts.list": ("Every style and language, and which wording counts.", "列出各回答方式、语言及当前文本的版本。"),
    "cli.help.prompts.show": (
        "Print the wording that counts and the list of its versions.",
        "输出当前文本及其版本列表。",
    ),
    "cli.help.prompts.edit": (
        "Change a wording, in an editor or from a file; a new style is added.",
        "用编辑器或文件修改文本；新的回答方式会被添加。",
    ),
    "cli.help.prompts.restore": (
        "Make an older version count again (0: the one that came with the program).",
        "恢复较早的版本（0 为内置文本）。",
    ),
    "cli.help.prompts.remove": (
        "Take a style that was added off the list; its wordings are kept.",
        "从列表中移除自行添加的回答方式；其文本仍会保留。",
    ),
    "cli.arg.use": ("A style: concise, analyst, or one that was added.", "回答方式：concise、analyst 或自行添加的。"),
    "cli.arg.prompt_language": ("The language of the prompt.", "提示词的语言。"),
    "cli.arg.prompt_version": ("Number of the version; `show` lists them.", "版本号，可用 show 列出。"),
    "cli.opt.prompt_version": ("Show this version.", "显示该版本。"),
    "cli.opt.prompt_file": ("Read the wording from FILE (- is standard input).", "从 FILE 读取文本（- 为标准输入）。"),
    "cli.opt.note": ("Why it was changed.", "修改说明。"),
    "cli.opt.use": (
        "How the answer is written: concise, analyst (data, analysis, risk warning), or one that was added.",
        "回答方式：concise（简明）、analyst（数据、分析、风险提示）或自行添加的。",
    ),
    "cli.prompts.use": ("style", "回答方式"),
    "cli.prompts.language": ("language", "语言"),
    "cli.prompts.version": ("version", "版本"),
    "cli.prompts.fingerprint": ("fingerprint", "指纹"),
    "cli.prompts.saved": (
        "“{use}” ({language}) now uses version {version}, fingerprint {print}.",
        "“{use}”（{language}）现使用版本 {version}，指纹 {print}。",
    ),
    "cli.prompts.saved_at": ("saved", "保存时间"),
    "cli.prompts.built_in": ("came with the program", "内置"),
    "cli.prompts.removed": ("“{use}” is off the list.", "“{use}”已从列表移除。"),
    "cli.prompts.unchanged": ("Nothing was changed.", "没有修改。"),
    "cli.prompts.unreadable": ("{path} cannot be read: {problem}", "无法读取 {path}：{problem}"),
    "prompt.built_in": (
        "“{use}” came with the program and cannot be removed; its first wording can be restored.",
        "“{use}”是内置的回答方式，不能移除，但可以恢复最初的文本。",
    ),
}
