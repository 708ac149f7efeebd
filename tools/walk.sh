#!/usr/bin/env bash
# A walk through the life of a session with curl, against a running server: sign up, rotate, lose an answer and retry,
# and see a stolen token caught. Prints every step; exits 1 at the first answer that is not the expected one.
# docs/walk.md explains the steps. Needs bash and curl; changes nothing but one new account on that server.
#
# Usage: tools/walk.sh [origin [two-phase|strict]]        (default http://localhost:4000 two-phase)
# Start the server with PAWL_GRACE=2s: the walk waits for two soft zones, which are two minutes by default.
set -euo pipefail

origin=${1:-http://localhost:4000}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
run="$$-$(date +%s)"
attempt_count=0
status=0

# call METHOD PATH [curl options…]: the answer's status in $status, its body in $work/body.
call() {
  local method=$1 path=$2
  shift 2
  status=$(curl --silent --show-error --max-time 20 --output "$work/body" --write-out '%{http_code}' \
    --request "$method" "$@" "$origin$path")
}

# member NAME: a text or number member of the last answer, wherever it is.
member() {
  sed -n "s/.*\"$1\":\"\{0,1\}\([^\",}]*\).*/\1/p" "$work/body"
}

expect() {
  local what=$1 wanted=$2 found=$3
  if [ "$found" != "$wanted" ]; then
    echo "walk: $what: expected $wanted, found $found" >&2
    exit 1
  fi
}

say() { printf '%-78s %s\n' "$1" "$2"; }

# Tokens are secrets: only their ends are printed.
short() { printf '%s…%s' "${1:0:12}" "${1: -4}"; }

new_attempt() {
  attempt_count=$((attempt_count + 1))
  attempt="walk-$run-attempt-$attempt_count"
}

# present TOKEN ATTEMPT: refreshes with a token in the body.
present() {
  call POST /auth/refresh --header 'Content-Type: application/json' --header "Idempotency-Key: $2" \
    --data "{\"refresh_token\":\"$1\"}"
}

sign_up() {
  call POST /auth/register --header 'Content-Type: application/json' \
    --data "{\"email\":\"walker-$run@example.com\",\"password\":\"seven herons on the kettle\",\"transport\":\"body\"}"
  expect 'register' 201 "$status"
  first=$(member refresh_token)
  access=$(member access_token)
  grace=$(member request_timeout)
  soft_zone=$((2 * grace))
  say 'register' "201, refresh token $(short "$first")"
}

expect_session_is_over() {
  present "$newest" "$attempt"
  expect 'the newest refresh token' '401 session_revoked' "$status $(member code)"
  say 'the newest refresh token, whoever holds it' '401 session_revoked'
  call GET /auth/session --header "Authorization: Bearer $access"
  expect 'the access token' '401 invalid_token' "$status $(member code)"
  say 'the access token, still unexpired' '401 invalid_token'
}

walk_two_phase() {
  present "$first" "$attempt"
  expect 'retry' 200 "$status"
  expect 'successor of the retry' "$second" "$(member refresh_token)"
  say 'the answer was lost: the same request again' '200, the identical token'

  say "wait one soft zone: 2 × grace = $soft_zone s" ''
  sleep "$soft_zone.2"

  new_attempt
  present "$second" "$attempt"
  expect 'second refresh' 200 "$status"
  newest=$(member refresh_token)
  access=$(member access_token)
  say 'refresh with the successor: the first token is retired now' "200, refresh token $(short "$newest")"

  new_attempt
  present "$first" "$attempt"
  expect 'replay in the soft zone' '409 refresh_token_superseded' "$status $(member code)"
  say 'replay of the first token: it may be a late request, so no verdict' '409 refresh_token_superseded'

  say "wait one soft zone: $soft_zone s" ''
  sleep "$soft_zone.2"

  present "$first" "$attempt"
  expect 'replay after the soft zone' '401 refresh_token_reused' "$status $(member code)"
  say 'replay of the first token: no honest client does this now' '401 refresh_token_reused'
}

walk_strict() {
  newest=$second
  present "$first" "$attempt"
  expect 'replay' '401 refresh_token_reused' "$status $(member code)"
  say 'strict: the first token again, at once, even with the same attempt' '401 refresh_token_reused'
}

sign_up
new_attempt
present "$first" "$attempt"
expect 'first refresh' 200 "$status"
second=$(member refresh_token)
access=$(member access_token)
[ "$second" != "$first" ] || expect 'first refresh' 'another token' 'the same token'
say 'refresh' "200, refresh token $(short "$second")"

if [ "${2:-two-phase}" = strict ]; then walk_strict; else walk_two_phase; fi
expect_session_is_over
echo 'walk: every answer was the expected one'
