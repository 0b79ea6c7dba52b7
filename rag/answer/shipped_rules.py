"""The compliance rules that come with the program.

Active from the start are those that an honest answer never meets: promises that the law forbids (China's
rules for asset management forbid promising principal or returns, as SEC and FINRA rules do), identity and
account numbers, and the warning under advice, which only adds a line. Off is the mask of telephone numbers
and mail addresses: reports print those of their investor relations for everybody to use.

Patterns meet folded text: lower case, simplified characters, no spaces between Chinese characters.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from rag.messages import CATALOGUE
from rag.records import RuleKind

_NOT_ZH = r"不|未|无法|非|勿|莫|没有|没法|谨防|警惕|当心|防范|切忌|禁止|严禁|杜绝|打破|取消|否认|违规|违法|虚假|谎称|声称|骗|拒绝|难以|谁能|怎能|岂能|是否|有没有|能否"
_NOT_EN = (
    r"\b(?:no|not|never|cannot|without|neither|nor|nothing|nobody|beware|avoid|prohibit\w*|forbid\w*|ban(?:s|ned)?|illegal"
    r"|unlawful|warn\w*|against|mislead\w*|false\w*|fraud\w*|unable|refus\w*|den(?:y|ies|ied)|whether|scams?|there is no|if (?:someone|anyone|anybody))\b"
    r"|n[’']t\b"
)  # fmt: skip
_RETURNS = r"(?:returns?|profits?|gains?|yields?|earnings|income|payouts?)"

PROMISES: Mapping[str, Any] = {
    "action": "replace",
    "words": ("稳赚不赔", "只赚不赔", "只赚不亏", "包赚不赔", "guaranteed returns", "guaranteed profits"),
    "patterns": (
        # principal and returns
        r"保本[、,，和与且又及并兼]?(?:保(?:收益|息|利|回报|赚|盈)|付息|保证收益|高收益)",
        r"(?:保证|确保|承诺|担保|保障|包)(?:您|你|客户|投资者|大家)?(?:的)?(?:本金|本息|保本|不亏|不赔|不会亏|不会赔|稳赚|赚钱|赚到|获利|翻倍)",
        r"(?:保证|确保|承诺|担保|保障)(?:您|你|客户|投资者|大家)?(?:的)?(?:[^金费函,，。;；强提视优善][^,，。;；强提视优善]{0,9})?(?:收益|回报)(?:$|[^型类凭表账])",
        r"(?:保证|确保)(?:您|你|客户|投资者|大家)?(?:能|会|可以|一定)?(?:盈利|赢利)(?:$|[^能预质])",
        r"保底(?:收益|年化|回报|利息|利率|分红|兑付)",
        r"(?:收益|回报|本金|本息)(?:率)?(?:绝对|完全|百分之?百|100%|百分百)?(?:有|得到|受到?)?(?:保证|保障|保底|担保)(?:$|[^金性型人])",
        r"本金(?:(?:绝对|完全|百分之?百|100%|百分百)安全|一分不少|安全无忧|无忧|不会(?:有)?(?:任何)?(?:损失|亏损|受损)|零损失|毫无风险)",
        r"(?:承诺|保证|到期)(?:[^,，。;；]{0,6})?(?:刚性兑付|刚兑|兜底)",
        # certainty
        r"(?:稳|包|必|保|绝对|一定|肯定|必定|必然|铁定|百分之?百|100%|百分百)(?:会|能|可以)?(?:(?:赚|挣|获利|翻倍|翻番|涨停|上涨|暴涨|大涨|涨)(?:$|[^幅跌价势])|盈利(?:$|[^能预质]))",
        r"(?:收益|本金|本息|亏损)(?:全部|由[^,，。;；]{0,6})?兜底|(?:归还|返还)本金并?(?:支付|给付)(?:固定|约定|保底)?(?:收益|利息)",
        r"稳拿|稳获|准(?:能)?赚|稳赢|包赢|躺赚|躺赢|稳操胜券|有赚无赔|有赚无亏|旱涝保收|绝(?:对)?不会?(?:亏|赔)|不可能(?:亏|赔)|永不亏损",
        # no risk
        r"(?:零|毫无|绝无|完全无|没有任何|没有|无)(?:任何)?(?:投资)?风险(?:$|[,，。;；!！?？、的\s]|高收益|高回报|理财|回报|获利|赚钱|收益(?:$|[^率])|投资)",
        rf"\bguarantee(?:s|d|ing)?(?: (?:a|an|the|you|your|our|us|investors?|clients?|steady|high|fixed|annual|double[- ]digit|stable|positive|monthly|of|[0-9][0-9.]* ?%))*\s*{_RETURNS}\b",
        rf"\b(?:{_RETURNS}|principal|capital|money|investment)(?: of [0-9.]+ ?%)?(?: (?:is|are|will be|remains?|fully|absolutely|completely|totally|100 ?%|always))+\s*(?:guaranteed|assured|protected from (?:any )?loss|safe and guaranteed)\b",
        rf"\b(?:assured|sure[- ]?fire|can[’']?t[- ]miss) {_RETURNS}\b",
        r"\b(?:we|i) (?:can )?(?:guarantee|promise|assure)(?: you)?(?: that)? (?:you|your|the|it|investors|prices?|shares?)(?: \w+){0,3} (?:profit|gain|earn|double|rise|grow|make|never|not lose|safe)\w*",
        r"\b(?:completely|totally|absolutely|100 ?%|entirely|virtually) (?:risk[- ]?free|safe investment|without risk)\b",
        r"\brisk[- ]?free (?:profits?|investments?|income|gains?|money|opportunit\w+|way|product|fund|return of [0-9.]+ ?%)\b",
        r"\b(?:no|zero|without(?: any)?) (?:risk of (?:loss|losing)|risk to (?:your|the) (?:principal|capital|money)|downside)\b|\bzero[- ]risk (?:returns?|profits?|investments?|income|products?)\b|\bthere is (?:absolutely )?no risk\b",
        r"\b(?:you|investors?|clients?|it|this|we) (?:simply |just )?(?:can(?:no|’|')t|cannot|can not|will never|won[’']?t ever) (?:possibly )?(?:lose|fail)\b",
        r"\b(?:certain|sure|bound|guaranteed|destined) to (?:rise|double|go up|make (?:you )?(?:money|a profit)|profit|pay off|soar|outperform|gain)\b",
        r"\b(?:will|would) (?:definitely|certainly|surely|undoubtedly|without (?:a )?doubt) (?:rise|double|go up|make (?:you )?money|profit|pay off|soar|outperform)\b",
        r"\b(?:never|not ever) (?:loses?|lost) (?:any )?money\b|\bdouble your money\b|\bsure (?:bet|winner|thing)\b|\bget[- ]rich[- ]quick\b",
    ),
    "unless": (_NOT_ZH, _NOT_EN),
    "unless_after": (
        r"^[^,，。;；]{0,8}(?:是不可能|不存在|是违规|是违法|属于?违|被禁止|是虚假|不可信|是骗|均不|都不|的说法|的承诺不|等(?:违规|不当|误导|虚假)|条款无效)",
        r"^ ?(?:is|are|would be|was|were)? ?(?:not |im|never |un)?(?:possible|impossible|prohibited|illegal|forbidden|unlawful|misleading|false|not allowed|do not exist|does not exist|don[’']t exist|should be treated)",
    ),
}  # fmt: skip

ADVICE: Mapping[str, Any] = {
    "action": "append",
    "patterns": (
        r"建议(?:您|你|投资者|客户|大家|各位|股东)?[^,，。;；]{0,8}(?:买入|买进|卖出|增持|减持|持有|加仓|减仓|建仓|清仓|抄底|认购|申购|配置|布局|止损|止盈|投资)",
        r"(?:推荐|维持|给予|给出|上调至?|下调至?|首次覆盖)[^,，。;；]{0,8}(?:买入|增持|减持|卖出|持有|中性|跑赢大市|优于大市|强烈推荐)",
        r"(?:值得|适合|应当|应该|应|可以|可|宜|不妨|最好|赶紧|抓紧|考虑|择机|逢低|逢高|果断|坚决|继续|现在)(?:您|你)?(?:考虑|逢低|逢高|适当|适量|分批|长期|积极|择机|立即|马上)*(?:买入|买进|卖出|增持|减持|加仓|减仓|建仓|清仓|抄底|认购|申购|满仓)",
        r"(?:值得|适合|适宜)(?:[^,，。;；]{0,6})?(?:投资|配置|持有|布局|长期持有)|(?:买入|卖出|抄底|入场|建仓|投资)(?:的)?(?:好|最佳|绝佳|良)?(?:时机|机会|良机)",
        r"目标价(?:为|是|位|格|上调|下调|[0-9])|投资价值(?:凸显|突出|显著|较高|很高)|建议(?:积极)?关注",
        r"\b(?:recommend|suggest|advise|advocate|propose)(?:s|ed|ing)?\b(?: [\w’'-]+){0,6} (?:buy|sell|hold|invest|purchas|accumulat|overweight|underweight|divest|short|reduc|add|exit|trim)\w*",
        r"\b(?:you|investors?|clients?|one|we|they|shareholders?|holders) (?:should|ought to|might want to|may want to|may wish to|could consider|had better|would do well to|must)(?: [\w’'-]+){0,4} (?:buy|sell|hold|invest|purchas|accumulat|divest|short|reduc|add|exit|trim|avoid|load)\w*",
        r"\b(?:is|are|looks? like|remains?|makes|represents?|seems?) (?:a|an) (?:[\w-]+ ){0,2}(?:buy|sell|hold|bargain|buying opportunity|entry point|good investment|attractive investment|solid investment|great investment|wise investment)\b",
        r"\b(?:good|right|great|best|ideal|perfect|excellent) (?:time|moment|point) to (?:buy|sell|invest|enter|exit|add)\b|\b(?:worth|worthy of) (?:buying|investing|holding|an investment)\b",
        r"\b(?:price target|target price)\b|\b(?:rat(?:e|es|ed|ing)|reiterat\w+|upgrad\w+|downgrad\w+)\b(?: [\w’'-]+){0,5} (?:buy|outperform|overweight|underweight|neutral|hold|sell)\b",
        r"\bconsider (?:[\w-]+ ){0,2}(?:buying|selling|adding|reducing|investing|trimming|holding)\b|\badvice ?(?:is|:) ?(?:to )?(?:buy|sell|hold)\b",
        r"\b(?:buy|sell|accumulate|invest in|load up on) (?:the |these |this |more |its |some )?(?:shares?|stock|bonds?|funds?|dip|notes) (?:now|today|immediately|before|while|on)\b",
    ),
    "unless": (r"(?:没有|未|不|无法|不会)(?:给出|提供|作出|构成|予)?$", r"\b(?:not|never|cannot|no|n[’']t)\b(?: \w+){0,2}\s*$"),
    "satisfied_by": (
        r"投资有风险|不构成(?:任何)?(?:[^,，。]{0,6})?(?:建议|推荐|意见)|风险提示|(?:请|应|须|需)?谨慎(?:投资|决策)|入市[需须]?谨慎|可能(?:会)?(?:亏损|损失|遭受损失)|注意(?:投资|相关)?风险|自担风险|风险自负",
        r"\b(?:not|no|nor) (?:[\w-]+ ){0,3}(?:financial |investment )?advice\b|\brisk warning\b|\bat risk\b|\b(?:may|might|could|can) lose\b|\b(?:involves?|carr(?:y|ies)|subject to|entails?) (?:[\w-]+ ){0,3}risks?\b|\bpast performance\b",
    ),
    "warning_en": CATALOGUE["answer.risk"][0],
    "warning_zh": CATALOGUE["answer.risk"][1],
}  # fmt: skip

NUMBERS: Mapping[str, Any] = {
    "action": "mask",
    "personal": ("identity_number", "bank_card", "iban"),
    "exempt_quotes": False,
}
CONTACTS: Mapping[str, Any] = {"action": "mask", "personal": ("phone", "email"), "exempt_quotes": False}


@dataclass(frozen=True, slots=True)
class ShippedRule:
    key: str
    name: str  # both languages: rules are named by admins, in whatever language they speak
    kind: RuleKind
    active: bool
    definition: Mapping[str, Any]


SHIPPED: tuple[ShippedRule, ...] = (
    ShippedRule("promises", "Forbidden promises · 禁止的承诺", "forbidden", True, PROMISES),
    ShippedRule("advice", "Risk warning under advice · 建议须附风险提示", "required", True, ADVICE),
    ShippedRule("numbers", "Identity and account numbers · 证件与账户号码", "mask", True, NUMBERS),
    ShippedRule("contacts", "Telephone and mail · 电话与邮箱", "mask", False, CONTACTS),
)
