#!/usr/bin/env python3
"""Draws docs/pictures/chat-light.svg and chat-dark.svg: what the real client shows in a real session.

A private broker, a server and several clients play it; alice's client runs in tmux, whose screen is taken with its
colours and drawn once for each kind of terminal. Only the times of day are replaced, so that the same client draws the
same pictures. With --check nothing is written: it fails where the pictures are not those of today's client.

Usage: draw.py [--check] PATH-OF-MQTTCHAT      needs mosquitto and tmux
"""
import contextlib
import html
import os
import pathlib
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import time

HERE = pathlib.Path(__file__).resolve().parent
COLUMNS, ROWS = 84, 25
# Seconds that a step may take.
DEADLINE = 20

# The colours that terminals give the 16 names, and text and ground.
LIGHT = ("#ffffff", "#24292f", [
    "#24292f", "#cf222e", "#116329", "#7d4e00", "#0969da", "#8250df", "#1b7c83", "#6e7781",
    "#57606a", "#a40e26", "#1a7f37", "#633c01", "#218bff", "#a475f9", "#3192aa", "#8c959f"])
DARK = ("#0d1117", "#e6edf3", [
    "#484f58", "#ff7b72", "#3fb950", "#d29922", "#58a6ff", "#bc8cff", "#39c5cf", "#b1bac4",
    "#6e7681", "#ffa198", "#56d364", "#e3b341", "#79c0ff", "#d2a8ff", "#56d4dd", "#ffffff"])


def main():
    arguments = sys.argv[1:]
    check = "--check" in arguments
    programs = [argument for argument in arguments if argument != "--check"]
    if len(programs) != 1:
        sys.exit(__doc__)
    screen = play(os.path.abspath(programs[0]))
    stale = []
    for name, theme in (("light", LIGHT), ("dark", DARK)):
        path, picture = HERE / f"chat-{name}.svg", draw(screen, theme)
        if not check:
            path.write_text(picture, encoding="utf-8")
        elif not path.exists() or path.read_text(encoding="utf-8") != picture:
            stale.append(path.name)
    if stale:
        print("\n".join(re.sub(r"\x1b\[[0-9;:]*m", "", line) for line in screen))
        sys.exit(f"{', '.join(stale)}: today's client shows another picture; `make pictures` draws it")


# The session.

def play(mqttchat):
    """alice's screen, a line with its colours each."""
    with contextlib.ExitStack() as stack:
        folder = tempfile.mkdtemp(prefix="mqttchat-pictures-")
        stack.callback(shutil.rmtree, folder, ignore_errors=True)
        port = free_port()
        config = pathlib.Path(folder, "mosquitto.conf")
        config.write_text(f"listener {port} 127.0.0.1\nallow_anonymous true\nset_tcp_nodelay true\n")
        spawn(stack, ["mosquitto", "-c", str(config)])
        wait_for("the broker", lambda: listens(port))
        environment = {"HOME": folder, "PATH": os.environ["PATH"], "TZ": "UTC", "LANG": "C.UTF-8"}
        server = spawn(stack, [mqttchat, "server", f"localhost:{port}", "--memory"], environment,
                       stderr=open(f"{folder}/server.log", "w"))
        log = pathlib.Path(folder, "server.log")
        wait_for("the server", lambda: "INFO connected" in log.read_text())

        def joins(nick, *options):
            client = spawn(stack, [mqttchat, "client", f"localhost:{port}", "--nick", nick, "--listen", *options],
                           environment, stdin=subprocess.PIPE)
            wait_for(nick, lambda: f"joined nick={nick} " in log.read_text())
            return client

        bob, attic = joins("bob"), joins("attic")
        alice = Tmux(stack, folder, environment, [mqttchat, "client", f"localhost:{port}", "--nick", "alice",
                                                  "--room", "dev", "--color", "always"])
        alice.wait_for(r"2|3 online")
        alice.wait_for(r"#dev> *$")
        alice.type("/room lobby")
        alice.wait_for(r"#lobby> *$")

        def says(client, text):
            client.stdin.write((text + "\n").encode())
            client.stdin.flush()
            alice.wait_for(re.escape(" ".join(text.split()[:2])))

        carol = joins("carol")
        alice.wait_for("carol")
        says(bob, "morning! is the new pump running?")
        alice.type("since six, without a hiccup")
        alice.wait_for("hiccup")
        says(attic, "load 0.42, 48.3 °C")
        says(carol, "nice! alice: the plan is at https://wiki.example.org/pumps/plan?rev=7#start, would you add when "
                    "the next inspection is due, before somebody asks for it again")
        alice.type("/me reads")
        alice.wait_for("alice reads")
        dave = spawn(stack, [mqttchat, "client", f"localhost:{port}", "--nick", "bob", "-m", "lunch at twelve?",
                             "--to", "alice"], environment)
        dave.wait(DEADLINE)
        alice.wait_for("lunch at")
        alice.type("/reply gladly")
        alice.wait_for("gladly")
        alice.type("/jion dev")
        alice.wait_for("did you mean")
        ci = spawn(stack, [mqttchat, "client", f"localhost:{port}", "--nick", "ci", "--room", "dev", "-m",
                           "the build is green: 614 tests in 4 minutes"], environment)
        ci.wait(DEADLINE)
        alice.wait_for("the build is green")
        alice.press("half a line that nothing dist")
        alice.wait_for("nothing dist")
        end(carol)
        alice.wait_for("carol.*(left|−)|− carol")
        return fixed_times(alice.screen())


