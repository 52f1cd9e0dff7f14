"""Every request, asked by an editor's Python: to be run by any from 3.6 on.

    python driver.py FOLDER_OF_THE_CLIENT ENGINE_AS_JSON CLIP MATTE FOLDER

Writes one JSON object: the interpreter, and what came of each request.
"""

import json
import os
import sys
import time

sys.path.insert(0, sys.argv[1])

from bridge_client import BridgeClient, BridgeError


def main(argv, clip, matte, folder):
    told = {"python": list(sys.version_info[:2]), "events": []}
    log = os.path.join(folder, "log.txt")
    selection = {"media": clip, "start": "1/5", "end": "4/5", "handles": "1/25"}
    with BridgeClient(argv, log, dict(os.environ)) as engine:

        def ask(request, **fields):
            name = engine.send(request, **fields)
            told[request] = engine.wait(name, 60, told["events"].append)
            return told[request]

        ask("describe", media=clip)
        seen = {"path": matte, "invert": True}
        ask("preview", selection=dict(selection, matte=seen), output=os.path.join(folder, "seen"))
        ask("estimate", selection=selection, output=os.path.join(folder, "out"))
        waiting = dict(told["estimate"]["order"], output=os.path.join(folder, "waiting"))
        waiting["selection"] = dict(waiting["selection"], prompt="wait")
        long = engine.send("separate", order=waiting)
        seen = []
        while not any(event.get("stage") == "separate" for event in seen):
            seen += engine.poll()
            assert engine.waiting, seen
            time.sleep(0.01)
        told["beside"] = engine.wait(engine.send("jobs"), 60)
        engine.cancel(long)
        try:
            engine.wait(long, 5)
        except BridgeError as error:
            told["cancel"] = [error.kind, error.exit_code, str(error), error.hint]
        ask("separate", order=told["estimate"]["order"])
        ask("jobs", most=1)
        ask("placement", job=told["jobs"]["jobs"][0]["id"])
        told["hello"] = engine.hello
        last = engine.send("separate", order=waiting)
    # Closed in the middle: the request has its end all the same.
    told["last"] = [event["kind"] for event in engine.poll() if event.get("id") == last]
    return told


json.dump(main(json.loads(sys.argv[2]), *sys.argv[3:]), sys.stdout)
