from __future__ import annotations

import tomllib
from dataclasses import fields
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from msc.compiler.registry import discover
from msc.compiler.toml_files import LIMIT_BYTES
from msc.ir.files import FileError
from msc.search.training.checking import check_settings
from msc.search.training.recipe import (
    RecipeError,
    find_recipe,
    parse_recipe,
    recipe_for,
    recipe_names,
)
from msc.search.training.settings import Settings

NO_TEXT = "is not a line of text; write"
HEAD = 'format = "msc.recipe"\nversion = 1\ntitle = "A title"\nsource = "Ours, not measured."\n'


def refusal(text: str | bytes) -> list[str]:
    with pytest.raises(RecipeError) as caught:
        parse_recipe(text if isinstance(text, bytes) else text.encode(), "mine", "mine.toml")
    return str(caught.value).splitlines()


@pytest.mark.parametrize("name", recipe_names())
class TestShipped:
    def test_can_be_trained_with(self, name: str) -> None:
        recipe = find_recipe(name)
        check_settings(recipe.settings)
        assert recipe.name == name

    def test_says_where_its_numbers_come_from(self, name: str) -> None:
        source = find_recipe(name).source
        if name.endswith("-released"):
            assert source.startswith("The authors' code (")
            assert "not measured here" in source
        else:
            assert source.startswith(("Ours, not measured", "Ours, measured: "))


def test_each_data_set_has_its_recipe() -> None:
    data_sets = {part.name for part in discover("msc.search.data", "DATASET").values()}  # type: ignore[attr-defined]
    others = {"default", "saccades", "mse-nas-released", "snasnet-released"}
    assert set(recipe_names()) == data_sets | others
    assert {recipe_for(name).name for name in data_sets} == data_sets


@pytest.mark.parametrize(
    ("data", "name"),
    [
        ("saccades:mnist", "saccades"),
        ("saccades:some/file.npz", "saccades"),
        ("some/file.npz", "default"),
        ("./mnist", "default"),
        ("a folder", "default"),
        ("mnist:copy", "default"),
        ("mnist.npz", "default"),
        ("snasnet-released", "default"),
    ],
)
def test_other_data_have_a_recipe_too(data: str, name: str) -> None:
    assert recipe_for(data).name == name


def test_the_default_recipe_names_every_setting_as_the_program_has_it() -> None:
    assert find_recipe("default").settings == Settings()
    text = Path(__file__).parents[3].joinpath("search/training/recipes/default.toml").read_text()
    assert list(tomllib.loads(text)["settings"]) == [field.name for field in fields(Settings)]


def test_released_settings_are_those_of_the_code() -> None:
    """facts/mse-nas-and-snasnet.md, sections 3 and 4."""
    mse_nas = find_recipe("mse-nas-released").settings
    assert mse_nas.learning_rate == pytest.approx(5e-3 * mse_nas.batch / 1024)
    assert mse_nas.warmup * mse_nas.epochs == pytest.approx(5)
    snasnet = find_recipe("snasnet-released").settings
    assert snasnet.least_learning_rate == pytest.approx(snasnet.learning_rate / 100)
    assert (mse_nas.clip, snasnet.clip) == (0, 0)


