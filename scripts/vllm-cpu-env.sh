#!/usr/bin/env bash
# A real vLLM server on the CPU for the integration tests, in an environment of its own.
#
#   scripts/vllm-cpu-env.sh install            .venv-vllm, every file by hash (about 2 min, 3.5 GB); again: a no-op
#   scripts/vllm-cpu-env.sh model DIR [FILE] [OPTIONS]
#                                              a tiny random Qwen3 with its tokenizer and ChatML template in DIR
#   scripts/vllm-cpu-env.sh serve DIR [PORT] [MORE OPTIONS OF VLLM...]
#                                              serves DIR as "tiny" on 127.0.0.1:PORT (8011) until stopped
#
# Needs CPython 3.11 on Linux x86_64 (the lock holds those files) and 3 GB of memory to serve.
# WENJU_VLLM_VENV names another folder than .venv-vllm; PYTHON another interpreter than python3.
set -euo pipefail
here="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)"
venv="${WENJU_VLLM_VENV:-$(dirname "$here")/.venv-vllm}"
lock="$here/vllm-cpu.lock"
stamp="$venv/.installed-from"

install() {
    local want
    want="$(sha256sum "$lock" | cut -d' ' -f1)"
    if [ -f "$stamp" ] && [ "$(cat "$stamp")" = "$want" ]; then
        return 0
    fi
    local python="${PYTHON:-python3}"
    if ! "$python" -c 'import sys, platform; sys.exit(not (sys.version_info[:2] == (3, 11) and platform.machine() == "x86_64" and sys.platform == "linux"))'; then
        echo "vllm-cpu-env: the lock is for CPython 3.11 on Linux x86_64; found $("$python" -V) on $(uname -sm)." \
             "Name such an interpreter: PYTHON=/path/to/python3.11 $0 install" >&2
        exit 3
    fi
    mkdir -p "$venv"
    exec 9>"$venv/.lock"
    flock 9 # two at once: the second waits and finds it done
    if [ -f "$stamp" ] && [ "$(cat "$stamp")" = "$want" ]; then
        return 0
    fi
    rm -f "$stamp"
    [ -x "$venv/bin/python" ] || "$python" -m venv "$venv"
    local pip=("$venv/bin/python" -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes -r "$lock")
    # Where the registry has no CPU build of torch under this version, name PyTorch's CPU index in
    # PIP_EXTRA_INDEX_URL.
    "${pip[@]}"
    echo "$want" >"$stamp"
}

case "${1:-}" in
install)
    install
    ;;
model)
    install
    : "${2:?a folder for the model}"
    shift
    exec "$venv/bin/python" "$here/make_tiny_qwen.py" "$@"
    ;;
serve)
    install
    dir="${2:?a folder with a model}"
    port="${3:-8011}"
    shift $(($# > 3 ? 3 : $#))
    export HF_HUB_OFFLINE=1 VLLM_CPU_KVCACHE_SPACE=1 VLLM_NO_USAGE_STATS=1 DO_NOT_TRACK=1
    exec "$venv/bin/python" -m vllm.entrypoints.openai.api_server --model "$dir" --served-model-name tiny \
        --host 127.0.0.1 --port "$port" --dtype bfloat16 --max-model-len 2048 --max-num-seqs 8 "$@"
    ;;
*)
    sed -n '2,12p' "${BASH_SOURCE[0]}" >&2
    exit 2
    ;;
esac
