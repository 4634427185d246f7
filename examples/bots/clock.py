#!/usr/bin/env python3
"""A bot in Python: who says !time, in a room or to it alone, is told the time. It needs nothing but Python.
Usage: clock.py [BROKER] [options of mqttchat client]"""
import json
import os
import signal
import subprocess
import sys
import time

client = subprocess.Popen(
    ["mqttchat", "client", "--json", "--listen", "--no-history", *sys.argv[1:]],
    stdin=subprocess.PIPE, stdout=subprocess.PIPE, encoding="utf-8", env={"MQTTCHAT_NICK": "clock", **os.environ})
signal.signal(signal.SIGTERM, lambda *_: client.terminate())


def send(**order):
    client.stdin.write(json.dumps(order) + "\n")
    client.stdin.flush()


for line in client.stdout:
    event = json.loads(line)
    if event["event"] not in ("chat", "private") or event.get("own") or event.get("history"):
        continue
    if event["message"] == "!time":
        place = {"room": event["room"]} if event["event"] == "chat" else {"to": event["username"]}
        send(**place, message=time.strftime("it is %H:%M:%S"))
sys.exit(client.wait())
