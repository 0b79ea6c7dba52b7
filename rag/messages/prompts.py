"""Messages of: the wordings of prompts."""

from __future__ import annotations

MESSAGES: dict[str, tuple[str, str]] = {
    "prompt.bad_use": (
        "“{use}” is no name for a use. Expected 1 to 32 letters, digits, spaces or hyphens.",
        "“{use}”不能作为用途名称。应为 1 到 32 个文字、数字、空格或连字符。",
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
        "There is no prompt for “{use}”. Known are: {known}.",
        "没有用途为“{use}”的提示词。现有：{known}。",
    ),
    "prompt.unknown_version": (
        "“{use}” ({language}) has no version {version}. `wenju prompts show` lists them.",
        "“{use}”（{language}）没有版本 {version}。可用 `wenju prompts show` 列出。",
    ),
    "prompt.built_in": (
        "“{use}” came with the program and cannot be removed; its first wording can be restored.",
        "“{use}”是内置用途，不能移除，但可以恢复最初的文本。",
    ),
}
