"""Energy profiles: read strictly, every fault told with its path, multiplied by a user's factor."""

from __future__ import annotations

import pickle
from dataclasses import replace
from pathlib import Path

import pytest

from msc.compiler.energy.profile import (
    UNITS,
    EnergyProfile,
    EnergyProfileError,
    Memory,
    energy_profile_names,
    load_energy_profile,
    parse_energy_profile,
)
from msc.compiler.figures import LARGEST, Status
from msc.compiler.toml_files import LIMIT_BYTES
from msc.ir.files import FileError
from tests.compiler.energy.profile_files import HEAD, MESH, OPERATION, device, written

BITS = {"weight_bits": 8, "state_bits": 16}
SMALL, LARGE = (8192, 64, 10.0), (32768, 64, 20.0)
GOOD = written(OPERATION)
NO_ENERGIES = (
    "my.toml, energies: are missing, nothing can be priced without any; write [energies.NAME] for each, or"
    ' status = "unpublished" and a note that says why'
)
AMOUNT = f"give a whole number from 1 to {LARGEST}"
VALUES = (
    *(
        "1",
        "-1",
        "0",
        "1.5",
        "1e999",
        "nan",
        "inf",
        "-inf",
        "9" * 30,
        "true",
        '"x"',
        '""',
        "[]",
        "[1]",
        "[[1]]",
    ),
    *("{}", "{a = 1}", "[{}]", "1979-05-27", "07:32:00", "1979-05-27T07:32:00Z", "0x", "'''", "\\"),
)


def problems(text: str | bytes) -> list[str]:
    """Parse what is no profile; returns one line per problem."""
    data = text if isinstance(text, bytes) else text.encode()
    with pytest.raises(EnergyProfileError) as caught:
        parse_energy_profile(data, "my", "my.toml")
    return str(caught.value).splitlines()


def headed(**keys: str) -> str:
    """Write the head of a profile with more keys."""
    return HEAD + "".join(f'{key} = "{value}"\n' for key, value in keys.items())


def test_a_whole_profile() -> None:
    figures = {"accumulate": 0.5, "multiply_accumulate": 2.5, **BITS}
    text = written(figures, (SMALL, LARGE), headed(note="no wires", chip="loihi1", status="published"))
    profile = parse_energy_profile((text + '[included]\nstatic = "all of it"\n').encode(), "my", "my.toml")
    assert (profile.name, profile.title, profile.node) == ("my", "A test device", "9 nm")
    assert (profile.published, profile.note, profile.chip) == (True, "no wires", "loihi1")
    assert {name: f.value for name, f in profile.energies.items()} == {
        "accumulate": 0.5,
        "multiply_accumulate": 2.5,
    }
    assert {name: (f.value, f.unit) for name, f in profile.numbers.items()} == {
        "weight_bits": (8, "bits"),
        "state_bits": (16, "bits"),
    }
    assert [(m.size, m.access_bits, m.energy.value) for m in profile.memories] == [SMALL, LARGE]
    assert profile.included == {"static": "all of it"}
    assert profile.factor is None


def test_what_may_be_left_out_is_left_out() -> None:
    profile = device(OPERATION)
    assert (profile.published, profile.note, profile.chip) == (True, "", None)
    assert (profile.memories, profile.numbers, profile.included) == ((), {}, {})


def test_profiles_go_to_other_processes() -> None:
    profile = device({**OPERATION, **MESH})
    assert pickle.loads(pickle.dumps(profile)) == profile


