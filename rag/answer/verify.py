"""Every sentence and every number of an answer held against the passages that it cites.

Promises: a number counts as found only with its unit and scale, and only where the passage's year is not
another one than the sentence names; what is not there may follow from numbers that are (see ``recompute``),
else it is missing and the sentence unsupported; so is a sentence about another company, or one that says the
opposite of what its passage says. Years, dates, page numbers and list numbers are no claims. Words alone
never condemn a sentence in another language than its passage. Pure and quick: no model is needed; ``cosines``
only help.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal

from rag.answer import polarity
from rag.answer.agreement import SMALL_WORDS, fits, is_timely, opposite_sign, same, spelled_alike
from rag.answer.amounts import Amount, amounts, near
from rag.answer.claims import Claim, claims
from rag.answer.evidence import idf, plain, years
from rag.answer.held import Held, hold
from rag.answer.recompute import Known, recompute
from rag.answer.wording import is_standing
from rag.records import Calculation, NumberCheck, Passage, SentenceCheck, Support
from rag.text.terms import terms
from rag.vocabulary import content, mentions

Cosines = Callable[[str, Sequence[str]], Sequence[float]]  # of a sentence with texts
ENOUGH = 0.55
"""Share of a sentence's words that one place of a passage must hold for it to be supported by words alone."""
SOME = 0.34
"""The same below which it is unsupported."""
_NEAR_COSINE = 0.72  # of MiniLM between a sentence and what it paraphrases
_COSINES = 8  # sentences worth embedding for one claim
_EARLIER = re.compile(
    r"(?:\bfrom|\bthan|compared (?:with|to)|\bafter|\bagainst|\bversus|\bvs\.?|prior year|year earlier"
    r"|previous|上年|去年|上期|同期|从|由|期初|较)[^,，;；。]{0,24}$",
    re.IGNORECASE,
)
_CJK = re.compile("[\u3400-\u9fff]")
_NO_CLAIM = re.compile(
    r"^(?:here (?:is|are)|below (?:is|are)|the following|in summary|to summari[sz]e|note:|sources?:"
    r"|based on the|以下|如下|综上|注：|来源|根据(?:上述|以上)?(?:资料|文档|段落))[^。.]{0,60}[:：]?$"
    r"|(?:passages?|documents?|sources?|context)\b.{0,40}\b(?:do(?:es)? not|don't|doesn't|did not|no)\b"
    r"|\bnot (?:provided|disclosed|available|given|stated|specified|mentioned)\b"
    r"|\bno (?:information|evidence)\b"
    r"|(?:资料|文档|段落|所提供|上文).{0,20}(?:没有|未|无法|不)|(?:未|没有)(?:提及|披露|提供|说明|给出)"
    r"|\?$|？$|^(?:please|let me know|i hope)\b|仅供参考|不构成|投资建议"
    r"|not (?:financial|investment) advice",
    re.IGNORECASE,
)
_CAPITALISED = re.compile(r"\b[A-Z][A-Za-z&'’-]*[A-Za-z](?:\s+(?:&\s+)?[A-Z][A-Za-z&'’-]+)*")
_CHINESE_NAME = re.compile(r"[\u4e00-\u9fff]{2,6}(?:公司|集团|银行|证券|科技|股份|保险|基金|药业|电气)")


@dataclass(frozen=True, slots=True)
class Verdict:
    checks: tuple[SentenceCheck, ...] = ()
    groundedness: float | None = None

    @property
    def missing(self) -> tuple[str, ...]:
        """Numbers that no passage holds, as they are written, each once."""
        found = (n.text for c in self.checks for n in c.numbers if n.status == "missing")
        return tuple(dict.fromkeys(found))


def verify(
    text: str,
    passages: Sequence[Passage],
    *,
    question: str = "",
    calculations: Sequence[Calculation] = (),
    weights: Callable[[str], float] | None = None,
    cosines: Cosines | None = None,
    standing: Sequence[str] = (),
) -> Verdict:
    """The checks of ``text``, whose marker [n] means ``passages[n - 1]``. ``weights``: of a term (its idf);
    ``cosines``: where the embedding model covers answer and passages; ``standing``: what the program has
    put into the text, no claim about a document."""
    held = [hold(p) for p in passages]
    judge = _Judge(passages, held, question, calculations, weights, cosines, standing)
    checks = tuple(judge.check(claim) for claim in claims(text))
    said = [c for c in checks if c.support != "no_claim"]
    good = sum(c.support in ("quoted", "supported", "calculated") for c in said)
    return Verdict(checks, round(good / len(said), 3) if said else None)


