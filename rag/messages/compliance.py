"""Messages of compliance rules and of what they do to an answer."""

from __future__ import annotations

MESSAGES: dict[str, tuple[str, str]] = {
    "compliance.replaced": (
        "[A sentence is not shown: it breaks a compliance rule.]",
        "〔此句违反合规规则，未予显示。〕",
    ),
    "compliance.held": (
        "This answer is held back: it lacks what a compliance rule asks for. An admin can look at it under Compliance.",
        "该回答缺少合规规则要求的内容，暂不显示。管理员可在“合规”页查看。",
    ),
    "compliance.noted": (
        "[Compliance notice: a statement above, taken together, breaks a rule. Do not rely on it.]",
        "〔合规提示：以上内容合起来违反了合规规则，请勿采信。〕",
    ),
    "compliance.masked": ("[removed]", "[已隐去]"),
    "compliance.mask_email": ("[mail address]", "[邮箱]"),
    "compliance.mask_phone": ("[telephone]", "[电话]"),
    "compliance.mask_identity_number": ("[identity number]", "[证件号码]"),
    "compliance.mask_bank_card": ("[card number]", "[银行卡号]"),
    "compliance.mask_iban": ("[account number]", "[银行账号]"),
    "rule.field": (
        "The rule's field {field} is not as expected: {problem}. docs/compliance.md lists the fields.",
        "规则的字段 {field} 不符合要求：{problem}。字段说明见 docs/compliance.md。",
    ),
    "rule.action": (
        "A rule of the kind {kind} cannot {action}. It can: {known}",
        "{kind} 类规则不能使用动作 {action}。可用：{known}",
    ),
    "rule.words": (
        "A rule has at most {most} words of at most {chars} characters each.",
        "一条规则最多 {most} 个词，每个词最多 {chars} 个字符。",
    ),
    "rule.empty_word": (
        "Word {number} of the rule holds no letter. Take it out, or write what is looked for.",
        "规则的第 {number} 个词没有文字。请删除或写明要查找的内容。",
    ),
    "rule.warning_length": (
        "The warning is longer than {most} characters. Shorten it.",
        "风险提示超过 {most} 个字符。请缩短。",
    ),
    "rule.looks_for_nothing": (
        "The rule looks for nothing. Give it words, patterns, or (to mask) kinds of personal data.",
        "规则没有要查找的内容。请填写词语、模式，或（遮蔽类）个人信息种类。",
    ),
    "rule.no_warning": (
        "The rule appends a warning but has none. Write it in at least one language.",
        "规则要附加风险提示，但没有填写内容。请至少填写一种语言。",
    ),
    "rule.patterns": (
        "{field}: more than {most} patterns. Split the rule in two.",
        "{field}：模式超过 {most} 个。请拆成两条规则。",
    ),
    "rule.pattern_length": (
        "{field}, pattern {number} is longer than {most} characters. Split it into several.",
        "{field} 的第 {number} 个模式超过 {most} 个字符。请拆成几个。",
    ),
    "rule.pattern": (
        "{field}, pattern {number} ({pattern}) is not a pattern of RE2: {problem}. Look-around and back-references "
        "are not there, so that no pattern can hold up an answer; use unless and unless_after instead.",
        "{field} 的第 {number} 个模式（{pattern}）不是有效的 RE2 模式：{problem}。为避免拖慢回答，不支持环视和反向引用；"
        "请改用 unless 和 unless_after。",
    ),
    "rule.pattern_empty": (
        "{field}, pattern {number} ({pattern}) matches nothing at all and so everything. Ask for at least one character.",
        "{field} 的第 {number} 个模式（{pattern}）能匹配空文本，因此会命中一切。请至少要求一个字符。",
    ),
    "rule.name": (
        "A rule's name has 1 to {most} characters.",
        "规则名称须为 1 至 {most} 个字符。",
    ),
    "rule.kind": ("{kind} is not a kind of rule. There are: {known}", "{kind} 不是规则类别。可用：{known}"),
    "rule.no_such": ("There is no rule {id}. `wenju rules list` shows them.", "没有规则 {id}。可用 `wenju rules list` 查看。"),
    "rule.no_hit": ("There is no hit {id}.", "没有命中记录 {id}。"),
    "rule.shipped": (
        "The rule {name} came with the program: switch it off instead of removing it.",
        "规则“{name}”随程序提供：可以停用，不能删除。",
    ),
    "rule.text_long": (
        "The text has {length} characters; at most {most} can be tried at once.",
        "文本有 {length} 个字符；一次最多试用 {most} 个。",
    ),
}