class Tmux:
    """A program in a terminal of its own."""

    def __init__(self, stack, folder, environment, command):
        self.socket = f"{folder}/tmux"
        self.environment = environment
        shell = ["env", "-i", *(f"{name}={value}" for name, value in environment.items()),
                 "TERM=tmux-256color", *command]
        self.tmux("-f", "/dev/null", "new-session", "-d", "-x", str(COLUMNS), "-y", str(ROWS), *shell)
        stack.callback(self.tmux, "kill-server")

    def tmux(self, *arguments):
        done = subprocess.run(["tmux", "-S", self.socket, *arguments], env={**self.environment, "TERM": "xterm"},
                              capture_output=True, encoding="utf-8", check=True)
        return done.stdout

    def press(self, text):
        self.tmux("send-keys", "-l", "--", text)

    def type(self, line):
        self.press(line)
        self.tmux("send-keys", "Enter")

    def screen(self):
        lines = self.tmux("capture-pane", "-p", "-e").split("\n")
        while lines and not lines[-1].strip():
            lines.pop()
        return lines

    def wait_for(self, pattern):
        def is_there():
            return re.search(pattern, self.tmux("capture-pane", "-p"), re.MULTILINE)
        try:
            wait_for(pattern, is_there)
        except TimeoutError:
            sys.exit(f"not seen within {DEADLINE} s: {pattern}\n{self.tmux('capture-pane', '-p')}")


def fixed_times(lines):
    """A morning in which a line is said every minute, and no port that is another at each run."""
    minute = 29
    fixed = []
    for line in lines:
        line = re.sub(r"localhost:\d+", "localhost:1883", line)
        found = re.match(r"((?:\x1b\[[0-9;:]*m)*)(\d\d):(\d\d)(?=\x1b| )", line)
        if found:
            minute += 1
            line = f"{found[1]}{9 + minute // 60:02}:{minute % 60:02}{line[found.end():]}"
        fixed.append(line)
    return fixed


