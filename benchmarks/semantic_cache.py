"""How often a kept answer would be given to a question that means the same, and to one that does not.

    python benchmarks/semantic_cache.py --data-dir DIR

DIR is a library with the embedding model that is to be judged (its samples do). Each row of ``PAIRS`` is a
question, the same in other words, and near misses: another year, company, item, unit of time, direction, way
of asking. Prints, for several limits of nearness, the share of paraphrases and of near misses that would be
given the kept answer, by nearness alone and with the guard (:mod:`rag.answer.similar`).
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np

LIMITS = (0.80, 0.85, 0.90, 0.93, 0.95, 0.97)
PAIRS: tuple[tuple[str, tuple[str, ...], tuple[str, ...]], ...] = (
    (
        "What was the revenue of Calder Ridge in fiscal 2024?",
        (
            "How much revenue did Calder Ridge report for fiscal 2024?",
            "What were Calder Ridge's fiscal 2024 sales?",
            "Please tell me the fiscal 2024 revenue of Calder Ridge.",
            "What revenue did Calder Ridge have in fiscal 2024?",
        ),
        (
            "What was the revenue of Calder Ridge in fiscal 2023?",
            "What was the revenue of Harbour Logistics in fiscal 2024?",
            "What was the cost of revenue of Calder Ridge in fiscal 2024?",
            "What was the revenue growth of Calder Ridge in fiscal 2024?",
            "What was the revenue of Calder Ridge in the first quarter of fiscal 2024?",
            "What was the deferred revenue of Calder Ridge in fiscal 2024?",
            "Why did the revenue of Calder Ridge change in fiscal 2024?",
            "What was the revenue per employee of Calder Ridge in fiscal 2024?",
            "What was the revenue of Calder Ridge in fiscal 2024 excluding acquisitions?",
        ),
    ),
    (
        "How many people did Calder Ridge employ at the end of 2024?",
        (
            "How many employees did Calder Ridge have at the end of 2024?",
            "What was the headcount of Calder Ridge at the end of 2024?",
            "How many people worked for Calder Ridge at the end of 2024?",
        ),
        (
            "How many people did Calder Ridge employ at the end of 2022?",
            "How many people did Calder Ridge dismiss at the end of 2024?",
            "How many people did Calder Ridge employ in Europe at the end of 2024?",
            "How many engineers did Calder Ridge employ at the end of 2024?",
            "How many people did Alder Ridge employ at the end of 2024?",
        ),
    ),
    (
        "What is the gross margin of Calder Ridge for 2024?",
        (
            "What gross margin did Calder Ridge reach in 2024?",
            "What was Calder Ridge's gross margin in 2024?",
            "Calder Ridge 2024 gross margin?",
        ),
        (
            "What is the operating margin of Calder Ridge for 2024?",
            "What is the net margin of Calder Ridge for 2024?",
            "What is the gross profit of Calder Ridge for 2024?",
            "What is the gross margin of Calder Ridge for 2021?",
            "What is the gross margin of the segment Services of Calder Ridge for 2024?",
        ),
    ),
    (
        "Who is the auditor of the company?",
        (
            "Which firm audits the company?",
            "Who audits the company's accounts?",
            "Who are the company's auditors?",
        ),
        (
            "Who is the chairman of the company?",
            "Who is the former auditor of the company?",
            "How much is the auditor of the company paid?",
            "Who is on the audit committee of the company?",
            "Since when is he the auditor of the company?",
        ),
    ),
    (
        "What dividend per share was paid in 2024?",
        (
            "How much dividend per share was paid in 2024?",
            "What was the dividend per share paid for 2024?",
            "What did each share receive as a dividend in 2024?",
        ),
        (
            "What dividend was paid in total in 2024?",
            "What dividend per share was proposed for 2025?",
            "What were the earnings per share in 2024?",
            "What dividend per preferred share was paid in 2024?",
            "When was the dividend per share of 2024 paid?",
        ),
    ),
    (
        "What are the main risks of the business?",
        (
            "Which main risks does the business face?",
            "What are the principal risks of the business?",
            "What are the most important risks of the business?",
        ),
        (
            "What are the main opportunities of the business?",
            "What are the currency risks of the business?",
            "What are the main products of the business?",
            "How does the company manage the main risks of the business?",
        ),
    ),
    (
        "By how much did operating profit increase from 2023 to 2024?",
        (
            "How much did operating profit increase from 2023 to 2024?",
            "How much did operating profit grow from 2023 to 2024?",
            "What was the increase in operating profit from 2023 to 2024?",
        ),
        (
            "By how much did operating profit decrease from 2023 to 2024?",
            "By how much did operating profit increase from 2022 to 2023?",
            "By how much did operating expenses increase from 2023 to 2024?",
            "By what percentage did operating profit increase from 2023 to 2024?",
            "Why did operating profit increase from 2023 to 2024?",
        ),
    ),
    (
        "What was the cash flow from operating activities in 2024?",
        (
            "How much cash did operating activities generate in 2024?",
            "What was the operating cash flow in 2024?",
            "What was net cash provided by operating activities in 2024?",
        ),
        (
            "What was the cash flow from investing activities in 2024?",
            "What was the cash flow from financing activities in 2024?",
            "What was the free cash flow in 2024?",
            "What was the cash flow from operating activities in 2020?",
            "What was the cash balance in 2024?",
        ),
    ),
    (
        "What is the total debt of the company at 31 December 2024?",
        (
            "How much debt did the company have at 31 December 2024?",
            "What was the company's total debt at 31 December 2024?",
        ),
        (
            "What is the net debt of the company at 31 December 2024?",
            "What is the total debt of the company at 30 June 2024?",
            "What is the total equity of the company at 31 December 2024?",
            "What is the long-term debt of the company at 31 December 2024?",
            "What is the debt to equity ratio of the company at 31 December 2024?",
        ),
    ),
    (
        "What capital expenditure is planned for 2025?",
        (
            "How much capital expenditure is planned for 2025?",
            "What capital spending does the company plan for 2025?",
            "What is the planned capital expenditure for 2025?",
        ),
        (
            "What capital expenditure was made in 2024?",
            "What research expenditure is planned for 2025?",
            "What capital expenditure is planned for 2026?",
            "What capital increase is planned for 2025?",
        ),
    ),
)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--data-dir", type=Path, required=True)
    given = parser.parse_args()
    from rag.access import LOCAL
    from rag.answer.similar import subject
    from rag.engine import Engine
    from rag.settings import Settings

    with Engine.open(Settings(data_dir=given.data_dir)) as engine:
        scope = engine.scope(LOCAL, None, None)
        index = engine.search_index()

        def known(question: str) -> tuple[np.ndarray, object]:
            meaning = index.meaning(question, scope)
            assert meaning is not None, question
            return meaning[0], subject(question, meaning[1])

        same: list[tuple[float, bool, str]] = []
        other: list[tuple[float, bool, str]] = []
        for asked, paraphrases, misses in PAIRS:
            vector, about = known(asked)
            for questions, found in ((paraphrases, same), (misses, other)):
                for question in questions:
                    its_vector, its_about = known(question)
                    found.append((float(vector @ its_vector), its_about == about, question))
        print(f"{len(same)} paraphrases, {len(other)} near misses of {len(PAIRS)} questions")
        print(
            "cosine >=  | paraphrases given: nearness, with guard | near misses given: nearness, with guard"
        )
        for limit in LIMITS:
            shares = [
                np.mean([cosine >= limit and (not guarded or equal) for cosine, equal, _ in group])
                for group in (same, other)
                for guarded in (False, True)
            ]
            print(f"{limit:9.2f}  | " + "  ".join(f"{share:6.1%}" for share in shares))
        through = [q for cosine, equal, q in other if equal and cosine >= min(LIMITS)]
        print("near misses that the guard lets through:", *through or ["none"], sep="\n  ")


if __name__ == "__main__":
    main()
