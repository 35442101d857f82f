"""`msc energy` counts what a run does, prices it, and says so in a table, as JSON or on a page."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.cli.artefacts import FLOATING
from tests.cli.searching import Answer, Caller
from tests.cli.terminal import in_terminal
from tests.cli.test_interrupt import INTERRUPTED, interrupted_in_write
from tests.cli.training import names

PROFILES = Path(__file__).parents[2] / "compiler/energy/profiles"
DYADIC = ("--weights", "dyadic")
FRAMES = np.random.default_rng(2).integers(0, 17, (6, 1, 8, 8)).astype(np.float32) / 16
EVENTS = np.random.default_rng(3).integers(0, 2, (5, 4, 2, 8, 8)).astype(np.uint8)


@pytest.fixture
def call(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Caller:
    np.save("x.npy", FRAMES)
    np.save("e.npy", EVENTS)
    return Caller(monkeypatch, capsys)


def answered(call: Caller, *arguments: str | Path) -> Answer:
    """Call `msc energy`, which must succeed."""
    answer = call("energy", *arguments)
    assert answer.code == 0, answer
    return answer


def told(call: Caller, *arguments: str | Path) -> dict[str, Any]:
    """Call `msc energy --json`; returns what it says."""
    return json.loads(answered(call, *arguments, "--json").stdout)


def test_the_answer_fits_a_terminal_and_says_what_json_says(call: Caller, digits_genome: Path) -> None:
    given = (digits_genome, *DYADIC, "--data", "digits", "--samples", "40")
    text, said = answered(call, *given).stdout, told(call, *given)
    assert max(map(len, text.splitlines())) <= 80
    assert "samples  digits, 40 of 360 test samples, seed 0" in text
    assert f"accuracy {said['accuracy']:.2%}" in text
    total = said["total"]
    for name, count in (("spikes", total["spikes"]), ("dense operations", total["dense"])):
        assert f"{name:26}{count:>18,.0f}" in text or f"{name:26}{count:>18,.1f}" in text
    for profile in ("loihi1", "cmos45-int8"):
        assert f"\n{profile}: " in text
        assert set(said["profiles"][profile]["terms"]) == {
            *("synaptic_operations", "neuron_updates", "memory", "messages", "static")
        }
    ends = [". ".join(twin["verdict"].split(". ")[3:]) for twin in said["twin"].values()]
    for sentence in (*ends, *said["warnings"]):
        assert " ".join(sentence.split()) in " ".join(text.split())
    assert "which is cheaper depends on the memory model" in " ".join(text.split())


def test_json_keeps_its_contract(call: Caller, digits_genome: Path) -> None:
    said = told(call, digits_genome, *DYADIC, "--data", "digits", "--samples", "40")
    assert (said["format"], said["version"], said["samples"]) == ("msc.energy", 1, 40)
    total = said["total"]
    for key in ("spikes", "effective_acs", "effective_macs", "dense"):
        assert total[key] > 0
    assert total["membrane_updates"] <= total["neuron_updates_dense"]
    for population in said["populations"]:
        assert {"name", "neurons", "spikes", "rate"} <= set(population)
        slots = population["neurons"] * said["steps"]
        assert population["rate"] == pytest.approx(population["spikes"] / slots)
    for projection in said["projections"]:
        assert {"name", "source", "target", "kind", "events", "dense"} <= set(projection)
        assert 0 <= projection["events"] <= projection["dense"]
    by_kind = {
        kind: math.fsum(p["events"] for p in said["projections"] if p["kind"] == kind)
        for kind in ("ac", "mac")
    }
    assert by_kind == pytest.approx({"ac": total["effective_acs"], "mac": total["effective_macs"]})
    loihi = said["profiles"]["loihi1"]
    known = [term for term in loihi["terms"].values() if term is not None]
    assert loihi["total_nj"]["high"] == pytest.approx(sum(term["high"] for term in known))
    assert loihi["terms"]["messages"] is None, "n/a, never 0"
    assert loihi["total_nj"]["low"] <= loihi["total_nj"]["high"]


def test_counts_are_those_of_the_spikes_that_run_writes(call: Caller, digits_genome: Path) -> None:
    said = told(call, digits_genome, *DYADIC, "--input", "x.npy")
    assert call("run", digits_genome, *DYADIC, "--input", "x.npy", "-o", "s.npz").code == 0
    with np.load("s.npz") as spikes:
        for population in said["populations"]:
            assert population["spikes"] == pytest.approx(spikes[population["name"]].sum() / len(FRAMES))
    assert said["accuracy"] is None, "no labels, no accuracy"


def test_every_way_to_run_the_same_network_counts_the_same(
    call: Caller, genome: Path, artefacts: dict[str, Path]
) -> None:
    """On dyadic weights, where float32 is exact; the JSON's `counts_sha256` is of every sample's counts."""
    first = told(call, genome, *DYADIC, "--input", "x.npy")
    again = told(call, genome, *DYADIC, "--input", "x.npy", "--on", "reference")
    assert again["simulator"] == "reference"
    assert (again["counts_sha256"], again["total"]) == (first["counts_sha256"], first["total"])
    for target in FLOATING:
        said = told(call, artefacts[target], "--input", "x.npy")
        for key in ("spikes", "effective_acs", "effective_macs", "effective_macs_once"):
            assert said["total"][key] == first["total"][key], (target, key)
    assert {
        target: told(call, artefacts[target], "--input", "x.npy")["static_input"] for target in FLOATING
    } == {
        "nir": "every-step",
        "onnx": "once",
        "pytorch": "once",
    }


def test_static_input_once_costs_less(call: Caller, digits_genome: Path) -> None:
    given = (digits_genome, *DYADIC, "--input", "x.npy", "--profile", "cmos45-int8")
    each, once = told(call, *given), told(call, *given, "--static-input", "once")
    assert each["total"] == once["total"]
    ends = [said["profiles"]["cmos45-int8"]["terms"]["synaptic_operations"]["high"] for said in (each, once)]
    assert ends[0] > ends[1] > 0


def test_samples_are_drawn_by_seed_and_fewer_are_among_more(call: Caller, digits_genome: Path) -> None:
    from msc.compiler.cli.energy_data import read_split, samples_of
    from msc.compiler.cli.energy_options import Options
    from msc.compiler.cli.subjects import Reading, open_subject

    subject = open_subject(str(digits_genome), Reading())

    def drawn(samples: int, seed: int) -> Any:
        options = Options(str(digits_genome), data="digits", samples=samples, seed=seed)
        return samples_of(read_split(options, subject), options, subject)

    few, more, other, every = drawn(20, 0), drawn(60, 0), drawn(20, 1), drawn(360, 0)
    assert len({sample.tobytes() for sample in few.inputs}) == 20, "without replacement"
    assert {s.tobytes() for s in few.inputs} < {s.tobytes() for s in more.inputs}
    assert {s.tobytes() for s in few.inputs} != {s.tobytes() for s in other.inputs}
    split = read_split(Options("g", data="digits"), subject)
    assert np.array_equal(every.inputs, split.test_inputs)
    assert np.array_equal(every.labels, split.test_labels)
    assert every.note is None
    assert drawn(361, 0).note == "digits has 360 test samples: all are run"


def test_fewer_samples_than_asked_for_are_told(call: Caller, digits_genome: Path) -> None:
    given = (digits_genome, *DYADIC, "--input", "x.npy")
    assert "all are run" not in answered(call, *given).stderr
    answer = answered(call, *given, "--samples", "7")
    assert "x.npy holds 6 samples: all are run" in answer.stderr.splitlines()
    assert "x.npy, all 6 samples" in answer.stdout
    assert "x.npy, 2 of 6 samples, seed 0" in answered(call, *given, "--samples", "2").stdout


def test_the_same_call_gives_the_same_bytes(call: Caller, digits_genome: Path) -> None:
    given = (digits_genome, *DYADIC, "--data", "digits", "--samples", "20")
    first = [answered(call, *given, *more, "-o", "page.html") for more in ((), ("--json",))]
    page = Path("page.html").read_bytes()
    again = [answered(call, *given, *more, "-o", "page.html") for more in ((), ("--json",))]
    assert first == again
    assert Path("page.html").read_bytes() == page


def test_files_take_their_form_from_their_ending(call: Caller, digits_genome: Path) -> None:
    given = (digits_genome, *DYADIC, "--input", "x.npy")
    text = answered(call, *given)
    written = answered(call, *given, "-o", "report.txt")
    assert written.stdout == f"{text.stdout}\nwritten: report.txt\n"
    assert Path("report.txt").read_text() == text.stdout
    answered(call, *given, "-o", "report.json")
    answer = answered(call, *given, "--json", "-o", "REPORT.HTML")
    assert answer.stdout == Path("report.json").read_text()
    assert "written: REPORT.HTML" in answer.stderr
    assert Path("REPORT.HTML").read_text().startswith("<!DOCTYPE html>")
    answered(call, *given, "--json", "-o", "counts")
    assert Path("counts").read_text() == answer.stdout
    answered(call, *given, "--html")
    assert Path("g-energy.html").read_text() == Path("REPORT.HTML").read_text()
    Path("mine.html").write_text("old")
    answered(call, *given, "-o", "mine.html")
    assert Path("mine.html").read_text() == Path("REPORT.HTML").read_text()


def test_stages_side_by_side_say_why_they_differ(call: Caller, digits_genome: Path) -> None:
    stages = ("--stage", "placed", "--stage", "trained", "--stage", "quantised")
    given = (digits_genome, "--data", "digits", "--samples", "30", *stages, "--option", "input=bias")
    text, said = answered(call, *given).stdout, told(call, *given)
    assert said["stage"] == "trained"
    assert list(said["stages"]) == ["placed", "quantised"], "sorted, as all of the JSON is"
    assert max(map(len, text.splitlines())) <= 80
    assert "quantised instead of trained, per sample\n" in text
    assert "placed instead of trained, per sample: all of that, and\n" in text
    assert "a frame's current computed once, by a host" in " ".join(text.split())
    for stage in ("quantised", "placed"):
        later = said["stages"][stage]
        assert later["simulator"] == "loihi"
        assert later["accuracy"] is not None
        events = [sum(s["total"][k] for k in ("effective_acs", "effective_macs")) for s in (said, later)]
        told_events = sum(change["events"] for change in said["changes"][stage])
        assert told_events == pytest.approx(events[1] - events[0])
    assert said["stages"]["quantised"]["accuracy"] == said["stages"]["placed"]["accuracy"]
    assert said["profiles"]["loihi1"]["terms"]["messages"] is None
    assert said["stages"]["placed"]["profiles"]["loihi1"]["terms"]["messages"]["high"] > 0
    assert said["facts"]["options"] == "input=bias"


def test_a_bundle_runs_as_it_was_placed(call: Caller, bundle: Path) -> None:
    """Its input goes as graded spikes, which the usual profile's chip does not have."""
    answer = answered(call, bundle, "--input", "x.npy")
    said = " ".join(answer.stderr.split())
    assert said.startswith(
        "not placed on loihi1, which does not have the graded spikes that the input goes as"
    )
    assert "compiled with --option input=bias" in said
    assert "\nplaced " in answer.stdout
    assert "all 6 samples" in answer.stdout
    refused = call("energy", bundle, "--input", "x.npy", "--profile", "loihi1")
    assert refused.code == 2
    assert refused.stderr == (
        f"{bundle}: its input goes as graded spikes, which loihi1 does not have; compile it again with "
        "--option input=bias, or choose other profiles\n"
    )


