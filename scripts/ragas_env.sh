#!/usr/bin/env bash
# Makes .venv-ragas: the ragas package, which cannot be imported beside the langchain-community that Wenju uses.
# A second run installs nothing. WENJU_RAGAS_VENV names another folder; PYTHON another interpreter.
set -euo pipefail
here="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)"
venv="${WENJU_RAGAS_VENV:-$(dirname "$here")/.venv-ragas}"
packages=(ragas==0.4.3 langchain==1.5.2 langchain-community==0.3.31 langchain-core==1.8.3 langchain-openai==1.1.9)
want=$(sha256sum <"${BASH_SOURCE[0]}" | cut -d' ' -f1)
if [ -f "$venv/.installed-from" ] && [ "$(cat "$venv/.installed-from")" = "$want" ]; then exit 0; fi
[ -x "$venv/bin/python" ] || "${PYTHON:-python3}" -m venv "$venv"
"$venv/bin/python" -m pip --disable-pip-version-check -qq install "${packages[@]}"
"$venv/bin/python" -c 'import ragas'
echo "$want" >"$venv/.installed-from"
