"""Names of companies: their short forms, and one key for all the ways to write one. Pure.

Promises: no list of companies; the words of legal forms are the only ones known here.
"""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache
from typing import Final

_FORM: Final = (
    r"incorporated|inc|corporation|corp|company|companies|co|limited|ltd|llc|l\.l\.c|plc|p\.l\.c|n\.?v|s\.?a\.?s?|ag|se|"
    r"gmbh|kgaa|s\.?p\.?a|a/?s|oyj|ab|asa|bv|b\.v|lp|l\.p|llp|pte|pty|bhd|berhad|k\.k|kk|holdings?|group|trust"
)
_TAIL: Final = re.compile(rf"[\s,&.]+(?:and\s+)?(?:{_FORM})\.?(?:\s*\([^)]{{0,20}}\))?\s*\.?$", re.IGNORECASE)
ENGLISH_COMPANY: Final = re.compile(rf"[\s,](?:{_FORM})\.?\)?$", re.IGNORECASE)
"""Whether a line ends in a legal form."""
_ZH_FORM: Final = re.compile(
    r"(?:控股)?(?:集团)?(?:控股)?(?:股份)?(?:有限责任公司|有限公司|公司)$|股份有限公司$|(?:集团|控股|股份)$"
)
_PROVINCE: Final = re.compile(
    r"^(?:中国)?(?:北京|上海|天津|重庆|河北|山西|辽宁|吉林|黑龙江|江苏|浙江|安徽|福建|江西|山东|河南|湖北|湖南|广东|海南|"
    r"四川|贵州|云南|陕西|甘肃|青海|台湾|内蒙古|广西|西藏|宁夏|新疆|香港|澳门)(?:省|市|自治区)?"
)


def clean_name(name: str) -> str:
    """One line, NFKC, without quotes around it."""
    return " ".join(unicodedata.normalize("NFKC", name).split()).strip(" \"'“”‘’,;:*_-")


def short_name(company: str) -> str:
    """The name without its legal form: "BEST BUY CO., INC." -> "BEST BUY", "四方科技集团股份有限公司" ->
    "四方科技". The name itself when nothing would be left."""
    name = clean_name(company)
    if is_chinese(name):
        name = _ZH_FORM.sub("", name) or name
        return _ZH_FORM.sub("", name) or name
    name = re.sub(r"^the\s+", "", name, flags=re.IGNORECASE)
    while True:
        cut = _TAIL.sub("", name).strip(" ,&.")
        if not cut or cut == name:
            break
        name = cut
    return re.sub(r"(?<=\w)\.com$", "", name, flags=re.IGNORECASE) or name


def without_province(name: str) -> str:
    """A Chinese name without the province it begins with; "" when little would be left."""
    left = _PROVINCE.sub("", name)
    return left if left != name and len(left) >= 4 else ""


def is_chinese(text: str) -> bool:
    return any("\u4e00" <= c <= "\u9fff" for c in text)


@lru_cache(maxsize=16_384)
def name_key(name: str) -> str:
    """Equal for the ways to write one name: case, accents, punctuation, spaces and "&"/"and" don't count.
    "Johnson & Johnson" and "JOHNSON_JOHNSON" have one key."""
    plain = unicodedata.normalize("NFKD", name.casefold())
    plain = "".join(c for c in plain if not unicodedata.combining(c))
    plain = re.sub(r"\band\b", " ", plain.replace("&", " "))
    return "".join(c for c in plain if c.isalnum())
