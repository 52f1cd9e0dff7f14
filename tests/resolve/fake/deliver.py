"""The Deliver page: formats, settings that nobody can read, jobs and their states.

It must not know how a file is made; `rendering` does.
"""

from __future__ import annotations

import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tests.resolve.fake import rendering
from tests.resolve.fake.versions import RENDER_KEYS
from tests.resolve.fake.world import Part, World

if TYPE_CHECKING:
    from tests.resolve.fake.timeline import Timeline

FORMATS = {"AVI": "avi", "MP4": "mp4", "MXF OP1A": "mxf_op1a", "QuickTime": "mov", "Wave": "wav"}
_DNX = {"DNxHR LB": "DNxHRLB", "DNxHR SQ": "DNxHRSQ", "DNxHR HQ": "DNxHRHQ"}
_DNX |= {"DNxHR HQX 10-bit": "DNxHRHQX", "DNxHR 444 12-bit": "DNxHR444_12"}
_PRORES = {
    "Apple ProRes 422 Proxy": "ProRes422P",
    "Apple ProRes 422 LT": "ProRes422LT",
    "Apple ProRes 422": "ProRes422",
    "Apple ProRes 422 HQ": "ProRes422HQ",
    "Apple ProRes 4444": "ProRes4444",
}
#: What a new project's Deliver page holds, and what a preset brings back to it.
USUAL: dict[str, Any] = {"ExportVideo": True, "ExportAudio": True, "SelectAllFrames": True}
PRESETS: dict[str, tuple[str, str, dict[str, Any]]] = {
    "H.264 Master": ("mp4", "H264", {}),
    "ProRes 422 HQ": ("mov", "ProRes422HQ", {}),
    "DNxHR HQ": ("mov", "DNxHRHQ", {}),
}


