#!/bin/sh
# What Sluice does for a product, with nothing but curl: a chat, a stream, a job, events that resume, keys against paying
# twice, many jobs at once, a file and a batch, cancelling, errors.
#
#     SLUICE_URL=http://127.0.0.1:4000 SLUICE_API_KEY=… sh examples/curl.sh examples/logs/courier.log
#
# MODEL is a model of Sluice, `sandbox` unless given. Run it as often as you like: what it uploads it deletes. Ids are found
# in answers without jq, which not every machine has.
set -eu
url=${SLUICE_URL:-http://127.0.0.1:4000}
key=${SLUICE_API_KEY:?is not set}
model=${MODEL:-sandbox}
log=${1:?which log file?}
[ -r "$log" ] || { echo "cannot read $log" >&2 && exit 1; }

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
trap 'exit 130' INT TERM
answer=$folder/answer
# The key is in a file, because everybody on the machine may read the arguments of a command. A call that takes longer
# than 50 s goes on by a redirect; curl follows it with GET as long as no -X tells it otherwise. A busy server (429, 503) is
# asked again when its Retry-After says; what it answered so it has not taken.
printf 'header = "authorization: Bearer %s"\nlocation\nretry = 3\nsilent\nshow-error\n' "$key" >"$folder/curlrc"

call() {
  path=$1
  shift
  curl --config "$folder/curlrc" "$url$path" "$@"
}
# The same, into the file $answer; what is no success ends the script, with the reason.
ask() {
  call "$@" --fail-with-body -o "$answer" || {
    [ ! -e "$answer" ] || { cat "$answer" && echo; } >&2
    exit 1
  }
}
json='content-type: application/json'

say() { printf '\n== %s\n' "$*"; }
# The text of a field, the first one of that name: an object's own id comes before all others.
field() { grep -oE "\"$1\":\"([^\"\\\\]|\\\\.)*\"" "$answer" | head -n 1 | sed -e "s/^\"$1\":\"//" -e 's/"$//'; }
# Lines as the inside of a JSON string, and back.
escape() { tr -d '\000-\010\013-\037' | sed -e 's/\\/\\\\/g' -e 's/"/\\"/g' -e 's/	/\\t/g' -e 's/$/\\n/' | tr -d '\n'; }
unescape() { sed -e 's/\\n/\
/g' -e 's/\\"/"/g'; }

run=$(date +%s)-$$
printf '{"model": "%s", "messages": [{"role": "user", "content": "%s"}]}' \
  "$model" "$(tail -n 200 "$log" | escape)" >"$folder/chat.json"
# $1: the question, $2: more fields of the body, with a comma before them
job() {
  printf '{"model": "%s", "input": {"endpoint": "/v1/chat/completions", "body": ' "$model"
  printf '{"messages": [{"role": "user", "content": "%s"}]%s}}}\n' "$1" "${2:-}"
}

say 'A chat: waits for its answer. Who gave it, and for how much, is in the headers'
ask /v1/chat/completions -H "$json" --data-binary "@$folder/chat.json" -D "$folder/headers"
field content | unescape
grep -i '^x-sluice-' "$folder/headers"

say 'The same as a stream (-N: nothing is held back)'
call /v1/chat/completions -N -H "$json" \
  -d '{"model": "'"$model"'", "stream": true, "messages": [{"role": "user", "content": "echo: one two three"}]}' |
  grep -oE '"delta":\{[^}]*\}|\[DONE\]|"error":.*'

say 'A job: goes on whoever hangs up. ?wait= holds the answer until it has ended'
ask /v1/jobs -H "$json" -d "$(job 'echo: one two three four five' ', "stream": true')"
job=$(field id)
ask "/v1/jobs/$job?wait=60"
echo "$job: $(field status)"

say 'Its events. A reader that loses its connection gets the rest by the last id that it has'
# head takes twelve lines and goes, which curl would complain of.
call "/v1/jobs/$job/events" -N 2>/dev/null | head -n 12 >"$folder/events"
# An event has arrived with the empty line after it, not with its id.
seen=$(awk '/^id: / { id = $2 } /^\r?$/ && id { seen = id } END { print seen + 0 }' "$folder/events")
echo "cut after event $seen"
call "/v1/jobs/$job/events" -N -H "last-event-id: $seen" >"$folder/rest"
grep -E '^(id|event): ' "$folder/rest" | paste -d ' ' - -

say 'An Idempotency-Key: sent twice, run once. With another request it is refused'
for attempt in first second; do
  ask /v1/jobs -H "$json" -H "idempotency-key: $run" -d "$(job 'echo: once')"
  echo "$attempt: $(field id)"
done
call /v1/jobs -H "$json" -H "idempotency-key: $run" -d "$(job 'echo: else')" -w '\n%{http_code}\n'

say 'Prefer: respond-async: the job instead of its answer, at once'
ask /v1/chat/completions -H "$json" -H 'prefer: respond-async' --data-binary "@$folder/chat.json" \
  -w '%{http_code} '
echo "$(field id) $(field status)"

say 'Many jobs at once: a line for each, in their order. A bad one spoils no other'
{ job 'echo: a' && echo '{"model": "nope"}' && job 'echo: c'; } >"$folder/jobs.ndjson"
call /v1/jobs/bulk -N -H 'content-type: application/x-ndjson' --data-binary "@$folder/jobs.ndjson" | cut -c 1-150

say 'A batch: a file of requests, answered in a file'
for name in a b c; do
  printf '{"custom_id": "%s", "method": "POST", "url": "/v1/chat/completions", "body": ' "$name"
  printf '{"model": "%s", "messages": [{"role": "user", "content": "echo: line %s"}]}}\n' "$model" "$name"
done >"$folder/batch.jsonl"
ask /v1/files -F purpose=batch -F "file=@$folder/batch.jsonl"
input=$(field id)
ask /v1/batches -H "$json" \
  -d '{"input_file_id": "'"$input"'", "endpoint": "/v1/chat/completions", "completion_window": "24h"}'
batch=$(field id)
while :; do
  ask "/v1/batches/$batch"
  case $(field status) in
  validating | in_progress | finalizing) sleep 1 ;;
  *) break ;;
  esac
done
echo "$batch: $(field status)"
output=$(field output_file_id)
ask "/v1/files/$output/content"
grep -oE '"custom_id":"[^"]*"|"content":"([^"\\]|\\.)*"' "$answer" | paste -d ' ' - - | sort
for file in "$input" "$output"; do ask "/v1/files/$file" -X DELETE; done

say 'Cancelling. Who comes too late gets the job as it is'
ask /v1/jobs -H "$json" -d "$(job 'echo: never mind')"
ask "/v1/jobs/$(field id)/cancel" -X POST
echo "$(field id): $(field status)"

say 'Errors have the shape of OpenAI, and name what is wrong'
curl -sS -w '\n%{http_code}\n' "$url/v1/models" -H 'authorization: Bearer wrong'
call /v1/embeddings -w '\n%{http_code}\n' -H "$json" -d '{"model": "no-such-model", "input": "x"}'
call /v1/jobs -w '\n%{http_code}\n' -H "$json" -d '{"model": "'"$model"'", "inputs": {}}'