def test_a_file_of_ones_own_is_named_after_itself(tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_text(GOOD)
    profile = load_energy_profile(str(path))
    assert (profile.name, profile.title) == ("mine", "A test device")
    path.write_text(GOOD + "\n")
    assert load_energy_profile(str(path)).sha256 != profile.sha256


def test_an_unknown_name_lists_those_there_are() -> None:
    with pytest.raises(EnergyProfileError) as caught:
        load_energy_profile("loihi3")
    assert str(caught.value) == (
        "energy profile loihi3: there is no such energy profile; use one of: cmos45-fp16, cmos45-fp32,"
        " cmos45-int8, loihi1, loihi1-sanafe, loihi2, spinnaker1, spinnaker2, or the path of a .toml file"
    )
    assert len(energy_profile_names()) == 8


@pytest.mark.parametrize("name", ["", "*", "*0.5", "../loihi1", "loihi1.tom"])
def test_what_is_no_name(name: str) -> None:
    with pytest.raises(EnergyProfileError, match="there is no such energy profile; use one of: cmos45-fp16"):
        load_energy_profile(name)


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(
        FileError, match=r"no\.toml: cannot read the energy profile \(no such file or directory\)"
    ):
        load_energy_profile(str(tmp_path / "no.toml"))
    (tmp_path / "folder.toml").mkdir()
    with pytest.raises(FileError, match="cannot read the energy profile"):
        load_energy_profile(str(tmp_path / "folder.toml"))
    with (tmp_path / "large.toml").open("wb") as file:
        file.truncate(1 << 40)
    with pytest.raises(
        FileError, match=f"is larger than {LIMIT_BYTES} bytes, the limit for an? energy profile"
    ):
        load_energy_profile(str(tmp_path / "large.toml"))


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("a = [", "my.toml: is not TOML: "),
        ("a = " + "[" * 3000, "my.toml: is n"),
        ("a = 1" + "0" * 5000, "my.toml: is not TOML: "),
        (b"\xff\xfe", "my.toml: is not UTF-8 text (byte 0); give an energy profile (TOML)"),
        (
            b"#" * (LIMIT_BYTES + 1),
            f"my.toml: is larger than {LIMIT_BYTES} bytes, the limit for an energy profile; give an",
        ),
        ("", 'my.toml, format: is missing; write format = "msc.energy-profile"'),
        (
            'format = "msc.profile"',
            "my.toml, format: is 'msc.profile', not 'msc.energy-profile'; write format = ",
        ),
        (GOOD.replace("version = 1", "version = 2"), "my.toml, version: is 2, not 1; write version = 1"),
        (
            GOOD.replace("version = 1", "version = true"),
            "my.toml, version: is True, not 1; write version = 1",
        ),
        (HEAD, NO_ENERGIES),
        (HEAD + "[energies]\n", NO_ENERGIES),
        (written(BITS, (SMALL,)), NO_ENERGIES),
        (HEAD + "energies = 3\n", "my.toml, energies: is not a table; write [energies.NAME] for each figure"),
        (HEAD + "memories = 3\n", "my.toml, memories: is no list of tables; write [[memories]] for each"),
        (
            GOOD + "[included]\nmemory = 3\n",
            "my.toml, included.memory: is not a line of text; write memory =",
        ),
        (
            GOOD + '[included]\nspikes = "yes"\n',
            "my.toml, included.spikes: is an unknown key; remove it; known here: synaptic_operations,",
        ),
        (GOOD.replace('title = "A test device"', ""), 'my.toml, title: is missing; write title = "..."'),
        (GOOD.replace('"A test device"', "3"), 'my.toml, title: is not a line of text; write title = "..."'),
        (
            GOOD.replace('node = "9 nm"\n', "", 1),
            'my.toml, node: is missing; write node = "..."',
        ),
        (
            written(OPERATION, head=headed(status="maybe")),
            "my.toml, status: is no status of a profile: 'maybe'; use one of: published, unpublished",
        ),
        (
            written(OPERATION, head=headed(note="")),
            'my.toml, note: is not a line of text; write note = "..."',
        ),
        (
            written(OPERATION, head=HEAD + "chip = 1\n"),
            'my.toml, chip: is not a line of text; write chip = "..."',
        ),
        (
            GOOD + "[limits.neurons]\n",
            "my.toml, limits: is an unknown key; remove it; known here: format, version, title, node, status,"
            " note, chip, energies, numbers, included, memories",
        ),
    ],
    ids=[
        "toml",
        "nested",
        "digits",
        "utf8",
        "large",
        "empty",
        "another format",
        "version",
        "boolean",
        "no energies",
        "an empty table",
        "memories only",
        "energies are a number",
        "memories are a number",
        "included is a number",
        "included is unknown",
        "no title",
        "title is a number",
        "no node",
        "status",
        "blank note",
        "chip is a number",
        "limits",
    ],
)
def test_what_is_no_profile(text: str | bytes, told: str) -> None:
    (problem,) = problems(text)
    assert problem.startswith(told)