def test_events_are_counted_as_accumulations(call: Caller, events_genome: Path) -> None:
    answer = answered(call, events_genome, *DYADIC, "--input", "e.npy")
    assert "input (events)" in answer.stdout
    said = told(call, events_genome, *DYADIC, "--input", "e.npy")
    assert said["total"]["effective_macs"] == 0
    assert said["static_input"] is None
    assert (said["samples"], said["steps"]) == (4, 5)


def test_nir_files_of_values_and_of_events(call: Caller, foreign: Path) -> None:
    np.save("n.npy", np.random.default_rng(1).integers(0, 2, (6, 3, 5)).astype(np.uint8))
    values, events = (
        told(call, foreign, "--input", "n.npy"),
        told(call, foreign, "--input", "n.npy", "--events"),
    )
    assert values["total"]["effective_macs"] == values["projections"][0]["events"] > 0
    assert events["total"]["effective_macs"] == 0
    assert events["total"]["effective_acs"] == sum(
        values["total"][k] for k in ("effective_acs", "effective_macs")
    )


def test_votes_of_an_artefact_are_counted_as_those_of_its_genome(call: Caller, digits_genome: Path) -> None:
    compiled = call("compile", digits_genome, *DYADIC, "--target", "pytorch", "-o", "out")
    assert compiled.code == 0
    given = ("--data", "digits", "--samples", "50")
    assert told(call, "out", *given)["accuracy"] == told(call, digits_genome, *DYADIC, *given)["accuracy"]


