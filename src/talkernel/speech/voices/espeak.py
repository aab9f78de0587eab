"""A sentence spoken by espeak-ng, and which of its sounds is when.

espeak-ng draws random numbers that seeding does not reset, so `speak` lets a
process of its own do the work: the same text then gives the same samples.
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
SYNCHRONOUS = 2  # hand the samples over, return when all are there
DONT_EXIT = 0x8000  # return an error instead of ending the process
UTF8 = 1
PHONEME_EVENTS, IPA = 1, 2  # tell each sound's beginning, in the phonetic alphabet
LAST_EVENT, PHONEME = 0, 7
LONGEST_PATH = 140  # espeak-ng cuts longer data paths off and then finds nothing


class Event(ctypes.Structure):
    """`espeak_EVENT`; of its union at the end only the phoneme's text is used."""

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
    """One sound of a sentence.

    Attributes:
        start, end: Seconds.
        ipa: In the phonetic alphabet, stress marks included; empty for a pause.
    """

    start: float
    end: float
    ipa: str


def speak(text: str, outfile: Path) -> list[Phoneme]:
    """Write a sentence as a mono 16-bit wave file.

    Args:
        text: English.
        outfile: The file to write.

    Returns:
        Its sounds, in order.
    """
    import espeakng_loader  # noqa: F401  # here, so that its absence is noticed here

    command = [
        sys.executable,
        "-m",
        "talkernel.speech.voices.espeak",
        text,
        str(outfile.absolute()),
    ]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE)
    return [Phoneme(*values) for values in json.loads(done.stdout)]


def _speak_here(text: str, outfile: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        rate, samples, begun = _synthesise(text, Path(folder))
    write_wave(outfile, rate, samples)
    print(json.dumps(_phonemes(begun, len(samples) / 2 / rate)))


def _phonemes(begun: list[tuple[float, str]], length: float) -> list[Phoneme]:
    """Each sound lasts until the next begins."""
    ends = [start for start, _ in begun[1:]] + [length]
    return [Phoneme(start, end, ipa) for (start, ipa), end in zip(begun, ends, strict=True)]


def _synthesise(text: str, folder: Path) -> tuple[int, bytes, list[tuple[float, str]]]:
    """Sample rate, 16-bit samples, and when which sound begins."""
    import espeakng_loader

    library = ctypes.CDLL(espeakng_loader.get_library_path())
    data = _short_path(espeakng_loader.get_data_path(), folder)
    rate = library.espeak_Initialize(
        SYNCHRONOUS, 0, data.encode(), DONT_EXIT | PHONEME_EVENTS | IPA
    )
    pieces: list[bytes] = []
    begun: list[tuple[float, str]] = []
    callback = WAVE_CALLBACK(
        lambda wave, count, events: _keep(pieces, wave, count) or _note(begun, events, rate)
    )
    library.espeak_SetSynthCallback(callback)
    library.espeak_SetVoiceByName(b"en")
    spoken = text.encode()
    size = ctypes.c_size_t(len(spoken) + 1)
    failed = library.espeak_Synth(spoken, size, 0, 0, 0, UTF8, None, None)
    if rate <= 0 or failed or not pieces:
        raise RuntimeError(f"espeak-ng cannot speak (sample rate {rate}, error {failed}).")
    return rate, b"".join(pieces), begun


def _keep(pieces: list[bytes], wave: ctypes._Pointer[ctypes.c_short], count: int) -> int:
    if wave and count > 0:  # a call without samples marks the end
        pieces.append(ctypes.string_at(wave, 2 * count))
    return 0  # go on


def _note(begun: list[tuple[float, str]], events: Any, rate: int) -> int:
    for number in range(1_000_000 if events else 0):  # the array ends with a mark
        event = events[number]
        if event.type == LAST_EVENT:
            break
        if event.type == PHONEME:
            begun.append((event.sample / rate, event.phoneme.decode("utf-8", "ignore")))
    return 0  # go on


def _short_path(path: str, folder: Path) -> str:
    """The path itself, or a link to it in a folder that lies nearer to the root."""
    if len(path.encode()) <= LONGEST_PATH:
        return path
    link = folder / Path(path).name
    link.symlink_to(path, target_is_directory=True)
    return str(link)


if __name__ == "__main__":
    _speak_here(sys.argv[1], sys.argv[2])