REST = 'unit = "pJ"\nsource = "me"\nyear = 2020\nnode = "9 nm"\nstatus = "published"\n'


def test_every_figure_needs_all_that_makes_it_one() -> None:
    assert problems(HEAD + "[energies.spike]\nvalue = 3.5\n") == [
        f"my.toml, energies.spike.{key}: is missing; write {key} = ..."
        for key in ("unit", "source", "year", "node", "status")
    ]


@pytest.mark.parametrize("name", UNITS)
def test_every_figure_has_one_unit(name: str) -> None:
    assert UNITS[name] in ("pJ", "mW", "us", "bits", "cores", "tiles")
    text = written({**OPERATION, name: 1}).split(f".{name}]")
    wrong = f".{name}]".join([text[0], text[1].replace(f'"{UNITS[name]}"', '"nJ"', 1)])
    (problem,) = problems(wrong)
    assert problem.endswith(f".{name}.unit: is 'nJ'; write unit = \"{UNITS[name]}\"")


def test_numbers_are_whole_and_energies_are_not_zero() -> None:
    assert problems(written({"spike": 0, "weight_bits": 7.5, "message": -1})) == [
        f"my.toml, energies.spike.value: is 0; give a number above 0, at most {LARGEST}; if not known,"
        " leave the figure out",
        f"my.toml, energies.message.value: is -1; give a number above 0, at most {LARGEST}; if not known,"
        " leave the figure out",
        f"my.toml, numbers.weight_bits.value: is 7.5; {AMOUNT}; if not known, leave the figure out",
    ]


def test_all_faults_of_a_file_are_told_at_once() -> None:
    text = written(OPERATION, head=HEAD.replace('"9 nm"', '""') + 'owner = "me"\n').replace("2020", "20")
    text += "[energies.light]\nvalue = 3\n[numbers.spike]\n[[memories]]\nsize = 0\n" + REST
    assert problems(text) == [
        "my.toml, owner: is an unknown key; remove it; known here: format, version, title, node, status,"
        " note, chip, energies, numbers, included, memories",
        'my.toml, node: is not a line of text; write node = "..."',
        f"my.toml, energies.light: is an unknown key; remove it; known here: {', '.join(list(UNITS)[:15])}",
        "my.toml, energies.synaptic_operation.year: is 20; give the source's year, such as 2018",
        f"my.toml, numbers.spike: is an unknown key; remove it; known here: {', '.join(list(UNITS)[15:])}",
        f"my.toml, memories[0].size: is 0; {AMOUNT}",
        f"my.toml, memories[0].access_bits: is missing; {AMOUNT}",
        "my.toml, memories[0].value: is missing; write value = ...",
    ]


@pytest.mark.parametrize(
    ("size", "told"),
    [("true", "is True"), ("8192.0", "is 8192.0"), ('"8 KB"', "is '8 KB'"), ("-8", "is -8")],
)
def test_a_size_is_a_whole_number(size: str, told: str) -> None:
    text = written({**OPERATION, **BITS}, (SMALL,)).replace("size = 8192", f"size = {size}")
    assert problems(text) == [f"my.toml, memories[0].size: {told}; {AMOUNT}"]


def test_a_memory_that_is_no_table() -> None:
    assert problems(HEAD + "memories = [3]\n" + written(OPERATION, head="")) == [
        "my.toml, memories[0]: is not a table; write a table with value, unit, source, year, node, status"
    ]


