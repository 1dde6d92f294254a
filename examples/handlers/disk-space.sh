#!/usr/bin/env bash
# Says how full the disk of the runner is, and fails above a limit.
#
#   config: {"handler": "disk-space", "path": "/", "max_percent": 90}
set -euo pipefail

# The job is one line of JSON on standard input. On GitHub's runners jq reads it as well.
read -r job
config() {
  python3 -c 'import json, sys; print(json.loads(sys.argv[1])["config"].get(sys.argv[2], sys.argv[3]))' "$job" "$@"
}
path=$(config path /)
max=$(config max_percent 90)

echo "1/2 looking at $path" >> "$CLOUD_JOBS_PROGRESS"
if [[ ! -e $path ]]; then
  echo '{"snooze_minutes": 5, "reason": "not mounted yet"}' > "$CLOUD_JOBS_RESULT"
  exit 75
fi
used=$(df -P "$path" | awk 'NR == 2 { sub("%", "", $5); print $5 }')
echo "2/2" >> "$CLOUD_JOBS_PROGRESS"

echo "{\"path\": \"$path\", \"used_percent\": $used}" > "$CLOUD_JOBS_RESULT"
if (( used > max )); then
  echo "$path is $used % full, more than $max %" >&2
  exit 1
fi
