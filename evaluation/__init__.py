"""Datasets, measures and runs: how good search and answers are, with sample sizes and intervals."""
