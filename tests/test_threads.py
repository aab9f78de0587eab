"""The limit on CPU threads: read, handed to workers, and obeyed."""

from __future__ import annotations

import os
from pathlib import Path

import av
import pytest
from av.video.codeccontext import VideoCodecContext

from talkernel.engine import openvino
from talkernel.engine.openvino import OpenVinoEngine
from talkernel.errors import OptionError
from talkernel.media import open_face
from talkernel.media.decode import Decoder
from talkernel.media.encoder import choose_encoding, configure
from talkernel.model.weights import default_weights
from talkernel.threads import available_cores, thread_limit, threads_per_worker
from talkernel.workers.choose import executor
from talkernel.workers.local import Processes
from talkernel.workers.ray import RayCluster
from tests.test_media_support import write_video

POOLS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "OPENCV_FOR_THREADS_NUM")


@pytest.fixture(autouse=True)
def unlimited(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("TALKERNEL_THREADS", *POOLS):
        monkeypatch.delenv(name, raising=False)


def limits_seen(item: int) -> tuple[int | None, list[str | None]]:
    """What a worker finds in its environment."""
    return thread_limit(), [os.environ.get(name) for name in POOLS]


@pytest.mark.parametrize(("text", "limit"), [("", None), ("3", 3), (" 1 ", 1)])
def test_the_limit_is_read_from_the_environment(
    text: str, limit: int | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TALKERNEL_THREADS", text)
    assert thread_limit() == limit


@pytest.mark.parametrize("text", ["0", "-1", "two", "1.5", "²"])
def test_a_bad_limit_is_an_option_error_before_any_worker_starts(
    text: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TALKERNEL_THREADS", text)
    with pytest.raises(OptionError, match="TALKERNEL_THREADS"):
        thread_limit()
    for address in (None, "local", "auto"):
        with pytest.raises(OptionError, match="TALKERNEL_THREADS"):
            executor(2, address)


def test_workers_divide_the_cores_and_get_one_thread_at_least(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("talkernel.threads.available_cores", lambda: 8)
    assert [threads_per_worker(workers) for workers in (1, 3, 8, 20)] == [8, 2, 1, 1]
    monkeypatch.setenv("TALKERNEL_THREADS", "5")
    assert threads_per_worker(3) == 5


def test_a_worker_process_sees_the_limit() -> None:
    threads = max(1, available_cores() // 2)
    expected = (threads, [str(threads)] * len(POOLS))
    assert [seen for _, seen in Processes(2).map(limits_seen, [0, 1])] == [expected] * 2


def test_pools_that_the_user_limited_keep_their_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TALKERNEL_THREADS", "4")
    monkeypatch.setenv("OMP_NUM_THREADS", "3")
    assert [seen for _, seen in Processes(2).map(limits_seen, [0])] == [(4, ["3", "4", "4"])]


def test_a_ray_worker_sees_the_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("ray")
    monkeypatch.setenv("TALKERNEL_THREADS", "3")
    found = [seen for _, seen in RayCluster("local", 1).map(limits_seen, [0])]
    assert found == [(3, ["3", "3", "3"])]


def test_a_ray_cluster_runs_one_thread_per_task() -> None:
    assert RayCluster("auto", 1).threads == 1


def test_the_engine_obeys_the_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TALKERNEL_THREADS", "1")
    assert threads_of(OpenVinoEngine(default_weights())) == 1
    assert threads_of(OpenVinoEngine(default_weights(), threads=2)) == 2


def test_the_engine_leaves_half_the_cores_to_the_other_stages(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("TALKERNEL_THREADS", raising=False)
    for cores, threads in ((1, 1), (2, 1), (5, 2)):
        monkeypatch.setattr(openvino, "available_cores", lambda cores=cores: cores)
        assert threads_of(OpenVinoEngine(default_weights())) == threads


def threads_of(engine: OpenVinoEngine) -> int:
    compiled = engine._kernels._compiled.result()
    return int(compiled.get_property("INFERENCE_NUM_THREADS"))


@pytest.mark.parametrize("codec", ["h264", "hevc", "vp9", "av1"])
def test_encoder_and_decoder_obey_the_limit(
    codec: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TALKERNEL_THREADS", "1")
    source = open_face(write_video(tmp_path / "face.mp4", 3))
    encoding = choose_encoding(codec, "matroska", source, 30, "veryfast")
    context = av.CodecContext.create(encoding.encoder, "w")
    assert isinstance(context, VideoCodecContext)
    configure(context, encoding.pixel_format, source)
    assert context.thread_count == 1
    assert ("pools=1" in encoding.options.get("x265-params", "")) == (codec == "hevc")
    with av.open(str(tmp_path / "face.mp4")) as container:
        Decoder.of_video(container, container.streams.video[0])
        assert container.streams.video[0].codec_context.thread_count == 1
