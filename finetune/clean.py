"""Cleaning: what may be learned from, and for everything else the reason why not.

Promises: every record that comes in goes out once, kept or removed with one reason; nothing is changed but
personal data, which is masked and counted; the same input gives the same output. Near duplicates are found by
MinHash (Broder 1997) with locality-sensitive hashing, from rensa.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from finetune.records import Record
from rag.text.language import detect_language
from rag.text.normalise import normalise
from rag.text.numbers import parse_numbers
from rag.text.personal import mask_personal
from rag.text.terms import terms
from rag.vocabulary.formula import FormulaError, evaluate, parse_formula

Reason = Literal[
    "no_passages",  # nothing to cite: it would teach answering from memory
    "bad_citation",  # cites a passage that is not there
    "no_citation",  # claims without saying where they come from
    "too_short",
    "too_long",
    "truncated",
    "wrong_language",  # answers in another language than it was asked in
    "unsupported",  # says what its passages do not
    "duplicate",
    "near_duplicate",
    "contradictory",  # the same question over the same passages, another figure
    "not_reviewed",  # feedback that nobody looked at
    "contributor_cap",  # one person's share of the data is bounded
]
MARKER = re.compile(r"\[(\d{1,3})\]")
_ENDS = re.compile(r"[.。!！?？…:：;；)）\]】”\"'%]\s*$")
_MOST_CHARS = 8_000
_LEAST_CHARS = 1
_NEAR = 0.9  # Jaccard similarity of five-character shingles
_PERMUTATIONS, _BANDS = 128, 16
_SUPPORT = 0.35  # least share of the answer's words that its passages or question must hold
_FEEDBACK = "turn:"
_SCALE_WORDS = frozenset(["thousand", "million", "billion", "percent"])
_SYMBOLS = str.maketrans("[]{}×÷（）－＋", "()()*/()-+", "$¥￥€£%％ ")
_PART = r"[\d,.()\[\]{}（）$¥￥€£%％+\-－＋*/×÷ ]*"
_EQUATION = re.compile(
    rf"(?P<left>[\[({{（$¥￥€£\d-]{_PART}[+\-－＋*/×÷]{_PART})[=＝≈]\s*[$¥￥€£]?"
    r"(?P<right>-?\d[\d,]*(?:\.\d+)?)\s*(?P<percent>[%％])?"
)
_COUNTS = re.compile(r"how many|number of|几[个家名项种年次]|多少[个家名项种年次]", re.IGNORECASE)
_CONSTANTS = frozenset([*map(float, range(1, 13)), 100.0, 360.0, 365.0])  # of a formula: divisors, days


@dataclass(frozen=True, slots=True)
class Removal:
    """A record that was left out; ``other`` is the origin of the record that it collided with."""

    record: Record
    reason: Reason
    other: str = ""


@dataclass(frozen=True, slots=True)
class Cleaned:
    kept: tuple[Record, ...]
    removed: tuple[Removal, ...]
    masked: Mapping[str, int] = field(default_factory=dict)

    @property
    def reasons(self) -> Mapping[str, int]:
        return dict(Counter(r.reason for r in self.removed))


def clean(
    records: Sequence[Record],
    *,
    contributor_share: float = 0.34,
    contributor_floor: int = 50,
    keep_unreviewed: bool = False,
) -> Cleaned:
    """Records in order. One contributor brings at most ``contributor_floor`` records, or that share of the
    kept feedback where it is more. Feedback (origin "turn:...") enters only when it was reviewed."""
    removed: list[Removal] = []
    masked: Counter[str] = Counter()
    kept: list[Record] = []
    for record in records:
        reason = _fault(record, keep_unreviewed)
        if reason is not None:
            removed.append(Removal(record, reason))
        else:
            kept.append(_masked(record, masked))
    for step in (_exact, _contradictions, _near_duplicates):
        kept, out = step(kept)
        removed += out
    kept, out = _capped(kept, contributor_share, contributor_floor)
    return Cleaned(tuple(kept), tuple([*removed, *out]), dict(masked))


def _fault(record: Record, keep_unreviewed: bool) -> Reason | None:
    if record.origin.startswith(_FEEDBACK) and not record.reviewed and not keep_unreviewed:
        return "not_reviewed"
    if not record.passages:
        return "no_passages"
    answer = record.answer.strip()
    if record.refusal:
        return None
    said = MARKER.sub("", answer).strip()
    if len(said) < _LEAST_CHARS or not re.search(r"\w", said):
        return "too_short"
    if len(answer) > _MOST_CHARS:
        return "too_long"
    cited = {int(number) for number in MARKER.findall(answer)}
    if any(not 1 <= number <= len(record.passages) for number in cited):
        return "bad_citation"
    if not cited:
        return "no_citation"
    if len(said) > 200 and not _ENDS.search(answer):
        return "truncated"
    asked, spoken = detect_language(record.question), detect_language(said)
    if "other" not in (asked, spoken) and asked != spoken and len(said) >= 20:
        return "wrong_language"
    return None if supported(record) else "unsupported"


def supported(record: Record) -> bool:
    """Whether the cited passages carry the answer: its figures stand there or in the question, or are the
    result of a shown calculation with figures that do; and a good part of its words does."""
    cited = {int(number) for number in MARKER.findall(record.answer)}
    texts = [record.passages[n - 1].text for n in sorted(cited) if n <= len(record.passages)]
    ground = "\n".join([*texts, record.question])
    said = MARKER.sub(" ", record.answer)
    there = {abs(n.value) for n in parse_numbers(ground)} | _bare(ground)
    results = equations(said)
    if any(not right for _, right in results):
        return False
    calculated = {value for value, _ in results}
    for number in parse_numbers(said):
        printed = _bare(number.text)
        fits = abs(number.value) in there or printed & (there | calculated)
        counted = _COUNTS.search(record.question) and printed <= _CONSTANTS
        if not fits and not counted and not (results and printed <= _CONSTANTS):
            return False
    if results:
        return True
    words = [t for t in terms(said) if not t[0].isdigit() and t not in _SCALE_WORDS]
    if not words:
        return True
    known = set(terms(ground))
    return sum(w in known for w in words) / len(words) >= _SUPPORT


def equations(text: str) -> list[tuple[float, bool]]:
    """For each "expression = result" with figures only: the printed result and whether the expression comes
    to it (within a unit of its last digit; a percentage may stand for its hundredth)."""
    found: list[tuple[float, bool]] = []
    for match in _EQUATION.finditer(text):
        expression = match["left"].translate(_SYMBOLS).replace(",", "")
        try:
            value = evaluate(parse_formula(expression), lambda _: 0.0)
        except FormulaError:
            continue
        printed = match["right"].replace(",", "")
        result = float(printed)
        slack = 10.0 ** -len(printed.partition(".")[2])  # rounded or cut off
        signs = (value, 100 * value) if match["percent"] else (value,)
        found.append((abs(result), any(abs(abs(v) - abs(result)) <= slack for v in signs)))
    return found


def _bare(text: str) -> set[float]:
    """Figures as they are printed, whatever their unit or scale."""
    found: set[float] = set()
    for digits in re.findall(r"\d[\d,]*(?:\.\d+)?", text):
        found.add(float(digits.replace(",", "")))
    return found


def _masked(record: Record, counts: Counter[str]) -> Record:
    def mask(text: str) -> str:
        found, kinds = mask_personal(text)
        counts.update(kinds)
        return found

    passages = tuple(
        p.model_copy(update={"text": mask(p.text), "header": mask(p.header)}) for p in record.passages
    )
    update = {
        "question": mask(record.question),
        "answer": mask(record.answer),
        "passages": passages,
        "facts": tuple(map(mask, record.facts)),
    }
    return record.model_copy(update=update)


def _plain(text: str) -> str:
    return re.sub(r"\s+", " ", normalise(text)).strip().lower()


def _ground(record: Record) -> tuple[str, tuple[str, ...]]:
    return _plain(record.question), tuple(sorted(_plain(p.text) for p in record.passages))


def _exact(records: Sequence[Record]) -> tuple[list[Record], list[Removal]]:
    first: dict[object, Record] = {}
    kept: list[Record] = []
    removed: list[Removal] = []
    for record in records:
        key = (_ground(record), _plain(record.answer))
        if key in first:
            removed.append(Removal(record, "duplicate", first[key].origin))
        else:
            first[key] = record
            kept.append(record)
    return kept, removed


def _contradictions(records: Sequence[Record]) -> tuple[list[Record], list[Removal]]:
    """Of answers to one question over the same passages that give other figures (or refuse and do not), those
    that a person reviewed win when they agree among themselves; else all go."""
    groups: dict[object, list[Record]] = defaultdict(list)
    for record in records:
        groups[_ground(record)].append(record)
    out: dict[int, Removal] = {}
    for group in groups.values():
        if len({_verdict(r) for r in group}) < 2:
            continue
        reviewed = [r for r in group if r.reviewed]
        trusted = reviewed if len({_verdict(r) for r in reviewed}) == 1 else []
        for record in group:
            if record not in trusted:
                other = (trusted or [r for r in group if r is not record])[0]
                out[id(record)] = Removal(record, "contradictory", other.origin)
    return [r for r in records if id(r) not in out], list(out.values())


def _verdict(record: Record) -> object:
    if record.refusal:
        return "refused"
    return frozenset(_bare(MARKER.sub(" ", record.answer))) or "words"


def _near_duplicates(records: Sequence[Record]) -> tuple[list[Record], list[Removal]]:
    from rensa import RMinHash, RMinHashLSH

    index = RMinHashLSH(threshold=_NEAR, num_perm=_PERMUTATIONS, num_bands=_BANDS)
    sketches: list[Any] = []
    kept: list[Record] = []
    removed: list[Removal] = []
    for record in records:
        text = _plain(f"{record.question}\n{record.answer}")
        sketch = RMinHash(num_perm=_PERMUTATIONS, seed=1)
        sketch.update([text[i : i + 5] for i in range(max(1, len(text) - 4))])
        # Other figures make another record, however alike the words are.
        alike = [row for row in index.query(sketch) if sketches[row].jaccard(sketch) >= _NEAR]
        same = next((kept[row] for row in alike if _figures(kept[row]) == _figures(record)), None)
        if same is not None:
            removed.append(Removal(record, "near_duplicate", same.origin))
            continue
        index.insert(len(kept), sketch)
        sketches.append(sketch)
        kept.append(record)
    return kept, removed


def _figures(record: Record) -> frozenset[float]:
    return frozenset(_bare(f"{record.question}\n{MARKER.sub(' ', record.answer)}"))


def _capped(records: Sequence[Record], share: float, floor: int) -> tuple[list[Record], list[Removal]]:
    limit = max(floor, int(share * sum(bool(r.contributor) for r in records)))
    seen: Counter[str] = Counter()
    kept: list[Record] = []
    removed: list[Removal] = []
    for record in records:
        if record.contributor:
            seen[record.contributor] += 1
            if seen[record.contributor] > limit:
                removed.append(Removal(record, "contributor_cap"))
                continue
        kept.append(record)
    return kept, removed
