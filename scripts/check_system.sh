#!/usr/bin/env bash
# Says plainly which system packages the tests need and lack: check_system.sh browser|servers
set -u
missing=()
chromium_found() { [ -n "${CHROMIUM:-}" ] || command -v chromium || command -v chromium-browser || command -v google-chrome; }
case "${1:-}" in
  browser)
    chromium_found >/dev/null 2>&1 || missing+=(chromium)
    if ! command -v fc-list >/dev/null 2>&1 || ! fc-list :lang=zh | grep -q .; then missing+=(fonts-noto-cjk); fi
    ;;
  servers)
    ls /usr/lib/postgresql/*/bin/initdb >/dev/null 2>&1 || command -v initdb >/dev/null 2>&1 || missing+=(postgresql)
    command -v redis-server >/dev/null 2>&1 || missing+=(redis-server)
    command -v prometheus >/dev/null 2>&1 || missing+=(prometheus)
    command -v nginx >/dev/null 2>&1 || [ -x /usr/sbin/nginx ] || missing+=(nginx)
    command -v openssl >/dev/null 2>&1 || missing+=(openssl)
    ;;
  *)
    echo "usage: $0 browser|servers" >&2
    exit 2
    ;;
esac
if [ ${#missing[@]} -eq 0 ]; then exit 0; fi
echo "The tests need these system packages, and they are not here: ${missing[*]}" >&2
echo "Debian/Ubuntu: sudo apt-get install ${missing[*]}" >&2
if [ "$1" = browser ] && [ -z "${CI:-}" ] && [ "${missing[*]}" = fonts-noto-cjk ]; then
  echo "Going on without: Chinese will show as boxes in screenshots." >&2
  exit 0
fi
exit 1