def inverse_frequency(frequencies: Mapping[str, int], total: int) -> Callable[[str], float]:
    """Weights of terms by how few of the library's chunks hold them, for :func:`verify`."""
    return lambda term: idf(min(frequencies.get(term, 0), total), total)


@dataclass
class _Judge:
    passages: Sequence[Passage]
    held: Sequence[Held]
    question: str
    calculations: Sequence[Calculation]
    weights: Callable[[str], float] | None
    cosines: Cosines | None
    standing: Sequence[str]

    def __post_init__(self) -> None:
        self._before: list[Known] = []
        self._asked_years = frozenset(years(self.question))
        self._asked = frozenset(terms(self.question))
        self._asked_amounts = [a.value for a in amounts(self.question)]

    def check(self, claim: Claim) -> SentenceCheck:
        if is_standing(claim.text, self.standing) or self._says_nothing(claim):
            return SentenceCheck(claim.start, claim.end, "no_claim", 1.0, claim.markers)
        calculated = self._calculated(claim)
        if calculated is not None:
            return calculated
        cited = [m for m in dict.fromkeys(claim.cited) if 1 <= m <= len(self.held)]
        here = self._against(claim, cited or list(range(1, len(self.held) + 1)))
        if here.support == "unsupported" and cited and len(cited) < len(self.held):
            others = [m for m in range(1, len(self.held) + 1) if m not in cited]
            there = self._against(claim, others)
            if there.support in ("quoted", "supported", "calculated"):
                return replace(there, support="weak", reason="check.other_passage")
        return here

    def _says_nothing(self, claim: Claim) -> bool:
        bare = claim.text.strip(" \t-*•#>·_")
        if _NO_CLAIM.search(bare) and not claim.amounts:
            return True
        if claim.amounts:
            return False
        words = [t for t in terms(bare) if t not in SMALL_WORDS and not t.isdigit()]
        ended = bare.endswith((":", "："))
        return len(words) < (4 if _CJK.search(bare) else 3) or (ended and len(words) < 12)

    def _calculated(self, claim: Claim) -> SentenceCheck | None:
        """The calculator's own line: its numbers are the cited operands and what follows from them."""
        for calculation in self.calculations:
            said = "".join(claim.text.split())
            parts = (calculation.result, calculation.expression)
            if any("".join(part.split()) not in said for part in parts):
                continue
            markers = tuple(sorted({o.marker for o in calculation.operands}))
            numbers = tuple(
                NumberCheck(a.start, a.end, a.text, "recomputed", markers, calculation.expression)
                if near(a, _decimal(calculation.value)) or a.text.strip() in calculation.result
                else NumberCheck(a.start, a.end, a.text, "found", markers)
                for a in claim.amounts
            )
            return SentenceCheck(claim.start, claim.end, "calculated", 1.0, markers, numbers)
        return None

    def _against(self, claim: Claim, markers: Sequence[int]) -> SentenceCheck:
        """The claim held against some passages together."""
        held = [(m, self.held[m - 1]) for m in markers]
        words = self._words(claim.text)
        carrying, where = self._coverage(words, held)
        flat = plain(claim.text)
        if len(flat) > 12 and any(flat in plain(h.flat) for _, h in held):
            numbers = tuple(
                NumberCheck(a.start, a.end, a.text, "found", tuple(markers[:1])) for a in claim.amounts
            )
            return SentenceCheck(claim.start, claim.end, "quoted", 1.0, tuple(markers), numbers)
        checks, problem, direct = self._numbers(claim, held)
        reason = problem or self._contradicts(claim, words, held, carrying, where)
        used = tuple(dict.fromkeys(m for n in checks for m in n.markers)) or ((where,) if where else ())
        support, reason = self._weigh(claim, words, checks, reason, carrying, held, direct)
        score = 0.0 if support == "unsupported" else round(max(carrying, SOME if checks else 0.0), 3)
        return SentenceCheck(claim.start, claim.end, support, score, used, checks, reason)

    def _weigh(
        self,
        claim: Claim,
        words: dict[str, float],
        checks: Sequence[NumberCheck],
        reason: str,
        carrying: float,
        held: Sequence[tuple[int, Held]],
        direct: bool,
    ) -> tuple[Support, str]:
        if reason:
            return "unsupported", reason
        foreign = _CJK.search(claim.text) is not None
        other_language = all((_CJK.search(h.flat) is not None) != foreign for _, h in held)
        if checks:
            if any(n.status == "recomputed" for n in checks):
                return "calculated", ""
            if direct or carrying >= SOME or other_language:
                return "supported", ""
            return "weak", "check.little_shared"
        if carrying >= ENOUGH:
            return "supported", ""
        near_by = self._cosine(claim, held)
        if near_by >= _NEAR_COSINE:
            return (
                "supported" if carrying >= SOME else "weak"
            ), "" if carrying >= SOME else "check.little_shared"
        if carrying >= SOME or other_language or len(words) < 4:
            return "weak", "check.little_shared"
        return "unsupported", "check.not_there"

    # -- numbers

    def _numbers(
        self, claim: Claim, held: Sequence[tuple[int, Held]]
    ) -> tuple[tuple[NumberCheck, ...], str, bool]:
        """(checks, why one fails, whether every number stands in a row that the sentence names)."""
        checks: list[NumberCheck] = []
        named: list[Known] = []
        left: list[Amount] = []
        reason = ""
        direct = True
        groups = frozenset(m.id for m in mentions(claim.text))
        said = frozenset(terms(claim.text)) | self._asked
        for amount in claim.amounts:
            if self._is_no_claim(amount, claim, held):
                continue
            found = [(m, f) for m, h in held for f in h.facts if same(amount, f)]
            found += [(m, f) for m, h in held for f in h.facts if not found and spelled_alike(amount, f)]
            before = claim.whole[max(0, amount.start - claim.start - 40) : amount.start - claim.start]
            named_years = claim.years
            if _EARLIER.search(before):  # "up from 1,373 million": the year before is meant
                named_years = named_years | {y - 1 for y in named_years}
            timely = [(m, f) for m, f in found if is_timely(named_years, f, self.held[m - 1])]
            if not found:
                left.append(amount)
                continue
            if not timely:
                stated = sorted({y for _, f in found for y in f.years})
                checks.append(NumberCheck(amount.start, amount.end, amount.text, "missing"))
                reason = reason or ("check.other_year" if stated else "check.number_missing")
                continue
            marker, fact = max(timely, key=lambda item: fits(item[1], groups, said))
            if not fits(fact, groups, said):
                direct = False
            if opposite_sign(claim.text, amount, fact):
                reason = reason or "check.other_direction"
            marks = tuple(dict.fromkeys(m for m, _ in timely))
            checks.append(NumberCheck(amount.start, amount.end, amount.text, "found", marks))
            named.append(
                Known(amount.text.strip(), fact.value, amount.percent, fact.years, (marker, fact.row), marker)
            )
        for amount in left:
            rows = self._rows(claim, held, groups, said)
            others = [k for k in (*self._before, *named)]
            result = recompute(amount, claim.text, others, rows, claim.years or self._asked_years)
            if result is None:
                checks.append(NumberCheck(amount.start, amount.end, amount.text, "missing"))
                reason = reason or "check.number_missing"
            else:
                formula, markers = result
                checks.append(
                    NumberCheck(amount.start, amount.end, amount.text, "recomputed", markers, formula)
                )
        self._before = [*self._before, *named][-6:]
        checks.sort(key=lambda n: n.start)
        return tuple(checks), reason, direct

    def _is_no_claim(self, amount: Amount, claim: Claim, held: Sequence[tuple[int, Held]]) -> bool:
        """Small counts that words may say too, and what the question itself gave."""
        if amount.value in self._asked_amounts and not any(same(amount, f) for _, h in held for f in h.facts):
            return True
        small = amount.value == amount.value.to_integral_value() and 0 <= amount.value <= 12
        return (
            small
            and not amount.percent
            and amount.scale is None
            and amount.unit in ("", "count", "people", "years")
        )

    def _rows(
        self, claim: Claim, held: Sequence[tuple[int, Held]], groups: frozenset[str], said: frozenset[str]
    ) -> list[Known]:
        rows: list[Known] = []
        for marker, passage in held:
            places: dict[int, int] = {}
            for fact in passage.facts:
                if fact.row < 0 or fact.change or not fits(fact, groups, said):
                    continue
                place = places[fact.row] = places.get(fact.row, -1) + 1
                rows.append(
                    Known(
                        fact.text,
                        fact.value,
                        bool(fact.percent),
                        fact.years,
                        (marker, fact.row),
                        marker,
                        place,
                        fact.scaled,
                    )
                )
        return rows[:80]

    # -- words

    def _words(self, text: str) -> dict[str, float]:
        """The words of a sentence that say something, with their weights; numbers and years are held against
        numbers and years."""
        return {
            t: self.weights(t) if self.weights else (0.5 if _CJK.match(t) else 1.0)
            for t in terms(text)
            if t not in SMALL_WORDS and not t[0].isdigit()
        }

    def _coverage(self, words: dict[str, float], held: Sequence[tuple[int, Held]]) -> tuple[float, int]:
        """(share of the words that the best place holds, its marker). A place is a sentence with what stands
        around the passage; the whole passage counts a little less."""
        total = sum(words.values())
        if not total:
            return 1.0, held[0][0] if held else 0
        said = [(m.name.terms, [content(o) for o in m.others]) for m in mentions(" ".join(words))]
        best, where = 0.0, 0
        for marker, passage in held:
            whole = passage.terms | passage.around
            known = {t for t in words if t in whole}
            for own, others in said:
                if any(o and o <= whole for o in others):
                    known |= set(own) & set(words)
            share = sum(words[t] for t in known) / total
            if share > best:
                best, where = share, marker
        return min(best, 1.0), where

    def _contradicts(
        self,
        claim: Claim,
        words: dict[str, float],
        held: Sequence[tuple[int, Held]],
        carrying: float,
        where: int,
    ) -> str:
        """Why the passages say otherwise: another subject, the opposite. "" when they don't."""
        if self._other_subject(claim, [h for _, h in held]):
            return "check.other_subject"
        if carrying < 0.5:
            return ""
        total = sum(words.values()) or 1.0
        for _, passage in held:
            nearest = max(
                passage.sentences,
                key=lambda s: sum(w for t, w in words.items() if t in s[1]),
                default=None,
            )
            if nearest is None:
                continue
            share = sum(w for t, w in words.items() if t in nearest[1]) / total
            if share >= 0.6 and "\t" not in nearest[0] and polarity.opposed(claim.text, nearest[0]):
                return "check.opposite"
        return ""

    def _other_subject(self, claim: Claim, held: Sequence[Held]) -> bool:
        """Whether the sentence is about somebody whom none of its passages knows."""
        said = claim.text.lower()
        flats = "\n".join(h.flat for h in held)
        known = [c.lower() for h in held for c in h.companies]
        if any(c in said for c in known):
            return False
        for other in self.held:
            for company in (c.lower() for c in other.companies):
                if _stands_in(company, said) and company not in flats:
                    return True
        if _CJK.search(claim.text):
            names = _CHINESE_NAME.findall(claim.text)
            return bool(names) and not any(n[-4:] in flats or n[-4:] in self.question for n in names)
        sentence = re.sub(r"^(\W*)([A-Z])(?=[a-z]+\b)", lambda m: m[1] + m[2].lower(), claim.text.strip())
        for match in _CAPITALISED.finditer(sentence):
            name = [t for t in terms(match.group()) if t not in SMALL_WORDS]
            if not name or any(t in flats or t in self._asked for t in name):
                continue
            initials = "".join(t[0] for t in name)
            if len(match.group()) > 3 and not (len(initials) > 1 and initials in flats):
                return True
        return False

    def _cosine(self, claim: Claim, held: Sequence[tuple[int, Held]]) -> float:
        if self.cosines is None:
            return 0.0
        words = frozenset(terms(claim.text))
        places = [
            (len(words & held_terms), s) for _, h in held for s, held_terms in h.sentences if len(s) > 20
        ]
        places.sort(key=lambda place: -place[0])
        nearest = [s for _, s in places[:_COSINES]]
        return max(self.cosines(claim.text, nearest), default=0.0) if nearest else 0.0


def _stands_in(name: str, text: str) -> bool:
    if not name.isascii():
        return name in text
    return re.search(rf"(?<![a-z0-9]){re.escape(name)}(?![a-z0-9])", text) is not None


def _decimal(value: float) -> Decimal:
    return Decimal(repr(value))
