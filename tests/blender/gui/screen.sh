#!/bin/bash
# A screen and Blender on it, inside the root directory: screen.sh FOLDER WIDTHxHEIGHT WORDS…
# FOLDER/processes: what still ran a second after Blender had ended, screen and shell apart.
set -uo pipefail
folder=$1 size=$2
shift 2
exec 3>"$folder/display"
Xvfb -displayfd 3 -screen 0 "${size}x24" -nolisten tcp >"$folder/screen.log" 2>&1 &
screen=$!
until [ -s "$folder/display" ]; do
    kill -0 "$screen" || exit 97
    sleep 0.05
done
export DISPLAY=":$(cat "$folder/display")"
"$@" 3>&- >"$folder/blender.log" 2>&1
ended=$?
sleep 1
for process in /proc/[0-9]*; do
    number=${process#/proc/}
    [ "$number" = "$$" ] || [ "$number" = "$screen" ] && continue
    words=$(tr '\0' ' ' <"$process/cmdline" 2>/dev/null) && [ -n "$words" ] && echo "$words"
done >"$folder/processes"
exit "$ended"