def test_a_recipe_is_read_from_a_file(tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_text(HEAD + '[settings]\nepochs = 2\nclip = 1\naugment = ["flip"]\n')
    recipe = find_recipe(str(path))
    assert (recipe.name, recipe.title, recipe.source) == ("mine", "A title", "Ours, not measured.")
    assert recipe.settings == Settings(epochs=2, clip=1.0, augment=("flip",))
    assert isinstance(recipe.settings.clip, float)


def test_settings_left_out_are_the_program_s() -> None:
    assert parse_recipe(HEAD.encode(), "mine", "mine.toml").settings == Settings()


def test_an_unknown_recipe_is_refused_naming_all() -> None:
    with pytest.raises(RecipeError) as caught:
        find_recipe("cifar")
    listed = ", ".join(recipe_names())
    assert str(caught.value) == (
        f"recipe cifar: there is no such recipe; use one of: {listed}, or the path of a .toml file"
    )


def test_a_file_that_is_missing_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "none.toml"
    with pytest.raises(FileError) as caught:
        find_recipe(str(path))
    expected = f"{path}: cannot read the recipe (no such file or directory); check the path"
    assert str(caught.value) == expected


def test_a_file_that_is_too_large_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "large.toml"
    path.write_bytes(HEAD.encode() + b"#" * LIMIT_BYTES)
    with pytest.raises(FileError, match="larger than 16384 bytes, the limit for a recipe"):
        find_recipe(str(path))
    assert refusal(path.read_bytes())[0].startswith("mine.toml: is larger than 16384 bytes")


def test_all_offenders_are_listed() -> None:
    text = HEAD.replace('"A title"', "3") + (
        'author = "me"\n[settings]\nepochs = 0\nbatch = true\nlearning_rate = nan\nclip = inf\nwarmup = "a"\n'
        'loss = "hinge"\naugment = "flip"\nlr = 1\nseed = 1979-05-27\nsurrogate = ["atan"]\n'
    )
    known = ", ".join(field.name for field in fields(Settings))
    assert refusal(text) == [
        "mine.toml, author: is an unknown key; remove it; "
        "known here: format, version, title, source, settings",
        f'mine.toml, title: {NO_TEXT} title = "..."',
        f"mine.toml, settings.lr: is no setting of a training; use: {known}",
        "mine.toml, settings.epochs: is 0; give an integer from 1 to 1000000",
        "mine.toml, settings.batch: is True; give an integer from 1 to 1000000",
        f"mine.toml, settings.seed: is datetime.date(1979, 5, 27); give an integer from 0 to {2**63 - 1}",
        "mine.toml, settings.learning_rate: is nan; give a number above 0 and at most 1000",
        "mine.toml, settings.warmup: is 'a'; give a number at least 0 and at most 1",
        "mine.toml, settings.clip: is inf; give a number at least 0 and at most 1000",
        "mine.toml, settings.loss: is 'hinge'; use one of: mean, tet",
        "mine.toml, settings.surrogate: is a list; use one of: "
        + ", ".join(sorted(discover("msc.backends.pytorch.surrogates", "SURROGATE"))),
        "mine.toml, settings.augment: is not a list; write a list of: erase, flip, shift",
    ]


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("", 'mine.toml, format: is missing; write format = "msc.recipe"'),
        (HEAD.replace("= 1", "= 2"), "mine.toml, version: is 2, not 1; write version = 1"),
        (HEAD.replace("= 1", "= true"), "mine.toml, version: is True, not 1; write version = 1"),
        (
            HEAD.replace("msc.recipe", "msc.genome"),
            "mine.toml, format: is 'msc.genome', not 'msc.recipe'; write format = \"msc.recipe\"",
        ),
        (
            HEAD.replace("Ours, not measured.", " "),
            f'mine.toml, source: {NO_TEXT} source = "..."',
        ),
        (
            HEAD.replace("A title", "a\\u001b[2J"),
            f'mine.toml, title: {NO_TEXT} title = "..."',
        ),
        (HEAD.replace("title", "tilte"), 'mine.toml, title: is missing; write title = "..."'),
        (HEAD + "settings = 3", "mine.toml, settings: is not a table; write [settings] and a line for each"),
        (b"\xff", "mine.toml: is not UTF-8 text (byte 0); give a recipe (TOML)"),
        ("x = " + "[" * 10_000, "mine.toml: is nested too deeply; give a recipe (TOML)"),
    ],
)
def test_a_file_that_is_no_recipe_is_refused(text: str | bytes, line: str) -> None:
    assert line in refusal(text)


@pytest.mark.parametrize("text", ["{}", "a = 1\na = 2", "x = " + "9" * 5000, HEAD + "[settings]\n[settings]"])
def test_a_file_that_is_not_toml_is_refused(text: str) -> None:
    (line,) = refusal(text)
    assert line.startswith("mine.toml: is not TOML: ")
    assert line.endswith("; repair the file")


def test_many_unknown_keys_are_not_all_told() -> None:
    keys = "".join(f"key{number} = 1\n" for number in range(500))
    assert len(refusal(HEAD + keys + "[settings]\n" + keys)) == 40


_VALUES = st.recursive(
    st.one_of(
        st.integers(),
        st.floats().map(lambda x: repr(x)),
        st.booleans().map(lambda x: str(x).lower()),
        st.sampled_from(['"mean"', '"x"', "1979-05-27", "[]", "{}"]),
    ).map(str),
    lambda inner: st.lists(inner, max_size=3).map(lambda items: f"[{', '.join(items)}]"),
    max_leaves=4,
)


@given(st.dictionaries(st.sampled_from([field.name for field in fields(Settings)]), _VALUES, max_size=6))
def test_whatever_a_file_says_it_is_a_recipe_that_trains_or_refused(values: dict[str, str]) -> None:
    lines = "".join(f"{key} = {value}\n" for key, value in values.items())
    try:
        recipe = parse_recipe((HEAD + "[settings]\n" + lines).encode(), "mine", "mine.toml")
    except RecipeError:
        return
    check_settings(recipe.settings)


@given(st.binary(max_size=200))
def test_whatever_bytes_a_file_holds_it_is_read_or_refused(data: bytes) -> None:
    with pytest.raises(RecipeError):
        parse_recipe(data, "mine", "mine.toml")