class Deliver(Part):
    """The project's part that renders.

    Attributes:
        settings: as `SetRenderSettings` and presets have left them.
        jobs: by id, what was asked; `states`: how far they are.
        loaded: name of the preset that was loaded last.
        rendered: what every file was made of.
    """

    sample_rate: int
    current: Timeline | None
    width: int
    height: int

    def __init__(self, world: World) -> None:
        super().__init__(world)
        self.format, self.codec, self.mode = "mov", "DNxHRHQ", 1
        self.settings: dict[str, Any] = dict(USUAL)
        self.presets: dict[str, tuple[str, str, dict[str, Any]]] = dict(PRESETS)
        self.jobs: dict[str, dict[str, Any]] = {}
        self.states: dict[str, dict[str, Any]] = {}
        self.loaded = ""
        self.foreign: set[str] = set()
        self.rendered: list[dict[str, Any]] = []
        self._numbers = 0
        self._work: list[threading.Thread] = []

    @property
    def rendering(self) -> bool:
        """Whether any render is under way."""
        states = (state["JobStatus"] for state in self.states.values())
        knob = self.world.knobs.foreign_render
        others = knob == "yes" or (knob == "meanwhile" and len(self.jobs) > len(self.foreign))
        return others or any(state == "Rendering" for state in states)

    def codecs(self, extension: str) -> dict[str, str]:
        """By description, the id of each codec that this machine and edition can write."""
        world = self.world
        dnx = {f"Avid {k}" if world.version >= (21, 0, 0) else k: v for k, v in _DNX.items()}
        lossy = {"H.264": "H264"} if world.studio or world.platform != "linux" else {}
        prores = _PRORES if world.platform == "darwin" else {}
        table = {"mov": {**dnx, **prores, **lossy}, "mp4": lossy, "mxf_op1a": dnx, "avi": {}}
        return table.get(extension, {})

    def GetRenderFormats(self) -> dict[str, str]:
        return dict(FORMATS)

    def GetRenderCodecs(self, renderFormat: str) -> dict[str, str]:
        return self.codecs(renderFormat)

    def GetAudioRenderFormats(self) -> dict[str, str]:
        return {"Wave": "wav"}

    def GetAudioRenderCodecs(self, format: str) -> dict[str, str]:
        return {"Linear PCM": "lpcm"} if format == "wav" else {}

    def GetCurrentRenderFormatAndCodec(self) -> dict[str, str]:
        return {"format": self.format, "codec": self.codec}

    def SetCurrentRenderFormatAndCodec(self, format: str, codec: str) -> bool:
        if codec not in self.codecs(format).values():
            return False
        self.format, self.codec = format, codec
        return True

    def GetCurrentRenderMode(self) -> int:
        return self.mode

    def SetCurrentRenderMode(self, renderMode: int) -> bool:
        self.mode = renderMode
        return renderMode in (0, 1)

    def GetRenderPresetList(self) -> list[str]:
        alone = self.world.knobs.sound_preset
        return [*self.presets, *([alone] if alone else [])]

    def LoadRenderPreset(self, presetName: str) -> bool:
        if presetName not in self.GetRenderPresetList():
            return False
        if self._shut():
            return True
        if presetName in self.presets:
            self.format, self.codec, more = self.presets[presetName]
            self.settings = {**USUAL, **more}
        else:
            self.format, self.codec = "wav", ""
            self.settings = {**USUAL, "ExportVideo": False}
        self.mode, self.loaded = 1, presetName
        return True

    def SaveAsNewRenderPreset(self, presetName: str) -> bool:
        if presetName in self.GetRenderPresetList() or not self.world.knobs.presets_kept:
            return False
        self.presets[presetName] = (self.format, self.codec, dict(self.settings))
        return True

    def DeleteRenderPreset(self, presetName: str) -> bool:
        return self.presets.pop(presetName, None) is not None

    def _shut(self) -> bool:
        return self.world.knobs.settings_need_page and self.world.page != "deliver"

    def SetRenderSettings(self, settings: dict[str, Any]) -> bool:
        for key in settings:
            if RENDER_KEYS.get(key, (99, 0, 0)) > self.world.version:
                self.world.violated(f"{key} is no render setting of {self.world.profile}")
                return False
        if self._shut():
            return True
        if settings.get("AudioCodec") == "aac" and self.world.platform == "linux":
            return False
        self.settings.update(settings)
        if self.world.knobs.marks_lost == "settings":
            self.take_marks()
        return True

    def take_marks(self) -> None:
        """Deliver's range becomes the timeline's marks."""
        timeline = self.current
        if timeline is None:
            return
        first = self.settings.get("MarkIn", timeline.start) - timeline.start
        last = self.settings.get("MarkOut", timeline.GetEndFrame() - 1) - timeline.start
        timeline.marks = {kind: {"in": first, "out": last} for kind in ("video", "audio")}

    def AddRenderJob(self) -> str:
        folder = self.settings.get("TargetDir")
        if self.current is None or not folder or not Path(folder).is_dir():
            return ""
        self._numbers += 1
        name = f"job-{self._numbers}"
        ends = self.current.start, self.current.GetEndFrame() - 1
        marked = not self.settings.get("SelectAllFrames", True)
        self.jobs[name] = {
            "JobId": name,
            "TargetDir": self.settings["TargetDir"],
            "OutputFilename": f"{self.settings.get('CustomName', 'Untitled')}.{self.format}",
            "MarkIn": self.settings.get("MarkIn", ends[0]) if marked else ends[0],
            "MarkOut": self.settings.get("MarkOut", ends[1]) if marked else ends[1],
            # What is said here is not what becomes of it.
            "IsExportVideo": True,
            "IsExportAudio": self.settings["ExportAudio"],
            "VideoFormat": self.format,
            "VideoCodec": self.codec,
            "RenderMode": "Single clip" if self.mode else "Individual clips",
            "TimelineName": self.current.name,
            "PresetName": self.loaded,
        }
        self.jobs[name]["_settings"] = dict(self.settings)
        self.states[name] = {"JobStatus": "Ready", "CompletionPercentage": 0}
        return name

    def GetRenderJobList(self) -> list[dict[str, Any]]:
        return [{k: v for k, v in job.items() if k[0] != "_"} for job in self.jobs.values()]

    def DeleteRenderJob(self, jobId: str) -> bool:
        if jobId in self.foreign:
            self.world.violated("a render job that is none of ours was deleted")
        self.states.pop(jobId, None)
        return self.jobs.pop(jobId, None) is not None

    def DeleteAllRenderJobs(self) -> bool:
        self.world.violated("all render jobs were deleted, the person's too")
        return False

    def StartRendering(self, jobIds: Any = None, isInteractiveMode: bool = False) -> bool:
        names = [jobIds] if isinstance(jobIds, str) else jobIds
        if not isinstance(names, list) or not all(name in self.jobs for name in names):
            self.world.violated("a render was started without naming its own jobs")
            return False
        if self.rendering or self.current is None:
            return False
        for name in names:
            stuck = self.world.knobs.render == "sticks"
            state = "Ready for background render" if stuck else "Rendering"
            self.states[name] = {"JobStatus": state, "CompletionPercentage": 0}
            if not stuck:
                # The tracks count as they are now.
                what = rendering.Render.seen(self.current, self.jobs[name], self.mode)
                thread = threading.Thread(target=self._render, args=(name, what), daemon=True)
                self._work.append(thread)
                thread.start()
                if not self.world.knobs.render_seconds:
                    # Short ones are over before anybody looks; that saves the tests' time.
                    thread.join(0.4)
        return True

    def _render(self, name: str, what: rendering.Render) -> None:
        knobs = self.world.knobs
        began = time.monotonic()
        if knobs.render == "hangs":
            return
        failed = "the codec is not there" if knobs.render == "fails" else ""
        if not failed and knobs.render != "no file":
            what.picture &= not knobs.picture_lost
            self.rendered.append(what.told())
            failed = what.written(self.width, self.height, self.sample_rate)
        time.sleep(max(0.0, knobs.render_seconds - (time.monotonic() - began)))
        state = {"JobStatus": "Complete", "CompletionPercentage": 100, "TimeTakenToRenderInMs": 1}
        if failed:
            state = {"JobStatus": "Failed", "CompletionPercentage": 0, "Error": failed}
        if self.states.get(name, {}).get("JobStatus") == "Rendering":
            self.states[name] = state

    def settle(self) -> None:
        """Wait until nothing is rendered any more."""
        for thread in self._work:
            thread.join(20)

    def GetRenderJobStatus(self, jobId: str) -> dict[str, Any]:
        return dict(self.states.get(jobId, {}))

    def IsRenderingInProgress(self) -> bool:
        return self.rendering

    def StopRendering(self) -> None:
        if self.world.knobs.foreign_render != "no":
            self.world.violated("somebody else's render was stopped")
        for state in self.states.values():
            if state["JobStatus"] in ("Rendering", "Ready for background render"):
                state["JobStatus"] = "Cancelled"
