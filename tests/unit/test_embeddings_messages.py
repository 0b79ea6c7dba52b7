"""Every message of the embedding and reranker rooms can be read in both languages with its parameters."""

from __future__ import annotations

import re
from pathlib import Path

from rag.messages import models

ROOM = Path(__file__).parents[2] / "rag" / "models"
CODE = re.compile(r'"((?:embedding|reranker)\.[a-z_]+)"')


def test_every_code_has_a_message_with_the_same_parameters_in_both_languages() -> None:
    used = {code for path in ROOM.glob("*.py") for code in CODE.findall(path.read_text("utf-8"))}
    assert len(used) > 10
    assert used <= models.MESSAGES.keys()
    for code in used:
        english, chinese = models.MESSAGES[code]
        assert fields(english) == fields(chinese), code
        assert re.search("[\u4e00-\u9fff]", chinese), code


def fields(text: str) -> set[str]:
    return set(re.findall(r"\{(\w+)", text))
