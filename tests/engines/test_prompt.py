"""The router: what it takes, and above all what it does not take for speech."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from soundmatte.engines.engine import Question
from soundmatte.engines.offline.prompt import consider, quoted
from soundmatte.errors import EngineRefused

NAMES = Path(__file__).with_name("audioset_class_names.txt")

SPEECH = """
man speaking; a man speaking; woman talking; speech; the person speaking on the left; narrator
voice; male voice; female speech; dialogue; a child talking; the interviewer; human speech
person talking in the foreground; people talking; conversation; man; woman; commentator's voice
reporter speaking; the old man's voice; voices; boy speaking; a woman's voice; SPEECH!
isolate the voice; voice-over; voice over music; the voice from the background noise
speech without background noise; keep the dialogue, remove the music; woman’s voice
the two speakers; clean dialogue; ｖｏｉｃｅ; man\tspeaking
"""
BACKGROUND = """
background noise; ambient sound; everything except speech; everything but the voice; room tone
remove the speech; no speech; noise; ambience; background; non-speech; everything other than speech
without the dialogue; everything but not the voice
"""
MUSIC = """
music; background music; the song; instrumental; soundtrack; music and effects
music without speech; the music, not the voice
"""
REFUSED = """
dog barking; a man coughing; woman laughing; man playing guitar; hammer; car engine; baby crying
crowd cheering; applause; footsteps; speech synthesizer beep; talking parrot; bird singing
telephone voice prompt beeps; man hammering a nail; acoustic guitar; person clapping; siren; rain
man snoring; singing bowl; voice of the wind; keyboard typing; piano; violin; glass breaking
crowd; child laughing; woman screaming; door slam; music box; drum machine and bass; no drums
remove the guitar; woman singing; vocals; singing voice; singer; choir; man rapping; drums
drum kit; percussion; drumming; karaoke; the left one; everything; everything else; hiss
remove background noise; remove everything but the voice; don't remove the voice; man not speaking
the man but not the woman; background voices; voice and music; no; without; everything but; 2
голос; Mann spricht; hombre hablando; 男の声; voice 🐶; 🎤; voice\x00; m\u200ban; !!!; speechless
"""


def route(prompt: str, has_matte: bool = False) -> str:
    try:
        return consider(Question(prompt, has_matte)).route
    except EngineRefused:
        return "refused"


@pytest.mark.parametrize(
    ("prompts", "expected"),
    [(SPEECH, "speech"), (BACKGROUND, "background"), (MUSIC, "music"), (REFUSED, "refused")],
    ids=["speech", "background", "music", "refused"],
)
def test_hand_written_prompts(prompts: str, expected: str) -> None:
    asked = [
        prompt.strip() for line in prompts.strip("\n").split("\n") for prompt in line.split(";")
    ]
    assert {prompt: route(prompt) for prompt in asked} == dict.fromkeys(asked, expected)


def test_of_all_audioset_classes_only_the_six_of_speech_are_taken_for_speech() -> None:
    names = NAMES.read_text(encoding="utf-8").splitlines()[2:]
    assert len(names) == 527
    routes = [route(name) for name in names]
    assert routes[:6] == ["speech"] * 6
    assert "speech" not in routes[6:]
    taken = {name: route for name, route in zip(names, routes, strict=True) if route != "refused"}
    assert {name for name, route in taken.items() if route == "background"} == {
        "Noise",
        "Environmental noise",
    }
    assert {name for name, route in taken.items() if route == "music"} == {
        "Music",
        "Ambient music",
        "Song",
        "Background music",
        "Soundtrack music",
    }


def test_no_prompt_is_speech_and_says_so() -> None:
    answer = consider(Question("  \n", False))
    assert answer.route == "speech"
    assert "No prompt" in answer.notes[0]


@pytest.mark.parametrize("prompt", ["", "music", "background", "dog barking"])
def test_a_matte_needs_a_prompt_for_speech(prompt: str) -> None:
    with pytest.raises(EngineRefused) as refusal:
        consider(Question(prompt, True))
    assert "--prompt speech" in refusal.value.hint


def test_a_matte_with_speech_keeps_every_voice_and_says_so() -> None:
    answer = consider(Question("man speaking", True))
    assert answer.route == "speech"
    assert "every voice" in answer.notes[0]
    assert "picture" in answer.notes[0]


def test_words_that_choose_a_voice_get_a_note() -> None:
    assert "every voice" in consider(Question("the woman on the left", False)).notes[0]
    assert consider(Question("speech", False)).notes == ()


@pytest.mark.parametrize("prompt", ["music", "background", "room tone"])
def test_music_and_background_say_what_they_are(prompt: str) -> None:
    assert "everything that isn't speech" in consider(Question(prompt, False)).notes[0]


@pytest.mark.parametrize(
    ("prompt", "reason"),
    [
        ("woman singing", "not singing"),
        ("drums", "drums"),
        ("background voices", "voices in the background"),
        ("the man but not the woman", "keep one voice"),
        ("no guitar", "the only thing that it can take away"),
        ("the left one", "names no sound"),
        ("dog barking", "knows no other sound"),
        ("dog" * 3000, "too long"),
    ],
)
def test_a_refusal_says_why_in_one_sentence(prompt: str, reason: str) -> None:
    with pytest.raises(EngineRefused, match=reason) as refusal:
        consider(Question(prompt, False))
    assert len(str(refusal.value)) < 220
    assert "--prompt speech" in refusal.value.hint


def test_quoting_shortens_and_leaves_nothing_unprintable() -> None:
    assert quoted("dog\x1b[31m\u202ebarking\n\n now") == '"dog [31m barking now"'
    assert len(quoted("x" * 10_000)) == 62
    assert quoted("x" * 10_000).endswith('…"')


@given(st.text(max_size=60), st.booleans())
def test_any_text_is_taken_or_politely_refused(prompt: str, has_matte: bool) -> None:
    question = Question(prompt, has_matte)
    if route(prompt, has_matte) == "refused":
        with pytest.raises(EngineRefused) as refusal:
            consider(question)
        assert str(refusal.value).isprintable()
        assert "--prompt speech" in refusal.value.hint
    else:
        assert consider(question).route in ("speech", "background", "music")
        assert consider(question).route == "speech" or not has_matte


@given(
    st.lists(st.sampled_from(SPEECH.split()), max_size=4),
    st.from_regex(r"[b-z]{5,9}q", fullmatch=True),
)
def test_one_unknown_word_is_enough_for_a_refusal(words: list[str], unknown: str) -> None:
    assert route(" ".join([*words, unknown])) == "refused"
    assert route(" ".join([unknown, *words])) == "refused"
