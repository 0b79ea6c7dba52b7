#!/usr/bin/env bash
# Says plainly what is missing before an environment is made: Python 3.11+ with venv and ensurepip.
set -u
python="${1:-python3}"
if ! command -v "$python" >/dev/null 2>&1; then
  echo "Wenju needs Python 3.11 or newer, and '$python' was not found." >&2
  echo "Debian/Ubuntu: sudo apt-get install python3 python3-venv   macOS: brew install python" >&2
  echo "Then run the same command again, or name one: make run PYTHON=/path/to/python3.12" >&2
  exit 1
fi
version=$("$python" -c 'import sys; print("%d.%d" % sys.version_info[:2])' 2>/dev/null)
if ! "$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
  echo "Wenju needs Python 3.11 or newer, and '$python' is ${version:-not a working Python}." >&2
  for other in python3.14 python3.13 python3.12 python3.11; do
    if command -v "$other" >/dev/null 2>&1; then
      echo "There is a newer one here. Run: make ${MAKECMDGOALS:-run} PYTHON=$other" >&2
      exit 1
    fi
  done
  echo "Install one (Debian/Ubuntu: sudo apt-get install python3.11 python3.11-venv) and name it: make run PYTHON=python3.11" >&2
  exit 1
fi
if ! "$python" -c 'import venv, ensurepip' 2>/dev/null; then
  echo "'$python' ($version) comes without venv and ensurepip, which make the environment." >&2
  echo "Debian/Ubuntu: sudo apt-get install python$version-venv   then run the same command again." >&2
  exit 1
fi
