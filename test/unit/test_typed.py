"""What a file says becomes types, or one sentence with its key, what was found and allowed."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import pytest

from groot_ros.errors import UserError
from groot_ros.files.typed import (
    FileSection,
    Finite,
    KeyPath,
    Misfit,
    Names,
    Text,
    number,
    numbers,
    positive,
    text,
    typed,
    whole,
)


class Wheel(FileSection, frozen=True, kw_only=True):
    """A part of which a file may hold many."""

    radius: Annotated[float, positive("m")]
    centre: Annotated[tuple[Finite, ...], numbers("m", 3)] = (0.0, 0.0, 0.0)
    colour: Literal["black", "white"] = "black"


class Cart(FileSection, frozen=True, kw_only=True):
    """A file."""

    name: Annotated[str, text("the cart's name")]
    wheels: dict[str, Wheel]
    spares: tuple[Wheel, ...] = ()
    handles: Names = Names(())
    speed: Annotated[float, number("m/s", 0.0, 3.0)] | None = None
    gears: Annotated[int, whole(1, 9)] = 1
    gain: Finite | tuple[Finite, ...] = 1.0
    note: Text = "none"
    brakes: bool = True

    def __post_init__(self) -> None:
        if not self.brakes and self.gears > 1:
            raise Misfit(f"is {self.gears}, expected 1 without brakes", "gears")


GOOD: dict[str, Any] = {"name": "c", "wheels": {"left": {"radius": 1}}}
WRONG = [
    (3, "the file is 3, expected a mapping of keys to values"),
    ({}, "name is missing, expected the cart's name"),
    ({"nme": "c"}, "name is missing, expected the cart's name; did you mean it by nme?"),
    ({"name": "TODO"}, "name is still TODO, fill in the cart's name"),
    ({"name": " "}, "name is ' ', expected the cart's name"),
    ({"wheels": []}, "wheels is [], expected a mapping"),
    ({"wheels": {"left": None}}, "wheels.left is missing, expected a mapping of keys to values"),
    ({"wheels": {1: {}}}, "wheels.1.radius is missing, expected a number in m above 0"),
    ({"wheels": {"l": {"radius": 0}}}, "wheels.l.radius is 0, expected a number in m above 0"),
    ({"wheels": {"l": {"radius": True}}}, "wheels.l.radius is True, expected a number in m abov"),
    ({"wheels": {"l": {"radius": 10**30}}}, f"wheels.l.radius is {10**30}, expected a"),
    (
        {"wheels": {"l": {"radius": 1, "centre": [1, 2]}}},
        "wheels.l.centre is [1, 2], expected a list of 3 numbers in m",
    ),
    (
        {"wheels": {"l": {"radius": 1, "centre": [1, 2, float("nan")]}}},
        "wheels.l.centre is nan, expected a number in m",
    ),
    (
        {"wheels": {"l": {"radius": 1, "colour": "blak"}}},
        "wheels.l.colour is 'blak', expected one of black, white; did you mean black?",
    ),
    ({"spares": [{"radius": 1, "raduis": 1}]}, "spares.0.raduis is not a known key; did you mean"),
    ({"handles": ["a", "a"]}, "handles is ['a', 'a'], expected every name once"),
    ({"handles": []}, "handles is [], expected a list of names"),
    ({"speed": 4}, "speed is 4, expected a number in m/s from 0 to 3"),
    ({"gears": 0}, "gears is 0, expected a whole number from 1 to 9"),
    ({"gears": 2.0}, "gears is 2.0, expected a whole number from 1 to 9"),
    ({"gain": "x"}, "gain is 'x', expected a number or a list of numbers"),
    ({"brakes": 1}, "brakes is 1, expected true or false"),
    ({"brakes": False, "gears": 2}, "gears is 2, expected 1 without brakes"),
    ({"breaks": None}, "breaks is not a known key; did you mean brakes?"),
    ({"x": 1}, "x is not a known key; allowed here: name, wheels, spares, handles"),
]


@pytest.mark.parametrize(("values", "sentence"), WRONG, ids=[sentence for _, sentence in WRONG])
def test_what_does_not_fit_is_one_sentence(values: Any, sentence: str) -> None:
    if isinstance(values, dict) and values and "nme" not in values:
        values = {**GOOD, **values}
    with pytest.raises(UserError) as caught:
        typed(values, Cart, KeyPath("cart.yaml"))
    assert str(caught.value).startswith(f"cart.yaml: {sentence}")


def test_what_fits_becomes_the_type_and_null_is_missing() -> None:
    cart = typed({**GOOD, "speed": None, "handles": ["a", "b"]}, Cart, KeyPath("cart.yaml"))
    assert cart.wheels == {"left": Wheel(radius=1.0)} and cart.speed is None
    assert cart.handles == ("a", "b")
