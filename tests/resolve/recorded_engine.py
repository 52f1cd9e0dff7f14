"""The engine's side of a run that has been before: answers at once, in the bridge's documents.

    python -I recorded_engine.py FOLDER bridge

What was asked and answered is appended to FOLDER/talk.jsonl, so that a test can hold both to the
real documents. A job is a file in FOLDER; the stems of a placement are written as they are asked
for, each sample of them saying which one of the clip it is. The prompt "fail" fails, "wait" waits
to be cancelled. Nothing in it takes time.
"""

import hashlib
import json
import os
import sys
import threading
import wave
from array import array
from fractions import Fraction

RATE = 48000
CANCELLED = ("Cancelled", "The request was cancelled.", "Send it again to go on.", 130)
FAILED = ("EmptyStem", "There is nothing of that in the clip.", "Say it in other words.", 4)


def main(folder):
    """Read requests until there are no more."""
    talk = open(os.path.join(folder, "talk.jsonl"), "a", encoding="utf-8")  # noqa: SIM115
    lock = threading.Lock()

    def say(event):
        with lock:
            sys.stdout.write(json.dumps(event) + "\n")
            sys.stdout.flush()
            talk.write(json.dumps({"said": event}) + "\n")
            talk.flush()

    requests = ["describe", "estimate", "preview", "separate", "jobs", "placement"]
    hello = {"event": "hello", "version": 1, "program": "0.1.0", "pid": os.getpid()}
    say({**hello, "requests": requests, "at_once": 4})
    waiting, failing = set(), os.environ.get("RECORDED_FAILS", "separate")
    for line in sys.stdin:
        request = json.loads(line)
        with lock:
            talk.write(json.dumps({"heard": request}) + "\n")
            talk.flush()
        name = request["id"]
        if request["request"] == os.environ.get("RECORDED_DIES"):
            os._exit(3)
        if request["request"] == "cancel":
            if name in waiting:
                waiting.discard(name)
                say(error(name, CANCELLED))
            continue
        selection = request.get("selection") or request.get("order", {}).get("selection", {})
        prompt = selection.get("prompt", "")
        if request["request"] == "separate" and prompt == "wait":
            waiting.add(name)
            say({"event": "progress", "id": name, "stage": "separate", "share": 0.25})
        elif prompt == "fail" and request["request"] == failing:
            say(error(name, FAILED))
        else:
            if request["request"] == "separate":
                say({"event": "progress", "id": name, "stage": "separate", "share": 0.5})
                say({"event": "log", "id": name, "text": "A recorded run."})
            result = globals()[request["request"]](request, folder)
            say({"event": "done", "id": name, "result": result})


def error(name, words):
    """The event of a request that fails."""
    kind, message, hint, code = words
    said = {"event": "error", "id": name, "kind": kind, "message": message, "hint": hint}
    return {**said, "exit_code": code}


def describe(request, folder):
    """What the clip holds: as RECORDED_CLIPS has it, else as PyAV reads it."""
    clip = None
    if request.get("media"):
        known = json.loads(os.environ.get("RECORDED_CLIPS", "{}")).get(request["media"])
        clip = {"media": request["media"], "container": "mov", "timecode": None, "warnings": []}
        clip.update(known or read(request["media"]))
    found = {"version": 1, "program": "0.1.0", "ffmpeg": "7.1", "engine": "offline"}
    return {**found, "why": "It is recorded.", "settings": {}, "clip": clip}


def read(path):
    """The same keys from the file itself, which takes its time."""
    import av

    with av.open(path) as container:
        video = next(iter(container.streams.video), None)
        sounds = container.streams.audio
        return clip(
            duration=Fraction(container.duration, 1000000),
            rate=Fraction(str(video.average_rate)) if video else None,
            size=(video.width, video.height) if video else (None, None),
            channels=[sound.channels for sound in sounds],
        )


def clip(duration, rate, size, channels):
    """What is known of a clip, as the document has it."""
    track = {"title": "", "language": "", "codec": "pcm_s16le", "rate": RATE}
    tracks = [dict(track, number=n + 1, channels=c) for n, c in enumerate(channels)]
    found = {"duration": str(duration), "frame_rate": str(rate) if rate else None}
    return {**found, "width": size[0], "height": size[1], "tracks": tracks}


def estimate(request, folder):
    """The order, and what it would come to."""
    start, duration = reach(request["selection"])
    order = {"version": 1, "selection": request["selection"], "engine": "offline", "terms": {}}
    order["output"] = request["output"]
    order["overwrite"] = request.get("overwrite", False)
    order["accept_doubtful"] = request.get("accept_doubtful", False)
    paid = os.environ.get("RECORDED_USD")
    order["engine"] = "cloud" if paid else "offline"
    return {
        "version": 1,
        "order": order,
        "why": "It is recorded.",
        "route": "text",
        "usd": float(paid or 0),
        "windows": 1,
        "start": float(start),
        "duration": float(duration),
        "handle_in": 0.0,
        "handle_out": 0.0,
        "rate": RATE,
        "channels": channels(),
        "writes": [],
        "notes": [],
    }


