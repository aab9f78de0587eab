"""Runs the main job on the portrait and reduces its results to small arrays.

The output is FFV1, which is lossless: the frames are read back exactly as they were blended.
"""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from typing import Any, NamedTuple

import av
import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

import talkernel
from talkernel.engine import load_engine
from talkernel.media import open_speech
from tests.faces import portrait_on_canvas
from tests.jobs import babble
from tests.test_media_support import write_sound

Array = NDArray[np.float32]
STORED = Path(__file__).parent / "data" / "golden.npz"
SIZE, SIDE, SHOWN = (480, 360), 48, 5  # of the video; of a stored region; number of regions
SEED = 5
ZOOM = 1.2  # makes the face about 180 pixels high
SECONDS, PICTURES = 1.6, 24  # duration of the speech; frames of the video that is looped


class Case(NamedTuple):
    """One run of the job: face, speech and options."""

    face: str
    speech: str
    options: dict[str, Any]


CASES = {
    "photo": Case("face.png", "speech.wav", {}),
    "video": Case("long.mkv", "speech.wav", {}),
    "pingpong": Case("face.mkv", "speech.wav", {"loop": "pingpong"}),
    "forward": Case("face.mkv", "speech.wav", {"loop": "forward"}),
    "silence": Case("long.mkv", "silence.wav", {}),
    "live": Case("long.mkv", "speech.wav", {"lookahead": "live"}),
}


def write_inputs(folder: Path) -> None:
    """Write the faces and sounds, which never change."""
    Image.fromarray(portrait_on_canvas(*SIZE, (40.0, 0.0), ZOOM)).save(folder / "face.png")
    write_moving(folder / "face.mkv", PICTURES)
    write_moving(folder / "long.mkv", round(25 * SECONDS) + 4)
    write_sound(folder / "speech.wav", babble(SECONDS, seed=SEED))
    write_sound(folder / "silence.wav", np.zeros(round(48_000 * SECONDS), np.float32))


def write_moving(path: Path, count: int) -> None:
    """A lossless video of the portrait, moving on a grey canvas, its jaw opening at times."""
    with av.open(str(path), "w") as output:
        stream: Any = output.add_stream("ffv1", rate=Fraction(25))
        stream.width, stream.height, stream.pix_fmt = *SIZE, "yuv420p"
        for number in range(count):
            at = 40.0 + 8.0 * np.sin(number / 7), 4.0 * np.sin(number / 4)
            image = portrait_on_canvas(*SIZE, at, ZOOM, 7.0 * max(0.0, np.sin(number / 5)))
            frame = av.VideoFrame.from_ndarray(image, "rgb24").reformat(format="yuv420p")
            output.mux(stream.encode(frame))
        output.mux(stream.encode(None))


def run_case(name: str, folder: Path) -> dict[str, Array]:
    """Run a case; its lip codes and some edited regions, with the case in their names."""
    case, outfile = CASES[name], folder / f"{name}.mkv"
    talkernel.generate(
        folder / case.face,
        folder / case.speech,
        outfile,
        codec="ffv1",
        engine="openvino",
        precision="float32",
        overwrite=True,
        **case.options,
    )
    codes = lip_codes(folder / case.speech, case.options.get("lookahead", "full"))
    return {f"{name}.codes": codes, f"{name}.regions": regions(outfile)}


def lip_codes(speech: Path, lookahead: Any) -> Array:
    """Lip codes `[T, K]` of a sound, at 25 frames a second."""
    engine, sound = load_engine("openvino", precision="float32"), open_speech(speech)
    features = talkernel.SpeechFeatures(25, engine.config, engine.encode, lookahead)
    windows = [features.push(sound.wave()), features.flush(round(25 * SECONDS))]
    return np.concatenate([engine.predict_lip_code(part) for part in windows if len(part)])


def regions(video: Path) -> Array:
    """The lower face in a few frames, `[SHOWN, 3, SIDE, SIDE]` Y, U, V."""
    with av.open(str(video)) as container:
        frames = [frame.to_ndarray(format="yuv444p") for frame in container.decode(video=0)]
    chosen = np.linspace(0, len(frames) - 1, SHOWN).round().astype(int)
    return np.stack([_region(frames[number]) for number in chosen]).astype(np.float32)


def _region(planes: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """A fixed part of the picture that always contains mouth and chin."""
    part = planes[:, 120:264, 165:309].transpose(1, 2, 0)
    small = cv2.resize(part, (SIDE, SIDE), interpolation=cv2.INTER_AREA)
    return np.asarray(small.transpose(2, 0, 1), np.uint8)
