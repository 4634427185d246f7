#!/bin/sh
# Somebody to talk to: greets who comes to the lobby, and repeats what is said there. Called by scripts/run.sh, which makes
# the folder. It speaks in lines; docs/bots.md has bots that speak JSON.
# Usage: parrot.sh MQTTCHAT FOLDER HOST PORT
set -eu
mqttchat=$1 folder=$2
shift 2

mkfifo "$folder/parrot.said" "$folder/parrot.heard"
"$mqttchat" client "$@" --nick parrot --listen --no-history <"$folder/parrot.said" >"$folder/parrot.heard" 2>&1 &
client=$!
trap 'kill "$client"' HUP INT TERM

while IFS= read -r line; do
    case $line in
    2*' #lobby parrot: '*) ;;
    2*' #lobby '*': '*)
        rest=${line#*' #lobby '}
        printf '%s\n' "${rest%%: *}: ${rest#*: }! squawk!"
        ;;
    *' joined the chat'*)
        nick=${line%% joined the chat*}
        printf '%s\n' "welcome, ${nick##* }! say something"
        ;;
    esac
# The client opens them in this order, too.
done >"$folder/parrot.said" <"$folder/parrot.heard" &

code=0
wait "$client" || code=$?
exit "$code"
