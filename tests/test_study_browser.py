"""The study's page in a real browser: watched, answered, reloaded, cut off, finished."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from talkernel.lab.study.database import read_votes
from talkernel.lab.study.manifest import DATABASE, read_manifest
from talkernel.lab.study.questions import QUESTIONS
from talkernel.lab.study.report import report_study
from tests.browser import chromium
from tests.studies import Client, choose, make_study
from tests.test_study_server import process_serving, serving

PATIENCE = 60  # seconds


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A study of two systems and two inputs; tests work on copies of it."""
    return make_study(tmp_path_factory.mktemp("study"))


@pytest.fixture
def study(made: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(made, tmp_path / "study"))


class Page:
    """The page as a person uses it."""

    def __init__(self, window: Any) -> None:
        self.window = window

    def __getitem__(self, css: str) -> list[Any]:
        return list(self.window.find_elements("css selector", css))

    def until(self, met: Callable[[], object]) -> None:
        from selenium.webdriver.support.ui import WebDriverWait

        WebDriverWait(self.window, PATIENCE, 0.05).until(lambda _: met())

    def open(self, url: str) -> None:
        self.window.get("about:blank")
        self.window.get(url)
        self.until(lambda: self.seen("#welcome") or self.seen("#task") or self.seen("#trouble"))

    def seen(self, css: str) -> bool:
        return any(one.is_displayed() for one in self[css])

    def press(self, css: str) -> None:
        self.until(lambda: self[css] and self[css][0].is_enabled())
        self[css][0].click()

    def watch(self) -> None:
        """Let all videos play to their ends."""
        assert len(self["fieldset:disabled"]) == len(QUESTIONS)
        self.press("#play-all")
        self.until_open()

    def until_open(self) -> None:
        self.until(lambda: len(self["fieldset:enabled"]) == len(QUESTIONS))

    def type(self, css: str, *keys: str) -> None:
        """Keys for what has the focus once `css` has been given it."""
        from selenium.webdriver import ActionChains

        self.window.execute_script("arguments[0].focus()", self[css][0])
        ActionChains(self.window).send_keys(*keys).perform()

    def shown(self) -> list[str]:
        return [one.get_attribute("src").rsplit("/", 1)[-1] for one in self["video"]]

    def choose(self, question: str, video: str) -> None:
        self[f"#{question} label"][self.shown().index(video)].click()

    def chosen(self) -> dict[str, str]:
        inputs = self["fieldset input:checked"]
        return {one.get_attribute("name"): one.get_attribute("value") for one in inputs}

    def heading(self) -> str:
        return str(self["#heading"][0].text)


def test_a_rater_at_a_desk(study: Path, tmp_path: Path) -> None:
    """All groups by hand; a reload and the personal link in a new browser lose nothing."""
    manifest = read_manifest(study)

    def best() -> str:
        return choose(manifest, page.shown(), lambda system: system == "ours")

    with serving(study) as url:
        with chromium(tmp_path / "first") as window:
            page = Page(window)
            page.open(url)
            assert "Taking part is voluntary" in page["#consent"][0].text
            page.press("#begin")
            page.until(lambda: page.heading() == "Group 1 of 3")
            page.watch()
            for video in (best(), next(v for v in page.shown() if v != best()), best()):
                page.choose("overall", video)  # changes his mind twice
            page.choose("lip_sync", best())
            page.until(lambda: len(read_votes(study)[1]) == 2)
            assert not page["#next"][0].is_enabled()
            first = page.shown()
            window.refresh()
            page.until(lambda: page.seen("#task"))
            assert page.shown() == first
            assert page.chosen() == {"overall": best(), "lip_sync": best()}
            link = str(page["#address"][0].get_attribute("value"))
        with chromium(tmp_path / "second") as window:
            page = Page(window)
            page.open(link)
            assert page.chosen() == {"overall": best(), "lip_sync": best()}
            for number in range(3):
                page.until(lambda n=number: page.heading() == f"Group {n + 1} of 3")
                if number:
                    page.watch()
                for question in QUESTIONS:
                    page.choose(question, best())
                page.press("#next")
            page.until(lambda: page.seen("#done"))
            assert not [one for one in window.get_log("browser") if one["level"] == "SEVERE"]
    report = report_study(study)
    assert [(rater.answers, rater.counts) for rater in report.raters] == [(8, True)]
    assert {one.share for one in report.shares if one.system == "ours"} == {1.0}


