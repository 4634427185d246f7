# shellcheck shell=sh disable=SC2154
# A scripted conversation between clients, printed as each of them sees it. Sourced by scripts/run.sh, whose $mqttchat,
# $port, $tmp, $deadline, $members, until_true, stop and fail it uses. Every step waits for what must appear, never for
# time to pass.

steps=0
readers='' # process ids of those who print what the members print

# A step's heading.
scene() {
    printf '\n-- %s\n' "$*"
}

# member NICK OPTION...: starts a client that reads $tmp/NICK.in; what it prints is shown and kept in $tmp/NICK.log.
# Its process id is left in $member.
member() {
    nick=$1
    shift
    mkfifo "$tmp/$nick.in" "$tmp/$nick.out"
    : >"$tmp/$nick.log"
    show "$nick" <"$tmp/$nick.out" &
    readers="$readers $!"
    "$mqttchat" client --listen --nick "$nick" "$@" localhost "$port" <"$tmp/$nick.in" >"$tmp/$nick.out" 2>&1 &
    member=$!
    members="$members $member"
}

# Ends by itself when the client does.
show() {
    while IFS= read -r line; do
        printf '%-5s | %s\n' "$1" "$line"
        printf '%s\n' "$line" >>"$tmp/$1.log"
    done
}

# see WHO PATTERN: a step; waits for a line that matches in what a member, or the server, has printed.
see() {
    until_true "$deadline" grep -q -e "$2" "$tmp/$1.log" || fail "after $deadline s $1 has not shown: $2"
    steps=$((steps + 1))
}

# The members' inputs are the descriptors 4 to 8: opened here, they stay open until the script ends.
converse() {
    scene 'alice, a program that speaks JSON, joins the lobby and the room dev'
    member alice --json --room dev
    exec 4>"$tmp/alice.in"
    see server 'joined nick=alice'

    scene 'bob and carol join the lobby'
    member bob
    exec 5>"$tmp/bob.in"
    see server 'joined nick=bob'
    see alice 'bob joined the chat'
    member carol
    exec 6>"$tmp/carol.in"
    carol=$member
    see server 'joined nick=carol'
    see bob 'carol joined the chat'

    scene 'bob says hello to everybody'
    echo 'hello, all' >&5
    see alice '"message":"hello, all"'
    see carol '#lobby bob: hello, all'

    scene 'carol answers'
    echo 'hi bob, how is the broker?' >&6
    see bob '#lobby carol: hi bob, how is the broker?'
    see alice '"message":"hi bob, how is the broker?"'

    scene 'alice tells bob something that nobody else hears'
    echo '{"message":"psst","to":"bob"}' >&4
    see bob '@bob alice: psst'

    scene 'erin joins the room dev, where alice is too, and they talk there'
    member erin --room dev
    exec 8>"$tmp/erin.in"
    see server 'joined nick=erin'
    echo '{"message":"the build is green","room":"dev"}' >&4
    see erin '#dev alice: the build is green'
    echo 'well done' >&8
    see alice '"message":"well done","room":"dev"'

    scene 'dave comes late and reads what was said'
    member dave
    exec 7>"$tmp/dave.in"
    see server 'joined nick=dave'
    see dave '#lobby bob: hello, all'
    see dave '#lobby carol: hi bob, how is the broker?'

    scene 'carol is killed with kill -9: her will tells the others'
    kill -KILL "$carol"
    # Its process id may be somebody else's from here on; a shell that reports the death is not asked to.
    { wait "$carol" || :; } 2>/dev/null
    # shellcheck disable=SC2086 # a list of process ids
    members=$(printf '%s\n' $members | grep -vx "$carol")
    see alice 'carol left the chat'
    see bob 'carol left the chat'
    see dave 'carol left the chat'

    scene 'dave says goodbye, and what was not for him never reached him'
    echo 'goodbye' >&7
    see alice '"message":"goodbye"'
    see bob '#lobby dave: goodbye'
    for outsider in bob carol dave; do
        if grep -e 'the build is green' -e 'well done' "$tmp/$outsider.log" ||
            { [ "$outsider" != bob ] && grep psst "$tmp/$outsider.log"; }; then
            fail "$outsider was shown what was not for $outsider"
        fi
    done

    # Everybody leaves now, so that nothing is printed behind the last line.
    for pid in $members; do
        stop "$pid"
    done
    members=''
    # shellcheck disable=SC2086 # a list of process ids
    wait $readers
    printf '\nthe conversation is over: %s steps seen\n' "$steps"
}
