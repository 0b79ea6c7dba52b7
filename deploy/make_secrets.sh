#!/usr/bin/env bash
# Writes the secrets of docker-compose.yml once, as files that only this user's folder shows:
#   deploy/make_secrets.sh               SQLite in the data volume
#   deploy/make_secrets.sh --postgres    PostgreSQL as the store (docker compose --profile postgres up -d)
# What is there already stays; delete a file to get a new secret.
set -euo pipefail
folder="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)/secrets"
chmod 700 "$folder"
secret() { python3 -c 'import secrets; print(secrets.token_urlsafe(32))'; }
put() { # name, content; readable inside the container, where the user is another one
  [ -e "$folder/$1" ] && return 0
  printf '%s' "$2" >"$folder/$1"
  chmod 444 "$folder/$1"
  echo "wrote deploy/secrets/$1"
}
redis=$(secret)
if [ -e "$folder/redis_conf" ]; then redis=$(sed -n 's/^requirepass //p' "$folder/redis_conf"); fi
put redis_conf "requirepass $redis"$'\n'
put wenju_redis_url "redis://:$redis@redis:6379/0"
put postgres_password "$(secret)"
put grafana_password "$(secret)"
# What Prometheus sends and what the app expects: a whole section of settings is a file of JSON.
put metrics_token "$(secret)"
put wenju_monitoring "{\"metrics_token\": \"$(cat "$folder/metrics_token")\"}"
# A certificate of its own for the gateway, until a real one takes its place: tls.crt (with its chain) and tls.key.
if [ ! -e "$folder/tls.key" ]; then
  command -v openssl >/dev/null || { echo "openssl is needed once, for the gateway's certificate: apt-get install openssl" >&2; exit 1; }
  name=${WENJU_SERVER_NAME:-localhost}
  openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 825 -subj "/CN=$name" \
    -addext "subjectAltName=DNS:$name,DNS:localhost,IP:127.0.0.1" \
    -keyout "$folder/tls.key" -out "$folder/tls.crt" 2>/dev/null
  chmod 444 "$folder/tls.key" "$folder/tls.crt"
  echo "wrote deploy/secrets/tls.crt and tls.key for $name (self-signed: browsers will ask)"
fi
if [ "${1:-}" = --postgres ]; then
  [ -s "$folder/wenju_database_url" ] || rm -f "$folder/wenju_database_url"
  put wenju_database_url "postgresql+psycopg://wenju:$(cat "$folder/postgres_password")@postgres:5432/wenju"
else
  put wenju_database_url ""
fi