def test_the_server_is_killed_while_a_rater_answers(study: Path, tmp_path: Path) -> None:
    """An answer given meanwhile is not called stored, and arrives once the server is back."""
    with chromium(tmp_path / "profile") as window:
        page = Page(window)
        with process_serving(study) as (server, url):
            port = url.rsplit(":", 1)[1].strip("/")
            page.open(url)
            page.press("#begin")
            page.until(lambda: page.seen("#task"))
            page.watch()
            page.choose("overall", page.shown()[0])
            page.until(lambda: page["#saved"][0].text == "Stored.")
            server.kill()
            server.wait()
            page.choose("lip_sync", page.shown()[1])
            page.until(lambda: "Not stored yet" in page["#saved"][0].text)
            assert len(read_votes(study)[1]) == 1
        with process_serving(study, port):
            page.until(lambda: page["#saved"][0].text == "Stored.")
            window.refresh()
            page.until(lambda: page.seen("#task"))
            assert page.chosen() == {"overall": page.shown()[0], "lip_sync": page.shown()[1]}
    assert {vote.question for vote in read_votes(study)[1]} == {"overall", "lip_sync"}


def test_on_a_phone_by_keyboard_and_with_a_forged_link(study: Path, tmp_path: Path) -> None:
    from selenium.webdriver.common.keys import Keys

    with serving(study) as url, chromium(tmp_path / "profile", width=390, height=844) as window:
        page = Page(window)
        page.open(f"{url}#forged")
        page.until(lambda: "belongs to nobody" in page["#trouble"][0].text)
        assert not page.seen("#task")
        page.open(url)
        page.until(lambda: page.seen("#begin"))
        page.type("#begin", Keys.ENTER)
        page.until(lambda: page.seen("#task"))
        assert window.switch_to.active_element == page["#heading"][0]
        wide = "return [document.documentElement.scrollWidth, innerWidth]"
        content, screen = window.execute_script(wide)
        assert content <= screen == 390
        page.type("#heading", Keys.TAB, Keys.SPACE)  # the next thing is the button that plays
        page.until_open()
        for question in QUESTIONS:
            page.type(f"#{question} input", Keys.SPACE, Keys.ARROW_RIGHT)
        page.until(lambda: page["#next"][0].is_enabled())
        assert set(page.chosen().values()) == {page.shown()[1]}
        page.type("#next", Keys.ENTER)
        page.until(lambda: page.heading() == "Group 2 of 3")
    assert len(read_votes(study)[1]) == len(QUESTIONS)


def test_a_tab_left_behind_catches_up(study: Path, tmp_path: Path) -> None:
    """A group finished in another tab is not answered anew."""
    with serving(study) as url, chromium(tmp_path / "profile") as window:
        page = Page(window)
        page.open(url)
        page.press("#begin")
        page.until(lambda: page.seen("#task"))
        page.watch()
        other = Client(url, str(page["#address"][0].get_attribute("value")).rsplit("#", 1)[1])
        for question in QUESTIONS:
            answer = {"position": 0, "question": question, "video": page.shown()[0]}
            assert other.ask("api/answers", answer)[0] == 200
        other.ask("api/finished", {"position": 0})
        page.choose("overall", page.shown()[1])
        page.until(lambda: page.heading() == "Group 2 of 3")
        assert "finished" in page["#trouble"][0].text
    assert len({vote.video for vote in read_votes(study)[1]}) == 1
    with sqlite3.connect(study / DATABASE) as db:  # nothing else about anybody is in there
        columns = {
            row[1]
            for name in ("raters", "shown", "answers")
            for row in db.execute(f"PRAGMA table_info({name})")
        }
    assert columns == {
        "id",
        "token",
        "joined",
        "rater",
        "position",
        "name",
        "videos",
        "finished",
        "question",
        "video",
        "answered",
    }