def separate(request, folder):
    """A separation with the stems that `placement` will cut from."""
    order = request["order"]
    selection = order["selection"]
    text = json.dumps(order, sort_keys=True)
    job = hashlib.sha256(text.encode()).hexdigest()[:32]
    start, duration = reach(selection)
    first = sample(start)
    frames = sample(start + duration) - first
    stems = []
    clip = os.path.splitext(os.path.basename(selection["media"]))[0]
    for role in ("target", "residual"):
        stems.append(
            {
                "role": role,
                "track": "Soundmatte " + role.title(),
                "path": os.path.join(order["output"], f"{clip}_{role}.wav"),
                "start": str(start),
                "offset_samples": first,
                "frames": frames,
                "rate": RATE,
                "channels": channels(),
                "time_reference": 0,
                "handle_in": 0,
                "handle_out": 0,
            }
        )
    made = {
        "version": 1,
        "job": job,
        "clip": selection["media"],
        "target": stems[0]["path"],
        "residual": stems[1]["path"],
        "file": None,
        "engine": order["engine"],
        "route": "text",
        "style": "original",
        "usd": 0.0,
        "null_db": -300.0,
        "offset_samples": 0.0,
        "start": float(start),
        "duration": float(duration),
        "rate": RATE,
        "channels": channels(),
        "frames": frames,
        "encoding": "s24",
        "mix_sha256": "0" * 64,
        "picture": None,
        "evidence": {"target_dbfs": -30.0, "target_share_db": -10.0},
        "notes": [],
        "placement": {"version": 1, "stems": stems},
    }
    with open(os.path.join(folder, job + ".json"), "w", encoding="utf-8") as file:
        json.dump({"made": made, "order": order}, file)
    return made


def jobs(request, folder):
    """Everything that was separated."""
    rows = []
    for name in sorted(os.listdir(folder)):
        if not name.endswith(".json") or (request.get("job") or name[:-5]) != name[:-5]:
            continue
        with open(os.path.join(folder, name), encoding="utf-8") as file:
            kept = json.load(file)
        row = {"id": name[:-5], "state": "done", "made": 0.0, "changed": 0.0, "running": False}
        row = {**row, "stopped": False, "order": kept["order"], "usd": 0.0, "failure": ""}
        rows.append({**row, "hint": "", "separation": kept["made"]})
    return {"version": 1, "jobs": rows}


def placement(request, folder):
    """The stems of a job; laid, they are written."""
    with open(os.path.join(folder, request["job"] + ".json"), encoding="utf-8") as file:
        made = json.load(file)["made"]
    how = request.get("lay")
    if how is None:
        return made["placement"]
    start, rate = Fraction(how["start"]), Fraction(how["rate"])
    frames, tail = how["frames"], how.get("tail", 0)
    begin, end = sample(start), sample(start + (frames + tail) / rate)
    words = hashlib.sha256(json.dumps(how, sort_keys=True).encode()).hexdigest()[:4]
    output = request.get("output") or os.path.dirname(made["target"])
    os.makedirs(output, exist_ok=True)
    stems = []
    for stem in made["placement"]["stems"]:
        clip = os.path.splitext(os.path.basename(made["clip"]))[0]
        name = "{}_{}-{}_{}.wav".format(clip, made["job"][:8], words, stem["role"])
        path = os.path.join(output, name)
        if not os.path.exists(path):
            write(path, begin, end, stem["channels"])
        tailing = end - sample(start + frames / rate)
        here = {"path": path, "start": str(start), "offset_samples": begin}
        stems.append({**stem, **here, "frames": end - begin, "handle_out": tailing})
    return {"version": 1, "stems": stems}


def write(path, begin, end, count):
    """A file whose samples say where in the clip they are, modulo 2^15."""
    sound = array("h", [n % 32768 for n in range(begin, end) for _ in range(count)])
    with wave.open(path + ".new", "wb") as file:
        file.setnchannels(count)
        file.setsampwidth(2)
        file.setframerate(RATE)
        file.writeframes(sound.tobytes())
    os.replace(path + ".new", path)


def channels():
    """Of the clip's sound."""
    return int(os.environ.get("RECORDED_CHANNELS", "2"))


def reach(selection):
    """Start and duration of the stems, in seconds."""
    handles = Fraction(selection.get("handles") or 0)
    start = max(Fraction(0), Fraction(selection.get("start") or 0) - handles)
    end = Fraction(selection.get("end") or 2) + handles
    return start, end - start


def sample(seconds):
    """The nearest sample."""
    return int(seconds * RATE + Fraction(1, 2))


if __name__ == "__main__":
    main(sys.argv[1])
