"""Titles, templates and orders. The first template is the training prompt, all are the test ensemble."""

from __future__ import annotations

_THINGS = ("a photo of a {}.", "a photo of a {}", "an icon of a {}", "a drawing of a {}")

TITLES = {
    "digits": "Handwritten digits",
    "clothes": "Clothes",
    "nature": "Animals and plants",
    "food": "Food and drink",
    "places": "Places, vehicles and weather",
    "objects": "Objects",
    "activities": "Sports, games and celebrations",
    "faces": "Faces",
    "flags": "Flags of countries",
    "greek": "Greek letters",
}
TEMPLATES = {
    **dict.fromkeys(TITLES, _THINGS),
    "digits": ("a photo of a digit {}.", "a photo of a digit {}", "a drawing of a digit {}", "digit {}"),
    "flags": ("a photo of a flag of {}.", "a photo of a flag of {}", "an icon of a flag of {}", "flag of {}"),
    "greek": (
        "a photo of a greek letter {}.",
        "a photo of a greek letter {}",
        "a drawing of a greek letter {}",
        "greek letter {}",
    ),
}
#: Order I mixes easy and hard domains; order II starts far from pictures of things.
ORDERS = {
    "I": (
        "nature",
        "digits",
        "places",
        "faces",
        "clothes",
        "food",
        "greek",
        "activities",
        "flags",
        "objects",
    ),
    "II": (
        "greek",
        "objects",
        "digits",
        "food",
        "flags",
        "activities",
        "clothes",
        "nature",
        "faces",
        "places",
    ),
}