def test_a_limit_that_holds(call: Caller, digits_genome: Path) -> None:
    given = (digits_genome, *DYADIC, "--data", "digits", "--samples", "40")
    assert "--fail-above" not in answered(call, *given, "--fail-above", "1 J").stderr


def test_a_limit_that_does_not_hold_names_profiles_and_by_how_much(call: Caller, digits_genome: Path) -> None:
    profiles = ("--profile", "loihi1", "--profile", "loihi2", "--profile", "cmos45-int8")
    given = (digits_genome, *DYADIC, "--data", "digits", "--samples", "40", *profiles)
    said = told(call, *given)
    most = {name: said["profiles"][name]["interval_nj"]["high"] for name in ("loihi1", "cmos45-int8")}
    low, high = sorted((most["cmos45-int8"][1], most["loihi1"][1]))
    limit = f"{math.sqrt(low * high):.4f}nJ"
    answer = call("energy", *given, "--fail-above", limit, "-o", "kept.json")
    assert answer.code == 1
    assert Path("kept.json").exists(), "the answer is written all the same"
    lines = [line for line in answer.stderr.splitlines() if line.startswith("--fail-above")]
    above = next(name for name, ends in most.items() if ends[1] == high)
    assert len(lines) == 2
    assert lines[1 if above == "cmos45-int8" else 0].startswith(f"--fail-above {limit}: {above}: up to ")
    assert any(
        line == f"--fail-above {limit}: loihi2: its energy is not known, no term of the profile has a price"
        for line in lines
    )


