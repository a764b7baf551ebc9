# From a file to a job, and from a completed job to its files, with curl:
# whole-job.sh curl URL KEY VIDEO COMPLETED_JOB FOLDER.
# Whatever fails, by a cut connection or a 5xx, is sent again, as a person would.
set -euo pipefail
api=$2 key=$3 video=$4 completed=$5 folder=$6

call() { curl -sS --fail-with-body --retry 100 --retry-delay 0 --retry-all-errors --retry-max-time 200 "$@"; }
api() { local path=$1; shift; call -H "X-API-Key: $key" "$@" "$api$path"; }
field() { sed "s/.*\"$1\":\"\{0,1\}\([^\",}]*\).*/\1/"; }

id=$(cat /proc/sys/kernel/random/uuid)
size=$(($(wc -c < "$video"))) sha256=$(sha256sum < "$video" | cut -d " " -f 1)
wanted="{\"filename\": \"v.mp4\", \"size\": $size, \"sha256\": \"$sha256\"}"
api /uploads -H "Idempotency-Key: $id-upload" -d "$wanted" -o "$folder/answer"
upload=$(field upload_id < "$folder/answer")
split -b 33554432 "$video" "$folder/part-"
number=0
for part in "$folder"/part-*; do
  number=$((number + 1))
  api "/uploads/$upload/parts/$number" -T "$part" -o "$folder/answer"
done
api "/uploads/$upload/complete" -X POST -o "$folder/answer"

jobs=
for _ in 1 2 3; do
  api /jobs -H "Idempotency-Key: $id-job" -d "{\"task_id\": \"curl\", \"upload_id\": \"$upload\"}" -o "$folder/answer"
  jobs="$jobs$(field job_id < "$folder/answer")\n"
done
job=$(printf "$jobs" | uniq)
echo "$job"

status=queued version=0
while [[ $status != cancelled ]]; do
  api "/jobs/$job/status?wait=1&after=$version" -o "$folder/answer"
  status=$(field status < "$folder/answer") version=$(field version < "$folder/answer")
done

api "/jobs/$completed/results/baked_splat.ply/link" -d '{"expires_in": 600}' -o "$folder/answer"
call "$(field url < "$folder/answer")" -o "$folder/result"
api "/jobs/$completed/results.zip" -o "$folder/results.zip"
