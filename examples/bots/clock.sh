#!/bin/sh
# A bot in shell: who says !time, in a room or to it alone, is told the time. It needs jq.
# Usage: clock.sh [BROKER] [options of mqttchat client]
set -eu

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
trap 'exit 1' HUP INT TERM
mkfifo "$folder/answers"

# Of each event the shell gets what it needs: where the answer goes, as the beginning of a JSON object, and the text.
mqttchat client --json --listen --no-history --nick clock "$@" <"$folder/answers" |
    jq --unbuffered -r 'select((.event == "chat" or .event == "private") and (.own or .history | not))
        | (if .event == "chat" then {room} else {to: .username} end | tostring), (.message | tojson)' |
    while read -r place && read -r message; do
        if [ "$message" = '"!time"' ]; then
            jq -cn --argjson place "$place" --arg now "$(date +%H:%M:%S)" '$place + {message: "it is \($now)"}'
        fi
    done >"$folder/answers"