def test_a_limit_is_held_against_the_upper_end_of_the_interval(call: Caller, digits_genome: Path) -> None:
    given = (digits_genome, *DYADIC, "--data", "digits", "--samples", "40", "--profile", "loihi1")
    found = told(call, *given)["profiles"]["loihi1"]
    mean, upper = found["total_nj"]["high"], found["interval_nj"]["high"][1]
    assert mean < upper
    assert call("energy", *given, "--fail-above", f"{(mean + upper) / 2:.6f}nJ").code == 1
    assert call("energy", *given, "--fail-above", f"{upper * 1.0001:.6f}nJ").code == 0
    alone = (*given[:3], "--input", "one.npy", "--profile", "loihi1")
    np.save("one.npy", FRAMES[:1])
    found = told(call, *alone)["profiles"]["loihi1"]
    assert found["interval_nj"]["high"] is None
    assert call("energy", *alone, "--fail-above", f"{found['total_nj']['high'] * 0.9999:.6f}nJ").code == 1
    assert call("energy", *alone, "--fail-above", f"{found['total_nj']['high'] * 1.0001:.6f}nJ").code == 0


def test_profiles_of_ones_own(call: Caller, digits_genome: Path) -> None:
    shipped = (PROFILES / "cmos45-int8.toml").read_text()
    Path("mine.toml").write_text(shipped.replace("45 nm CMOS, 8-bit integers", "My own"))
    profiles = ("--profile", "mine.toml", "--profile", "cmos45-int8", "--profile", "loihi1*0.5")
    given = (digits_genome, *DYADIC, "--input", "x.npy", *profiles)
    assert "\nmine: My own\n" in answered(call, *given).stdout
    said = told(call, *given)["profiles"]
    assert said["mine"]["total_nj"] == said["cmos45-int8"]["total_nj"]
    assert len(said) == 3


def test_a_profile_without_a_price_prints_no_zero(call: Caller, digits_genome: Path) -> None:
    given = (digits_genome, *DYADIC, "--input", "x.npy", "--profile", "loihi2")
    text = answered(call, *given).stdout
    assert f"{'total of what is known':26}{'n/a':>18}" in text
    assert "loihi2: unpublished: " in text
    assert told(call, *given)["profiles"]["loihi2"]["total_nj"] is None


