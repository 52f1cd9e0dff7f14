"""What a prompt asks of the offline engine: speech, background, music, or something it cannot do.

The vocabulary is closed: a prompt is taken only when every word of it is known, since a wrong
stem is worse than a clear no. Which nets do the work, this module must not know.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from typing import Literal

from soundmatte.engines.engine import Answer, Question
from soundmatte.errors import EngineRefused

Route = Literal["speech", "background", "music"]


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


#: Words that change nothing about what is asked.
_FILLERS = _words(
    "a an the this that these those of in on at by to with and or is are was were as it its "
    "his her their my our your just please only all any isolate isolated isolating extract "
    "extracted separate separated keep get find track tracks stem stems sound sounds audio "
    "clean clear recorded recording scene video clip screen shot picture camera mic microphone "
    "some one two three both who which near close loud quiet soft"
)
#: Words that choose between voices, which the engine cannot.
_CHOICES = _words(
    "left right middle centre center front foreground main primary first second other nearest "
    "closest loudest lead"
)
_PEOPLE = _words(
    "man men woman women boy boys girl girls child children kid kids person persons people guy "
    "guys lady ladies gentleman human humans male males female females adult adults teenager "
    "he she they him them me i we us you someone somebody everyone everybody host hosts guest "
    "guests speaker speakers talker talkers interviewer interviewee presenter presenters narrator "
    "announcer reporter commentator commentators actor actors actress teacher lecturer journalist "
    "newsreader newscaster anchor moderator old older young younger elderly middle-aged "
    "mother father grandmother grandfather character characters"
)
_SPEECH = _words(
    "speech speeches speaking speak speaks spoken talking talk talks talked voice voices voiceover "
    "voice-over voiceovers narration narrating dialog dialogs dialogue dialogues conversation "
    "conversations monologue monologues monolog discussion chatting chat saying says said "
    "interview interviews lecture announcement commentary reading aloud words explaining "
    "presenting"
)
_BACKGROUND = _words(
    "background backgrounds ambience ambiences ambient ambiance atmosphere atmos noise noises "
    "non-speech nonspeech environment environmental residual roomtone"
)
_REST = _words("everything else rest")  # "everything but the voice"
_MUSIC = _words(
    "music musical song songs instrumental accompaniment soundtrack backing score melody tune"
)
_EFFECTS = _words("effects fx sfx foley")  # "music and effects"
_SINGING = _words(
    "singing sing sings singer singers sung vocal vocals acapella acappella a-cappella cappella "
    "capella choir chorus lyrics rapping rapper karaoke"
)
_PERCUSSION = _words("drum drums drumming drummer percussion drumkit beat beats")
_STRIKING = _words("kit playing hitting")
_NEGATIONS = _words(
    "no not non without except excluding exclude but minus remove removing delete deleting mute "
    "muting dont isnt cannot"
)
_PHRASES = {"other than": "except", "apart from": "except", "room tone": "roomtone"}
#: Between the sound and what it lies in: "the voice over the music".
_APART = _words("from over above")

_LONGEST_PROMPT = 500  # characters; what is longer is no prompt
_LONGEST_QUOTE = 60
_WORD = re.compile(r"[^\W_]+(?:-[^\W_]+)*")
_PUNCTUATION = frozenset(" .,;:!?'\"()[]/&+-_–—…")

_WAYS = (
    "The offline engine takes --prompt speech, --prompt background and --prompt music; "
    "--engine cloud takes any sound."
)


@dataclass(frozen=True)
class _Asked:
    """A prompt's known words: those wanted, and those after a negation or an "over"."""

    wanted: frozenset[str]
    unwanted: frozenset[str]
    negated: bool


def consider(question: Question) -> Answer:
    """Find what the offline engine does for a question.

    Raises:
        EngineRefused: nothing; the hint says what can be asked instead.
    """
    prompt = question.prompt
    if question.soundings:
        raise EngineRefused(
            "The offline engine cannot go by times.",
            hint="Leave out --span, or use --engine cloud.",
        )
    if not prompt.strip():
        if question.has_matte:
            raise EngineRefused(
                "Offline, a matte alone does not say which sound is wanted: the offline engine "
                "cannot hear what belongs to a picture.",
                hint="If it is somebody speaking, add --prompt speech; or use --engine cloud.",
            )
        return Answer("speech", ("No prompt was given: speech is separated from all the rest.",))
    words = _read(prompt)
    route = _route(prompt, words)
    if route != "speech" and question.has_matte:
        raise EngineRefused(
            f"The offline engine cannot use a matte to look for {quoted(prompt)}.",
            hint="Use --prompt speech with the matte, leave it out, or use --engine cloud.",
        )
    return Answer(route, _notes(route, words, question.has_matte))


