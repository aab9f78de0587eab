"""A sentence spoken by espeak-ng, for the sample.

espeak-ng draws random numbers that seeding does not reset, so `speak` lets a
process of its own do the work: the same text then gives the same samples.
"""

from __future__ import annotations

import ctypes
import subprocess
import sys
import tempfile
from pathlib import Path

from talkernel.wave_file import write_wave

# From espeak-ng's speak_lib.h.
SYNCHRONOUS = 2  # hand the samples over, return when all are there
DONT_EXIT = 0x8000  # return an error instead of ending the process
UTF8 = 1
LONGEST_PATH = 140  # espeak-ng cuts longer data paths off and then finds nothing
WAVE_CALLBACK = ctypes.CFUNCTYPE(
    ctypes.c_int, ctypes.POINTER(ctypes.c_short), ctypes.c_int, ctypes.c_void_p
)


def speak(text: str, outfile: Path) -> None:
    """Write a sentence as a mono 16-bit wave file.

    Args:
        text: English.
        outfile: The file to write.
    """
    import espeakng_loader  # noqa: F401  # here, so that its absence is noticed here

    command = [sys.executable, "-m", "talkernel.speak", text, str(outfile.absolute())]
    subprocess.run(command, check=True)


def _speak_here(text: str, outfile: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        rate, samples = _synthesise(text, Path(folder))
    write_wave(outfile, rate, samples)


def _synthesise(text: str, folder: Path) -> tuple[int, bytes]:
    """Sample rate and 16-bit samples."""
    import espeakng_loader

    library = ctypes.CDLL(espeakng_loader.get_library_path())
    data = _short_path(espeakng_loader.get_data_path(), folder)
    rate = library.espeak_Initialize(SYNCHRONOUS, 0, data.encode(), DONT_EXIT)
    pieces: list[bytes] = []
    callback = WAVE_CALLBACK(lambda wave, count, _: _keep(pieces, wave, count))
    library.espeak_SetSynthCallback(callback)
    library.espeak_SetVoiceByName(b"en")
    spoken = text.encode()
    size = ctypes.c_size_t(len(spoken) + 1)
    failed = library.espeak_Synth(spoken, size, 0, 0, 0, UTF8, None, None)
    if rate <= 0 or failed or not pieces:
        raise RuntimeError(f"espeak-ng cannot speak (sample rate {rate}, error {failed}).")
    return rate, b"".join(pieces)


def _keep(pieces: list[bytes], wave: ctypes._Pointer[ctypes.c_short], count: int) -> int:
    if wave and count > 0:  # a call without samples marks the end
        pieces.append(ctypes.string_at(wave, 2 * count))
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