def test_help_fits_a_terminal(call: Caller) -> None:
    answer = call("energy", "--help")
    assert answer.code == 0
    for option in ("--data", "--samples", "--stage", "--profile", "--fail-above", "--static-input", "--html"):
        assert option in answer.stdout
    assert max(map(len, answer.stdout.splitlines())) <= 80


def test_a_terminal_is_left_as_it_was(digits_genome: Path, tmp_path: Path) -> None:
    np.save(tmp_path / "x.npy", FRAMES)
    given = (digits_genome, *DYADIC, "--input", "x.npy")
    code, stdout, written = in_terminal("energy", *given, folder=tmp_path)
    assert code == 0
    assert stdout.startswith("g.json: energy per sample")
    assert "trained" in written
    assert "Traceback" not in written


def test_ctrl_c_while_samples_run(digits_genome: Path, tmp_path: Path) -> None:
    """The signal comes once the bar stands on the terminal; the file there was stays."""
    (tmp_path / "page.html").write_text("old")
    np.save(tmp_path / "x.npy", np.repeat(FRAMES, 20_000, axis=0))
    given = (digits_genome, *DYADIC, "--input", "x.npy", "--samples", "120000", "-o", "page.html")
    code, stdout, written = in_terminal(
        "energy", *given, folder=tmp_path, watch=lambda text: 1 if "trained" in text else 0
    )
    assert (code, stdout) == (INTERRUPTED, ""), written
    assert written.rstrip().endswith("interrupted")
    assert "Traceback" not in written
    assert (tmp_path / "page.html").read_text() == "old"
    assert names(tmp_path) == {"page.html", "x.npy"}


def test_ctrl_c_while_the_answer_is_written(digits_genome: Path, tmp_path: Path) -> None:
    np.save(tmp_path / "x.npy", FRAMES)
    (tmp_path / "report.json").write_text("old")
    given = ("energy", digits_genome, *DYADIC, "--input", "x.npy", "-o", "report.json")
    result = interrupted_in_write(*given, folder=tmp_path)
    assert (result.returncode, result.stdout) == (INTERRUPTED, ""), result.stderr
    assert result.stderr.splitlines()[-1] == "interrupted"
    assert (tmp_path / "report.json").read_text() == "old"
    assert names(tmp_path) == {"report.json", "x.npy"}


def test_profiles_with_other_tiles_are_not_counted_together(call: Caller) -> None:
    """Both are of one chip; hops between its cores are counted on one layout of tiles."""
    shape = ("--input-shape", "1,16,16", "--channels", "8", "--layers", "2", "--timesteps", "2")
    assert call("new", *shape, "-o", "large.json").code == 0
    np.save("l.npy", np.ones((2, 1, 16, 16), np.float32))
    text = (PROFILES / "loihi1.toml").read_text()
    for name, before, after in (("cores_per_tile", 4, 1), ("tiles_across", 8, 32)):
        assert f"[numbers.{name}]\nvalue = {before}\n" in text
        text = text.replace(f"[numbers.{name}]\nvalue = {before}\n", f"[numbers.{name}]\nvalue = {after}\n")
    Path("flat.toml").write_text(text)
    placed = ("large.json", "--input", "l.npy", "--stage", "placed", "--option", "input=bias")
    answer = call("energy", *placed, "--profile", "loihi1", "--profile", "flat.toml")
    assert (answer.code, answer.stdout) == (2, "")
    assert answer.stderr.splitlines()[-1] == (
        "--profile flat: has other tiles than --profile loihi1; run the two one at a time"
    )
    said = told(call, *placed, "--profile", "loihi1", "--profile", "loihi1-sanafe")
    assert all(said["profiles"][name]["terms"]["messages"]["high"] > 0 for name in said["profiles"])


def test_an_option_of_the_target_names_the_chip_where_no_profile_does(
    call: Caller, digits_genome: Path
) -> None:
    placed = (digits_genome, *DYADIC, "--input", "x.npy", "--stage", "placed")
    answer = answered(call, *placed, "--option", "profile=loihi2")
    assert "not placed on" not in answer.stderr
    refused = call("energy", *placed, "--option", "profile=loihi1")
    assert refused.code == 2
    assert "graded spikes need Loihi 2; --option input=bias" in refused.stderr
