#!/bin/sh
# A bot in shell: who says !time, in a room or to it alone, is told the time. It needs jq.
# Usage: clock.sh [BROKER] [options of mqttchat client]
set -eu
export MQTTCHAT_NICK="${MQTTCHAT_NICK:-clock}"

folder=$(mktemp -d)
mkfifo "$folder/orders" "$folder/events"
mqttchat client --json --listen --no-history "$@" <"$folder/orders" >"$folder/events" &
client=$!
trap 'kill "$client"' HUP INT TERM

# Of each event the shell gets what it needs: where the answer goes, as the beginning of a JSON object, and the text.
jq --unbuffered -r 'select((.event == "chat" or .event == "private") and (.own or .history | not))
    | (if .event == "chat" then {room} else {to: .username} end | tostring), (.message | tojson)' <"$folder/events" |
    while read -r place && read -r message; do
        if [ "$message" = '"!time"' ]; then
            jq -cn --argjson place "$place" --arg now "$(date +%H:%M:%S)" '$place + {message: "it is \($now)"}'
        fi
    done >"$folder/orders" &

code=0
wait "$client" || code=$?
rm -rf "$folder"
exit "$code"
