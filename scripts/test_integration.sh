#!/usr/bin/env bash
# The integration tests, each in the environment that has what it talks to. Environments are set up when missing.
#   scripts/test_integration.sh [PYTEST OPTIONS]
# A missing server or library is a failure here, never a skip: WENJU_REQUIRE_INTEGRATION=1.
set -uo pipefail
cd "$(dirname "$0")/.."
export WENJU_REQUIRE_INTEGRATION=1 HF_HUB_OFFLINE=1 TOKENIZERS_PARALLELISM=false
export OMP_NUM_THREADS="${OMP_NUM_THREADS:-2}"
failed=0

step() { # words, command...
  echo "== $1"
  shift
  "$@" || { failed=1; echo "== failed: $*" >&2; }
}

with_torch=()
without_torch=()
for file in tests/integration/test_*.py; do
  if grep -qE '\b(torch|peft|FlagEmbedding)\b' "$file"; then
    with_torch+=("$file")
  else
    without_torch+=("$file")
  fi
done

step "vLLM (CPU) environment" bash scripts/vllm-cpu-env.sh install
step "tools that check deploy/" bash scripts/deploy_env.sh
step "torch environment" bash scripts/models_env.sh
step "ragas environment" bash scripts/ragas_env.sh
export WENJU_RAGAS_PYTHON="${WENJU_RAGAS_PYTHON:-$PWD/.venv-ragas/bin/python}"
if [ ${#without_torch[@]} -gt 0 ]; then
  step "PostgreSQL, Redis, nginx, vLLM, deploy/" .venv/bin/python -m pytest -m integration "${without_torch[@]}" "$@"
fi
if [ ${#with_torch[@]} -gt 0 ]; then
  step "FlagEmbedding, transformers, LoRA" .venv-models/bin/python -m pytest -m integration "${with_torch[@]}" "$@"
fi
exit "$failed"
