#!/usr/bin/env bash
# Writes constraints.txt (base and dev) and, where .venv-models stands, constraints-models.txt anew.
set -euo pipefail
cd "$(dirname "$0")/.."
pin() { # environment, file, what it is
  {
    echo "# The versions that Wenju was tested with: $3. Used as: pip install -c $2 ..."
    echo "# Ranges are in pyproject.toml; written by scripts/pin.sh."
    {
      "$1/bin/python" -m pip --disable-pip-version-check freeze --exclude-editable | sed -E 's/\+cpu$//'
      cat scripts/pins-scale.txt
    } | grep -E '^[A-Za-z0-9_.-]+==' | sort -u -f -t= -k1,1
  } >"$2.new"
  mv "$2.new" "$2"
  echo "$2: $(grep -c == "$2") packages"
}
pin .venv constraints.txt "base and dev"
if [ -x .venv-models/bin/python ]; then pin .venv-models constraints-models.txt "models and finetune"; fi
