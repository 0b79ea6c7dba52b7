"""Makes the sample reports anew, byte for byte: ``python -m samples.make_samples [FOLDER]``."""

from __future__ import annotations

import sys
from pathlib import Path

import samples
from samples import report_en, report_zh


def make(folder: Path) -> list[Path]:
    """Writes both reports into ``folder``; returns their paths."""
    chinese, english = folder / samples.CHINESE_REPORT, folder / samples.ENGLISH_REPORT
    report_zh.write(chinese)
    report_en.write(english)
    return [chinese, english]


if __name__ == "__main__":
    for path in make(Path(sys.argv[1]) if len(sys.argv) > 1 else samples.REPORTS):
        print(path, path.stat().st_size)
