"""The four questions of the perceptual study (Section VI-E), and the consent text."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Question:
    """One of the four questions.

    Attributes:
        heading: Its column in Table III.
        text: The question.
        hint: What to look at.
    """

    heading: str
    text: str
    hint: str


QUESTIONS = {
    "visual_quality": Question(
        "VQ", "Which video looks best?", "Its picture is the clearest and most natural."
    ),
    "lip_sync": Question(
        "LS", "In which video do the lips fit the speech best?", "Listen, and watch the mouth."
    ),
    "continuity": Question(
        "IFC",
        "Which video moves most smoothly?",
        "Nothing jumps, trembles or flickers from one moment to the next.",
    ),
    "overall": Question("Overall", "Which video is the best, all in all?", "Weigh all the above."),
}

CONSENT = """\
You will compare short videos of people speaking. Some or all of them were made by a computer: \
the people shown may never have said what you hear.

Please use a quiet place or headphones. In each group, watch every video to its end, with \
sound, and answer four questions. Some groups are there to check that the videos are watched.

Taking part is voluntary. You may stop at any time, and go on later by your personal link.

What is kept: which videos you were shown, what you chose, and when. What is not kept: your \
name, your address, or anything else about you or your device. Your browser remembers your \
personal link until you finish."""
