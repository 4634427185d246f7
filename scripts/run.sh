#!/bin/sh
# A chat to try: a private broker, a server and somebody to talk to, all gone again at the end.
# Called by `make run`, which has built the programs. On a terminal its user chats with a parrot; without
# one, scripts/conversation.sh plays a scripted conversation. Environment: MQTTCHAT_NICK is the user's nick.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
mqttchat=$here/../target/release/mqttchat
deadline=20 # seconds that a step may take
grace=10    # seconds that a program may take to end

# Process ids; empty where nothing runs. The members are those of the conversation.
broker='' server='' bot='' client='' members=''
tmp='' terminal=''

fail() {
    printf 'run: %s\n' "$*" >&2
    for log in broker server bot; do
        if [ -n "$tmp" ] && [ -s "$tmp/$log.log" ]; then
            printf 'run: the last lines of the %s:\n' "$log" >&2
            tail -n 5 "$tmp/$log.log" >&2
        fi
    done
    exit 1
}

alive() {
    kill -0 "$1" 2>/dev/null
}

now() {
    date +%s
}

# until_true SECONDS CONDITION...: calls the condition until it holds; false if that takes longer.
until_true() {
    end=$(($(now) + $1))
    shift
    until "$@"; do
        [ "$(now)" -lt "$end" ] || return 1
        sleep 0.1
    done
}

gone() {
    ! alive "$1"
}

# Ends a process that this script started: asks, and in the end insists.
stop() {
    alive "$1" || return 0
    kill -TERM "$1" 2>/dev/null || :
    until_true "$grace" gone "$1" || kill -KILL "$1" 2>/dev/null || :
}

# People before the server, the server before the broker: everybody can still say goodbye.
clean_up() {
    status=$?
    trap '' INT TERM HUP PIPE
    trap - EXIT
    for pid in $client $members $bot $server $broker; do
        stop "$pid"
    done
    wait 2>/dev/null || :
    [ -z "$terminal" ] || stty "$terminal" 2>/dev/null || :
    rm -rf "$tmp"
    exit "$status"
}

# Only binding tells whether a port is free: a broker that cannot have its port ends at once, and the next port is tried.
start_broker() {
    for _ in 1 2 3 4 5 6 7 8 9 10; do
        # Below the ports that systems hand out by themselves.
        port=$((20000 + $(od -An -N2 -tu2 /dev/urandom) % 12000))
        # Run by root it would turn into a user who cannot read the folder.
        printf '%s\n' "listener $port 127.0.0.1" 'allow_anonymous true' 'persistence false' \
            'queue_qos0_messages true' 'set_tcp_nodelay true' "user $(id -un)" >"$tmp/broker.conf"
        mosquitto -c "$tmp/broker.conf" >"$tmp/broker.log" 2>&1 </dev/null &
        broker=$!
        until_true "$deadline" broker_decided || fail "the broker does not answer"
        if alive "$broker"; then
            return
        fi
        broker=''
    done
    fail "no broker could be started"
}

broker_decided() {
    ! alive "$broker" || mosquitto_sub -h localhost -p "$port" -t "\$SYS/broker/version" -C 1 -W 1 >/dev/null 2>&1
}

start_server() {
    mkdir "$tmp/data"
    "$mqttchat" server localhost "$port" --data-dir "$tmp/data" >"$tmp/server.log" 2>&1 </dev/null &
    server=$!
    until_true "$deadline" server_decided || fail "the server is not online after $deadline s"
    alive "$server" || fail "the server ended"
}

# Online as everybody sees it: by the retained chat/server.
server_decided() {
    ! alive "$server" || mosquitto_sub -h localhost -p "$port" -t chat/server -C 1 -W 1 2>/dev/null |
        grep -q '"status": *"online"'
}

chat_on_the_terminal() {
    sh "$here/parrot.sh" "$mqttchat" "$tmp" localhost "$port" >"$tmp/bot.log" 2>&1 </dev/null &
    bot=$!
    echo "A private broker is on localhost:$port, and a parrot waits for you in the lobby."
    echo "From another terminal: target/release/mqttchat client localhost:$port --nick somebody"
    echo "/help lists the commands; /quit, or Ctrl-C twice, ends all of it."
    echo
    # In the background, with the terminal as its input, because a shell heeds no signal while it runs a program
    # in the foreground.
    "$mqttchat" client localhost "$port" <&3 &
    client=$!
    left=0
    wait "$client" || left=$?
    # A signal ends the waiting too: then the client still is to be stopped.
    alive "$client" || client=''
    # Ctrl-C is a way to leave like any other.
    [ "$left" -ne 130 ] || left=0
    return "$left"
}

trap clean_up EXIT
trap 'exit 129' HUP
trap 'exit 130' INT
# Who reads what is printed, or a member who is spoken to, may be gone.
trap 'exit 141' PIPE
trap 'exit 143' TERM
tmp=$(mktemp -d "${TMPDIR:-/tmp}/mqttchat-run.XXXXXX")

# The user's own settings are for the user's own broker.
unset MQTT_BROKER_HOST MQTT_BROKER_PORT MQTT_CLIENT_ID MQTT_USERNAME MQTT_PASSWORD STATE_DIRECTORY
export XDG_CONFIG_HOME="$tmp/config" XDG_STATE_HOME="$tmp/state"

[ -x "$mqttchat" ] || fail "$mqttchat is missing: run make first"
start_broker
start_server
if [ -t 0 ] && [ -t 1 ]; then
    terminal=$(stty -g)
    exec 3<&0
    chat_on_the_terminal
else
    # shellcheck source=scripts/conversation.sh
    . "$here/conversation.sh"
    converse
fi