def quoted(prompt: str) -> str:
    """The prompt for a message: in quotation marks, on one line, shortened, nothing unprintable."""
    shown = "".join(sign if sign.isprintable() else " " for sign in prompt[: 4 * _LONGEST_QUOTE])
    shown = " ".join(shown.split())
    if len(shown) > _LONGEST_QUOTE or len(prompt) > 4 * _LONGEST_QUOTE:
        shown = shown[: _LONGEST_QUOTE - 1].rstrip() + "…"
    return f'"{shown}"'


def _read(prompt: str) -> list[str]:
    """The prompt's words in lower case; refuses what is no English phrase."""
    if len(prompt) > _LONGEST_PROMPT:
        raise EngineRefused(
            f"The prompt {quoted(prompt)} is too long for the offline engine "
            f"({len(prompt)} characters; it reads {_LONGEST_PROMPT}).",
            hint=_WAYS,
        )
    text = unicodedata.normalize("NFKC", prompt).casefold().replace("’", "'")
    text = " ".join(text.split())
    if any(not (sign.isascii() and sign.isalnum()) and sign not in _PUNCTUATION for sign in text):
        raise _refusal(prompt, "it understands only a few English words")
    text = re.sub(r"'s\b", "", text).replace("n't", "nt").replace("'", "")
    for phrase, word in _PHRASES.items():
        text = text.replace(phrase, word)
    return _WORD.findall(text.replace("_", " "))


def _route(prompt: str, words: list[str]) -> Route:
    asked = _split(prompt, words)
    wanted, unwanted = asked.wanted, asked.unwanted
    about = _PEOPLE | _SPEECH
    if not wanted | unwanted:
        raise _refusal(prompt, "it names no sound")
    if wanted and wanted <= about and unwanted <= _BACKGROUND | _REST | _MUSIC | _EFFECTS:
        return "speech"
    if wanted <= _BACKGROUND | _REST and unwanted <= about and (wanted & _BACKGROUND or unwanted):
        return "background"
    if wanted & _MUSIC and wanted <= _MUSIC | _EFFECTS | _BACKGROUND and unwanted <= about:
        return "music"
    raise _explained(prompt, asked)


def _split(prompt: str, words: list[str]) -> _Asked:
    """Sort the words into wanted and unwanted ones; refuses more than one turn between them."""
    sides: list[set[str]] = [set()]
    negated, before = False, ""
    for word in words:
        if word in _NEGATIONS:
            if negated and before != "but":  # "but not" is one turn, "don't remove" is two
                raise _refusal(prompt, "it takes something away twice")
            if not negated:
                sides.append(set())
            negated = True
        elif word in _APART and not negated and sides[0] and len(sides) == 1:
            sides.append(set())
        elif word not in _FILLERS | _CHOICES | _APART:
            sides[-1].add(word)
        before = word
    if negated and len(sides) > 2:
        raise _refusal(prompt, "it takes something away twice")
    if negated and not sides[-1]:
        raise _refusal(prompt, "it does not say what is to go")
    unwanted = frozenset(sides[1]) if len(sides) > 1 else frozenset()
    return _Asked(frozenset(sides[0]), unwanted, negated)


def _explained(prompt: str, asked: _Asked) -> EngineRefused:
    """A refusal with the reason that fits best."""
    words = asked.wanted | asked.unwanted
    voices = _PEOPLE | _SPEECH
    rest = _BACKGROUND | _REST | _MUSIC
    if words & _SINGING and words <= _SINGING | _MUSIC | voices | _BACKGROUND:
        return _refusal(prompt, "it hears speech, not singing")
    if words & _PERCUSSION and words <= _PERCUSSION | _STRIKING | _MUSIC | voices | _BACKGROUND:
        return _refusal(prompt, "it cannot take drums out of the rest")
    if asked.wanted & voices and asked.unwanted & voices and words <= voices | rest:
        return _refusal(prompt, "it cannot keep one voice and take another away")
    if words & voices and words & rest and words <= voices | rest:
        return _refusal(prompt, "it cannot tell voices in the background from others")
    if asked.negated:
        return _refusal(prompt, "speech is the only thing that it can take away")
    return _refusal(prompt, "it separates speech from everything else, and knows no other sound")


def _refusal(prompt: str, reason: str) -> EngineRefused:
    return EngineRefused(
        f"The offline engine cannot look for {quoted(prompt)}: {reason}.", hint=_WAYS
    )


def _notes(route: Route, words: list[str], has_matte: bool) -> tuple[str, ...]:
    if route == "music":
        return ("Offline, music is everything that isn't speech.",)
    if route == "background":
        return ("Offline, the background is everything that isn't speech, music included.",)
    if has_matte:
        return ("Offline every voice is kept; the picture is not used to choose between them.",)
    if set(words) & (_PEOPLE | _CHOICES):
        return ("Offline every voice is kept; the prompt's words choose none of them.",)
    return ()
