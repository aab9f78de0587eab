"""Identity metrics: distances of dlib's face embeddings at the same instants."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from talkernel.face.pose import HeadPose
from talkernel.lab.evaluate.dlib_face import embedding
from talkernel.lab.evaluate.tracked_video import TrackedVideo
from talkernel.media import open_face

INSTANTS = 8  # equally spaced over the video
Embeddings = Mapping[int, NDArray[np.float32]]


def embeddings(video: TrackedVideo) -> Embeddings:
    """Face embeddings at `INSTANTS` instants, by number of the instant, where a face is found."""
    numbers = np.linspace(0, len(video) - 1, INSTANTS).round().astype(int)
    poses = {int(t): HeadPose.fit(video.mesh[t]) for t in numbers if video.has_face[t]}
    by_frame = _of_frames(video.path, poses)
    return {k: by_frame[int(t)] for k, t in enumerate(numbers) if int(t) in by_frame}


def _of_frames(path: Path, poses: Mapping[int, HeadPose]) -> dict[int, NDArray[np.float32]]:
    found = {}
    for number, picture in enumerate(open_face(path).frames()):
        if number in poses:
            found[number] = embedding(picture.to_rgb(), poses[number])
    return found


def identity(ours: Embeddings, theirs: Embeddings) -> dict[str, float]:
    """Means over the instants that both have.

    Returns:
        `identity`: Euclidean distance, below 0.6 the same person; `csim`: cosine, 1 the same.
    """
    both = [(ours[k], theirs[k]) for k in ours if k in theirs]
    if not both:
        return {"identity": float("nan"), "csim": float("nan")}
    distances = [float(np.linalg.norm(a - b)) for a, b in both]
    cosines = [float(a @ b / np.linalg.norm(a) / np.linalg.norm(b)) for a, b in both]
    return {"identity": float(np.mean(distances)), "csim": float(np.mean(cosines))}
