"""Text to speech with espeak-ng, including the times of the phonemes.

espeak-ng uses random numbers that seeding does not reset. `speak` therefore runs it in a new
process: the same text then always gives the same samples.
"""

from __future__ import annotations

import ctypes
import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any, NamedTuple

from talkernel.files.wave import write_wave

# From espeak-ng's speak_lib.h.
SYNCHRONOUS = 2  # return the samples, when all are there
DONT_EXIT = 0x8000  # return an error instead of ending the process
UTF8 = 1
PHONEME_EVENTS, IPA = 1, 2  # report the start of each phoneme, in the phonetic alphabet
LAST_EVENT, PHONEME = 0, 7
LONGEST_PATH = 140  # bytes; espeak-ng truncates longer data paths and fails


class Event(ctypes.Structure):
    """`espeak_EVENT`; only the phoneme's text is used of the union at its end."""

    _fields_ = (
        ("type", ctypes.c_int),
        ("identifier", ctypes.c_uint),
        ("text_position", ctypes.c_int),
        ("length", ctypes.c_int),
        ("milliseconds", ctypes.c_int),
        ("sample", ctypes.c_int),
        ("user_data", ctypes.c_void_p),
        ("phoneme", ctypes.c_char * 8),
    )


WAVE_CALLBACK = ctypes.CFUNCTYPE(
    ctypes.c_int, ctypes.POINTER(ctypes.c_short), ctypes.c_int, ctypes.POINTER(Event)
)


class Phoneme(NamedTuple):
    """A phoneme of a sentence.

    Attributes:
        start, end: Seconds.
        ipa: Its symbol in the phonetic alphabet with stress marks; empty for a pause.
    """

    start: float
    end: float
    ipa: str


def speak(text: str, outfile: Path) -> list[Phoneme]:
    """Speak a sentence into a mono 16-bit wave file.

    Args:
        text: English text.
        outfile: The file to write.

    Returns:
        Its phonemes, in order.
    """
    import espeakng_loader  # noqa: F401  # fails here, not in the subprocess, if it is not installed

    command = [
        sys.executable,
        "-m",
        "talkernel.speech.voices.espeak",
        text,
        str(outfile.absolute()),
    ]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE)
    return [Phoneme(*values) for values in json.loads(done.stdout)]


def _speak_in_this_process(text: str, outfile: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        rate, samples, starts = _synthesise(text, Path(folder))
    write_wave(outfile, rate, samples)
    print(json.dumps(_phonemes(starts, len(samples) / 2 / rate)))


def _phonemes(starts: list[tuple[float, str]], length: float) -> list[Phoneme]:
    """Phonemes from their starts: each lasts until the next one."""
    ends = [start for start, _ in starts[1:]] + [length]
    return [Phoneme(start, end, ipa) for (start, ipa), end in zip(starts, ends, strict=True)]


def _synthesise(text: str, folder: Path) -> tuple[int, bytes, list[tuple[float, str]]]:
    """Sample rate, 16-bit samples, and the start of each phoneme in seconds."""
    import espeakng_loader

    library = ctypes.CDLL(espeakng_loader.get_library_path())
    data = _short_path(espeakng_loader.get_data_path(), folder)
    rate = library.espeak_Initialize(
        SYNCHRONOUS, 0, data.encode(), DONT_EXIT | PHONEME_EVENTS | IPA
    )
    pieces: list[bytes] = []
    starts: list[tuple[float, str]] = []
    callback = WAVE_CALLBACK(
        lambda wave, count, events: _keep(pieces, wave, count) or _note(starts, events, rate)
    )
    library.espeak_SetSynthCallback(callback)
    library.espeak_SetVoiceByName(b"en")
    spoken = text.encode()
    size = ctypes.c_size_t(len(spoken) + 1)
    failed = library.espeak_Synth(spoken, size, 0, 0, 0, UTF8, None, None)
    if rate <= 0 or failed or not pieces:
        raise RuntimeError(f"espeak-ng cannot speak (sample rate {rate}, error {failed}).")
    return rate, b"".join(pieces), starts


def _keep(pieces: list[bytes], wave: ctypes._Pointer[ctypes.c_short], count: int) -> int:
    if wave and count > 0:  # a call without samples marks the end
        pieces.append(ctypes.string_at(wave, 2 * count))
    return 0  # continue


def _note(starts: list[tuple[float, str]], events: Any, rate: int) -> int:
    for number in range(1_000_000 if events else 0):  # a special event ends the array
        event = events[number]
        if event.type == LAST_EVENT:
            break
        if event.type == PHONEME:
            starts.append((event.sample / rate, event.phoneme.decode("utf-8", "ignore")))
    return 0  # continue


def _short_path(path: str, folder: Path) -> str:
    """The path itself, or a link to it in `folder` if it is too long."""
    if len(path.encode()) <= LONGEST_PATH:
        return path
    link = folder / Path(path).name
    link.symlink_to(path, target_is_directory=True)
    return str(link)


if __name__ == "__main__":
    _speak_in_this_process(sys.argv[1], sys.argv[2])