def spawn(stack, command, environment=None, **streams):
    streams = {"stdin": subprocess.DEVNULL, "stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL, **streams}
    process = subprocess.Popen(command, env=environment, **streams)
    stack.callback(end, process)
    return process


def end(process):
    process.terminate()
    try:
        process.wait(DEADLINE)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def listens(port):
    with socket.socket() as client:
        return client.connect_ex(("127.0.0.1", port)) == 0


def wait_for(what, is_so):
    until = time.monotonic() + DEADLINE
    while not is_so():
        if time.monotonic() > until:
            raise TimeoutError(f"not seen within {DEADLINE} s: {what}")
        time.sleep(0.02)


# The picture.

CELL, LINE, FONT, MARGIN = 8.4, 18, 14, 14


def draw(lines, theme):
    ground, ink, named = theme
    width, height = COLUMNS * CELL + 2 * MARGIN, len(lines) * LINE + 2 * MARGIN
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width:.0f}" height="{height:.0f}" '
        f'viewBox="0 0 {width:.0f} {height:.0f}" role="img" aria-label="a session of mqttchat client">',
        f'<rect width="100%" height="100%" rx="8" fill="{ground}" stroke="{named[7]}"/>',
        '<g font-family="ui-monospace,SFMono-Regular,Menlo,Consolas,\'DejaVu Sans Mono\',monospace" '
        f'font-size="{FONT}" xml:space="preserve">',
    ]
    style = plain()
    for row, line in enumerate(lines):
        column, y = 0, MARGIN + row * LINE + FONT
        for text in runs(line, style):
            attributes = [f'fill="{colour(style["fg"], named, ink)}"']
            if style["bold"]:
                attributes.append('font-weight="bold"')
            if style["italic"]:
                attributes.append('font-style="italic"')
            if style["faint"]:
                attributes.append('opacity="0.65"')
            if style["underline"]:
                attributes.append('text-decoration="underline"')
            if style["reverse"]:
                attributes[0] = f'fill="{ground}"'
                parts.append(f'<rect x="{MARGIN + column * CELL:.1f}" y="{y - FONT + 1}" '
                             f'width="{len(text) * CELL:.1f}" height="{LINE}" '
                             f'fill="{colour(style["fg"], named, ink)}"/>')
            if text.strip():
                parts.append(f'<text x="{MARGIN + column * CELL:.1f}" y="{y}" '
                             f'textLength="{len(text) * CELL:.1f}" {" ".join(attributes)}>{html.escape(text)}</text>')
            column += len(text)
    parts += ["</g>", "</svg>", ""]
    return "\n".join(parts)


def runs(line, style):
    """The pieces of a line; at each `style` is how it looks, which tmux tells only where it changes."""
    for piece in re.split(r"(\x1b\[[0-9;:]*m)", line):
        if piece.startswith("\x1b["):
            change(style, [int(number or 0) for number in re.split("[;:]", piece[2:-1])])
        elif piece:
            yield piece


def plain():
    return dict(fg=None, bold=False, faint=False, italic=False, underline=False, reverse=False)


def change(style, numbers):
    """ECMA-48's "select graphic rendition", as much of it as the client uses."""
    numbers = list(numbers)
    switches = {1: "bold", 2: "faint", 3: "italic", 4: "underline", 7: "reverse"}
    offs = {22: ("bold", "faint"), 23: ("italic",), 24: ("underline",), 27: ("reverse",)}
    while numbers:
        number = numbers.pop(0)
        if number == 0:
            style.update(plain())
        elif number in switches:
            style[switches[number]] = True
        elif number in offs:
            style.update(dict.fromkeys(offs[number], False))
        elif 30 <= number <= 37 or 90 <= number <= 97:
            style["fg"] = number - 30 if number < 90 else number - 82
        elif number == 39:
            style["fg"] = None
        elif number == 38 and numbers[:1] == [5]:
            style["fg"] = numbers[1]
            del numbers[:2]


def colour(index, named, ink):
    """Of xterm's 256 colours: 16 with names, a cube of 6 × 6 × 6, 24 greys."""
    if index is None:
        return ink
    if index < 16:
        return named[index]
    if index < 232:
        index -= 16
        return "#" + "".join(f"{(0, 95, 135, 175, 215, 255)[part]:02x}"
                             for part in (index // 36, index // 6 % 6, index % 6))
    return "#" + f"{8 + (index - 232) * 10:02x}" * 3


if __name__ == "__main__":
    main()
