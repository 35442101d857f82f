"""Profiles: those shipped say where numbers are from; of files that are none every fault is told."""

from __future__ import annotations

import pickle
from pathlib import Path

import pytest

from msc.compiler.figures import Status
from msc.compiler.placement import ProfileError, load_profile, profile_names
from msc.compiler.placement.profile import UNITS, parse_profile
from msc.compiler.toml_files import LIMIT_BYTES
from msc.ir.files import FileError
from tests.compiler.placement.profiles import ROOMY, chip, toml

GOOD = toml(ROOMY)
NEURONS = "[limits.neurons_per_core]"


def problems(text: str | bytes) -> list[str]:
    """Parse what is no profile; returns one line per problem."""
    data = text if isinstance(text, bytes) else text.encode()
    with pytest.raises(ProfileError) as caught:
        parse_profile(data, "my", "my.toml")
    return str(caught.value).splitlines()


def changed(old: str, new: str) -> str:
    """Change the limit on neurons of a good profile."""
    head, _, rest = GOOD.partition(NEURONS)
    assert old in rest
    return f"{head}{NEURONS}{rest.replace(old, new, 1)}"


@pytest.mark.parametrize("name", ["loihi1", "loihi2"])
def test_shipped_profiles_say_where_every_number_is_from(name: str) -> None:
    profile = load_profile(name)
    assert profile.name == name
    assert set(profile.limits) <= set(UNITS)
    for figure in profile.limits.values():
        assert len(figure.source) > 10
        assert 2017 <= figure.year <= 2030
        assert (figure.status is Status.CONFLICTING) == (figure.low is not None)


def test_the_limits_of_loihi_1() -> None:
    profile = load_profile("loihi1")
    values = {name: figure.value for name, figure in profile.limits.items()}
    assert values == {
        "cores_per_chip": 128,
        "neurons_per_core": 1024,
        "synaptic_memory_per_core": 128 * 1024 * 8,
        "input_axons_per_core": 4096,
        "output_axons_per_core": 4096,
        "thresholds_per_core": 16,
        "weight_bits": 8,
        "weight_sharing": True,
        "synaptic_delay": 62,
        "decay_bits": 12,
        "graded_spikes": False,
    }
    assert (profile.limits["thresholds_per_core"].low, profile.limits["thresholds_per_core"].high) == (8, 16)


def test_the_limits_of_loihi_2() -> None:
    """What is not public is left out, never 0."""
    profile = load_profile("loihi2")
    values = {name: figure.value for name, figure in profile.limits.items()}
    assert values == {
        "cores_per_chip": 128,
        "neurons_per_core": 8192,
        "synaptic_memory_per_core": 192 * 1024 * 8,
        "weight_bits": 8,
        "synaptic_delay": 63,
        "decay_bits": 12,
        "graded_spikes": True,
    }
    assert (profile.limits["cores_per_chip"].low, profile.limits["cores_per_chip"].high) == (120, 128)
    assert profile.limit("input_axons_per_core") is None
    assert not profile.has("weight_sharing")


def test_an_unknown_name_lists_those_there_are() -> None:
    with pytest.raises(ProfileError) as caught:
        load_profile("loihi3")
    assert str(caught.value) == (
        "profile loihi3: there is no such profile; use one of: loihi1, loihi2, or the path of a .toml file"
    )
    assert profile_names() == ("loihi1", "loihi2")


def test_a_file_of_ones_own_is_named_after_itself(tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_text(GOOD)
    profile = load_profile(str(path))
    assert (profile.name, profile.title, profile.limit("cores_per_chip")) == ("mine", "A test chip", 4)
    path.write_text(GOOD + "\n")
    assert load_profile(str(path)).sha256 != profile.sha256


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(FileError, match=r"no\.toml: cannot read the profile \(no such file or directory\)"):
        load_profile(str(tmp_path / "no.toml"))
    (tmp_path / "folder.toml").mkdir()
    with pytest.raises(FileError, match=r"cannot read the profile"):
        load_profile(str(tmp_path / "folder.toml"))


def test_a_file_far_too_large_is_not_read(tmp_path: Path) -> None:
    path = tmp_path / "large.toml"
    with path.open("wb") as file:
        file.truncate(1 << 40)
    with pytest.raises(FileError, match=f"is larger than {LIMIT_BYTES} bytes, the limit for a profile"):
        load_profile(str(path))


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("a = [", "my.toml: is not TOML: "),
        ("a = " + "[" * 3000, "my.toml: is n"),
        (b"\xff\xfe", "my.toml: is not UTF-8 text (byte 0); give a profile (TOML)"),
        (b"#" * (LIMIT_BYTES + 1), f"my.toml: is larger than {LIMIT_BYTES} bytes, the limit for a profile"),
        ("", 'my.toml, format: is missing; write format = "msc.profile"'),
        (
            'format = "msc.recipe"',
            "my.toml, format: is 'msc.recipe', not 'msc.profile'; write format = \"msc.profile\"",
        ),
        (GOOD.replace("version = 1", "version = 2"), "my.toml, version: is 2, not 1; write version = 1"),
        (
            GOOD.replace("version = 1", "version = true"),
            "my.toml, version: is True, not 1; write version = 1",
        ),
    ],
    ids=["toml", "nested", "utf8", "large", "empty", "format", "version", "boolean"],
)
def test_what_is_no_profile(text: str | bytes, told: str) -> None:
    (problem,) = problems(text)
    assert problem.startswith(told)