def test_an_unpublished_profile_says_why_and_has_no_energies() -> None:
    text = headed(status="unpublished", note="nobody measured it", chip="loihi2")
    profile = parse_energy_profile(text.encode(), "my", "my.toml")
    assert (profile.published, profile.note, profile.energies) == (False, "nobody measured it", {})
    told = 'my.toml, note: is missing; write note = "..." that says why nothing is priced'
    assert problems(headed(status="unpublished")) == [told]
    mixed = (
        'my.toml: has figures, but status = "unpublished"; remove the energies and memories, or the status'
    )
    assert problems(written(OPERATION, head=text)) == [mixed]
    assert problems(written(BITS, (SMALL,), head=text)) == [mixed]


def test_a_factor_multiplies_every_energy() -> None:
    base, half = load_energy_profile("loihi1"), load_energy_profile("loihi1*0.5")
    assert (half.name, half.factor) == ("loihi1*0.5", 0.5)
    assert half.title == "Intel Loihi, Davies et al. 2018 x 0.5, a factor of yours, not measured"
    assert half.note == "every energy is that of loihi1 times 0.5, a factor of yours: not measured"
    for name, figure in base.energies.items():
        assert half.energies[name].value == figure.value / 2
        assert half.energies[name].status is Status.UNVERIFIED
        assert half.energies[name].source == f"{figure.source}; times 0.5, a factor of the user's"
    assert (half.numbers, half.chip, half.included) == (base.numbers, base.chip, base.included)
    assert half.sha256 != base.sha256


def test_a_factor_multiplies_ranges_and_memories_but_no_power(tmp_path: Path) -> None:
    low, high = 45.0, 13300.0
    figure = load_energy_profile("spinnaker1*2").energies["synaptic_operation"]
    assert (figure.low, figure.value, figure.high) == (2 * low, 2 * high, 2 * high)
    assert figure.status is Status.CONFLICTING
    path = tmp_path / "mine.toml"
    path.write_text(written({**OPERATION, **BITS, "static_power": 3.0, "step_time": 5.0}, (SMALL,)))
    profile = load_energy_profile(f"{path}*4")
    assert profile.name == "mine*4"
    assert isinstance(profile.memories[0], Memory)
    assert profile.memories[0].energy.value == 40.0
    assert profile.energies["static_power"].value == 3.0
    assert profile.energies["step_time"].value == 5.0


def test_names_with_factors_are_as_given_but_for_spelling() -> None:
    def plain(profile: EnergyProfile) -> EnergyProfile:
        return replace(profile, title="", note="")

    assert plain(load_energy_profile("loihi1*.5")) == plain(load_energy_profile("loihi1*5e-1"))
    assert load_energy_profile("loihi1*2").name == "loihi1*2"


@pytest.mark.parametrize("factor", ["", "x", "0", "-1", "nan", "inf", "1e7", "1e-7", "0,5"])
def test_what_is_no_factor(factor: str) -> None:
    with pytest.raises(EnergyProfileError) as caught:
        load_energy_profile(f"loihi1*{factor}")
    assert str(caught.value) == (
        f"energy profile loihi1*{factor}: the factor {factor!r} is no number from 1e-06 to 1e+06; write"
        " NAME*FACTOR, such as loihi1*0.5"
    )


def test_nothing_cannot_be_multiplied() -> None:
    with pytest.raises(
        EnergyProfileError, match=r"energy profile loihi2\*2: there is nothing to multiply: no energy"
    ):
        load_energy_profile("loihi2*2")


@pytest.mark.parametrize("value", VALUES, ids=range(len(VALUES)))
def test_any_value_at_any_place_is_read_or_refused_with_its_path(value: str) -> None:
    lines = written({**OPERATION, **MESH, **BITS}, (SMALL,), headed(note="n", chip="c")).splitlines()
    lines += ["[included]", 'static = "all of it"']
    found: list[str] = []
    for place, line in enumerate(lines):
        if "=" not in line:
            continue
        changed = [*lines[:place], f"{line.partition('=')[0]}= {value}", *lines[place + 1 :]]
        try:
            parse_energy_profile("\n".join(changed).encode(), "my", "my.toml")
        except EnergyProfileError as error:
            found += [problem.where for problem in error.problems]
    assert len(found) > 20
    assert all(where.startswith("my.toml") for where in found)
