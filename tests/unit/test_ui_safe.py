"""Text of models and documents never becomes HTML, a link, a picture, a formula or a directive."""

import html
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from ui.safe import answer_markdown, marked_html, one_line, plain, shortened

FORBIDDEN = ("link_open", "image", "html_inline", "html_block")


def tokens(source: str) -> set[str]:
    """Token types a CommonMark reader with tables and HTML switched on sees."""
    found: set[str] = set()
    for token in MarkdownIt("commonmark", {"html": True, "linkify": False}).enable("table").parse(source):
        found.add(token.type)
        found.update(child.type for child in token.children or ())
    return found


ATTACKS = [
    "![a](http://evil/x.png)",
    "![a][ref]\n\n[ref]: http://evil/x.png",
    "[click](javascript:alert(1))",
    "[click](<http://evil/a b>)",
    "[click][ref]\n\n[ref]: data:text/html,x",
    "[ref]\n\n[ref]: http://evil",
    "[ref][]\n\n[ref]: http://evil",
    "<http://evil/>",
    "<javascript:alert(1)>",
    "<me@evil.example>",
    "<img src=x onerror=alert(1)>",
    "<script>alert(1)</script>",
    "<div\nonclick=x>a</div>",
    "[![a](http://evil/x.png)](http://evil)",
    '[a](http://evil "title")',
    "[a\\](http://evil)](http://evil)",
    "\\![a](http://evil/x.png)",
    "\\\\[a](http://evil)",
    "[a](http://evil/(x))",
    "![a\nb](http://evil/x.png)",
]


@pytest.mark.parametrize("attack", ATTACKS)
@pytest.mark.parametrize("verbatim", [False, True])
def test_answers_hold_no_link_picture_or_html(attack: str, verbatim: bool) -> None:
    assert not tokens(answer_markdown(attack, verbatim=verbatim)) & set(FORBIDDEN)
    assert not tokens(plain(attack)) & set(FORBIDDEN)


@given(st.text(alphabet="[]()<>!\\:/ahtpx.\"'# \n`*_|-1", max_size=60))
def test_no_mixture_of_marks_makes_a_link(words: str) -> None:
    assert not tokens(answer_markdown(words)) & set(FORBIDDEN)
    assert not tokens(answer_markdown(words, verbatim=True)) & set(FORBIDDEN)
    assert not tokens(plain(words)) & set(FORBIDDEN)


def test_only_known_markers_become_links() -> None:
    made = answer_markdown(
        "A [1], B [2, 3] 与【1】.", lambda n: f"[{n}](#cite-7-{n})" if n != 3 else "\\[3\\]"
    )
    assert made.count("](#cite-7-1)") == 2
    assert "](#cite-7-2)" in made
    assert "#cite-7-3" not in made
    assert re.sub(r"\[(\d)\]\(#cite-7-\d\)", "", made).count("](") == 0


def test_money_is_not_a_formula_and_emphasis_stays() -> None:
    made = answer_markdown("**Revenue** rose from $1,402 million to $1,577 million.")
    assert "**Revenue**" in made
    assert not re.search(r"(?<!\\)\$", made)
    assert "\\$" in plain("$5 and $6")


def test_directives_of_the_page_are_defused() -> None:
    for words in (":red[alarm]", ":material/lock:", ":smile:", ":orange-badge[x]"):
        made = answer_markdown(words)
        assert not re.search(r":[a-zA-Z_/+\-0-9]+(\[|:)", made)


def test_verbatim_lines_show_as_they_are() -> None:
    made = answer_markdown("# Not a heading [1]\n- a bullet\n| a | b |", verbatim=True)
    kinds = tokens(made)
    allowed = {"paragraph_open", "paragraph_close", "inline", "text", "text_special"}
    bullet = {"bullet_list_open", "bullet_list_close", "list_item_open", "list_item_close"}
    assert bullet < kinds
    assert kinds <= allowed | bullet


def test_invisible_characters_are_dropped() -> None:
    assert shortened("pay\u202egpj.exe\u200b") == "paygpj.exe"
    assert "\u200b" not in plain("a\u200bb")


def test_shortening() -> None:
    assert shortened("a  b\n c") == "a b c"
    assert shortened("x" * 90, 10) == "x" * 9 + "…"
    assert one_line("a*b") == "a\\*b"


@given(st.text(max_size=80), st.lists(st.tuples(st.integers(-5, 90), st.integers(-5, 90)), max_size=4))
def test_marked_text_is_the_text_escaped(words: str, spans: list[tuple[int, int]]) -> None:
    made = marked_html(words, spans)
    inner = made.removeprefix('<div class="wj-page-text">').removesuffix("</div>")
    assert html.unescape(inner.replace("<mark>", "").replace("</mark>", "")) == html.unescape(
        html.escape(words)
    )
    assert "<" not in inner.replace("<mark>", "").replace("</mark>", "")