ANY_LIMIT = f"give a whole number from 1 to {2**40}; if not known, leave the limit out"
DIFFER = 'status = "conflicting"\nlow = 5\nhigh = 9'
NO_SOURCE = "source: is not a line of text; say where the value is published"
WRONG = {
    "zero": ("value = 1000000", "value = 0", f"value: is 0; {ANY_LIMIT}"),
    "negative": ("value = 1000000", "value = -4", f"value: is -4; {ANY_LIMIT}"),
    "huge": ("value = 1000000", f"value = {10**30}", f"value: is {10**30}; {ANY_LIMIT}"),
    "nan": ("value = 1000000", "value = nan", f"value: is nan; {ANY_LIMIT}"),
    "boolean": ("value = 1000000", "value = true", f"value: is True; {ANY_LIMIT}"),
    "no value": ("value = 1000000", "", "value: is missing; write value = ..."),
    "another unit": ('"neurons"', '"cells"', "unit: is 'cells'; write unit = \"neurons\""),
    "no unit": ('unit = "neurons"', "", "unit: is missing; write unit = ..."),
    "no source": ('source = "made up"', "", "source: is missing; write source = ..."),
    "a blank source": ('"made up"', '" "', "source: is not a line of text; say where the value is published"),
    "a number for a source": (
        '"made up"',
        "3",
        "source: is not a line of text; say where the value is published",
    ),
    "a short year": ("2020", "20", "year: is 20; give the source's year, such as 2018"),
    "half a year": ("2020", "2020.5", "year: is 2020.5; give the source's year, such as 2018"),
    "another status": (
        '"published"',
        '"sure"',
        "status: is 'sure'; use one of: published, conflicting, unverified",
    ),
    "an unknown key": (
        "year = 2020",
        "year = 2020\nnote = 1",
        "note: is an unknown key; remove it; known here: value, unit, source, year, status, low, high",
    ),
    "a bound of one source": (
        "year = 2020",
        "year = 2020\nlow = 3",
        'low: is for sources that differ; remove it, or write status = "conflicting"',
    ),
    "one bound only": (
        'status = "published"',
        'status = "conflicting"\nlow = 5',
        "high: is missing; write high = ...",
    ),
    "a value out of bounds": (
        'status = "published"',
        DIFFER,
        "value: is 1000000, low is 5 and high 9; give low <= value <= high, low < high",
    ),
    "equal bounds": (
        'status = "published"',
        DIFFER.replace("5", "1000000").replace("9", "1000000"),
        "value: is 1000000, low is 1000000 and high 1000000; give low <= value <= high, low < high",
    ),
}


@pytest.mark.parametrize("name", WRONG)
def test_a_limit_that_is_none(name: str) -> None:
    old, new, told = WRONG[name]
    assert problems(changed(old, new)) == [f"my.toml, limits.neurons_per_core.{told}"]


def test_yes_or_no_is_no_number() -> None:
    text = toml({**ROOMY, "graded_spikes": 1})
    assert problems(text) == ["my.toml, limits.graded_spikes.value: is 1; write true or false"]
    bounded = toml({**ROOMY, "graded_spikes": True}).replace(
        'status = "published"', 'status = "conflicting"\nlow = 1\nhigh = 2'
    )
    assert "my.toml, limits.graded_spikes.low: bounds what is yes or no; remove it" in problems(bounded)


def test_all_faults_of_a_file_are_told_at_once() -> None:
    text = GOOD.replace("value = 4", "value = -1").replace(
        'title = "A test chip"', 'title = ""\nowner = "me"'
    )
    text += "[limits.speed]\nvalue = 3\n[energy]\nsynapse = 23.6\n"
    assert problems(text) == [
        "my.toml, energy: is an unknown key; remove it; known here: format, version, title, limits",
        "my.toml, owner: is an unknown key; remove it; known here: format, version, title, limits",
        'my.toml, title: is not a line of text; write title = "..."',
        f"my.toml, limits.speed: is an unknown key; remove it; known here: {', '.join(UNITS)}",
        "my.toml, limits.cores_per_chip.value: is -1; "
        f"give a whole number from 1 to {2**40}; if not known, leave the limit out",
    ]


def test_what_nothing_can_be_placed_without_is_needed() -> None:
    kept = {name: value for name, value in ROOMY.items() if name != "weight_bits"}
    assert problems(toml(kept)) == [
        "my.toml, limits.weight_bits: is missing, nothing can be placed without it; "
        "write [limits.weight_bits]"
    ]
    assert problems(GOOD.split("[limits", 1)[0])[0] == (
        "my.toml, limits: is missing; write [limits.NAME] for each limit"
    )
    assert problems("limits = 3\n" + GOOD.split("[limits", 1)[0])[0] == (
        "my.toml, limits: is not a table; write [limits.NAME] for each limit"
    )
    assert problems(GOOD.replace(NEURONS, "[limits.neurons_per_core.inner]"))[0].startswith(
        "my.toml, limits.neurons_per_core.inner: is an unknown key; "
    )


def test_profiles_go_to_other_processes() -> None:
    assert pickle.loads(pickle.dumps(chip())) == chip()
