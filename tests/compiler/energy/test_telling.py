"""The JSON of a report: exactly the keys that docs/energy-json.md lists, and the issue's contract."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from msc.compiler.energy.prices import TERMS
from msc.compiler.energy.report import Change, EnergyReport, Stage
from msc.compiler.energy.tallies import mean
from msc.compiler.energy.telling import to_json
from msc.ir.activity import Quantity
from msc.ir.synapses import Operation
from tests.architecture.modules import ROOT
from tests.compiler.energy.reports import MODELS, report_of, reported
from tests.compiler.energy.runs import ONCE
from tests.networks import NETWORKS

DOCUMENTED = re.findall(r"^\| `([^`]+)` \|", (ROOT / "docs/energy-json.md").read_text(), re.MULTILINE)
RANGES = {"low", "high"}


def report(name: str = "chain", later: str | None = "membrane") -> EnergyReport:
    stages = [report_of(name)]
    changes = {}
    if later is not None:
        stages.append(replace(report_of(later), stage=Stage.PLACED))
        changes = {Stage.PLACED: (Change("relays repeat spikes", 12.0, None),)}
    return EnergyReport("chain", {"network": "chain"}, tuple(stages), changes)


def paths(value: Any, path: str = "") -> Iterator[str]:
    """Every path to a value, a range or a list of plain values; names that vary are in capitals."""
    if (isinstance(value, dict) and set(value) != RANGES) or path.endswith("interval_nj"):
        for key, each in value.items():
            yield from paths(each, f"{path}.{named(path, key)}" if path else key)
    elif isinstance(value, list) and any(isinstance(each, dict) for each in value):
        for each in value:
            yield from paths(each, f"{path}[]")
    elif isinstance(value, list):
        yield f"{path}[]"
    else:
        yield path


def named(path: str, key: str) -> str:
    """Write a key that depends on network or call in capitals."""
    varying = {
        "facts": "FACT",
        "stages": "STAGE",
        "changes": "STAGE",
        "intervals": "COUNT",
        "profiles": "PROFILE",
        "twin": "TWIN",
    }
    below = {"terms": "TERM", "notes": "TERM", "parts": "TERM", "memory": "SIZE"}
    if path in varying:
        return varying[path]
    if path.startswith("profiles.PROFILE.parts.TERM"):
        return "PART"
    return below.get(path.removeprefix("profiles.PROFILE."), key) if path.startswith("profiles.") else key


def found_paths(told: dict[str, Any]) -> set[str]:
    """The documented form of all paths of a report; a null stands for whatever could be there."""
    top = {key: value for key, value in told.items() if key != "stages"}
    found = set(paths(top)) | ({"stages.STAGE"} if told["stages"] else set())
    documented = set(DOCUMENTED)
    for path in list(found - documented):
        if f"{path}[]" in documented or any(each.startswith(f"{path}.") for each in documented):
            found.discard(path)  # null, or an empty object, in place of what is documented
    return found


def test_a_report_has_exactly_the_keys_that_are_documented() -> None:
    """A report with a later stage, a static input, messages that nobody counted: every key turns up."""
    told = to_json(report())
    found = found_paths(told)
    assert found - set(DOCUMENTED) == set()
    assert set(DOCUMENTED) - found == set()
    assert len(DOCUMENTED) == len(set(DOCUMENTED))


@pytest.mark.parametrize("name", MODELS)
def test_reports_of_every_network_have_no_other_keys(name: str) -> None:
    told = to_json(report(name, None))
    assert found_paths(told) <= set(DOCUMENTED)
    assert json.loads(json.dumps(told, allow_nan=False)) == told


def test_later_stages_have_the_keys_of_a_stage() -> None:
    told = to_json(report())
    whole = {"format", "version", "title", "facts", "stages", "changes"}
    assert set(told["stages"]) == {"placed"}
    assert set(told["stages"]["placed"]) == set(told) - whole
    assert told["changes"] == {
        "placed": [{"reason": "relays repeat spikes", "events": 12.0, "updates": None}]
    }


@pytest.mark.parametrize("name", MODELS)
def test_the_contract_of_the_issue(name: str) -> None:
    told, found = to_json(report(name, None)), report_of(name)
    activity, network = found.activity, found.wiring.network
    assert (told["format"], told["version"], told["samples"]) == ("msc.energy", 1, 3)
    assert set(told["total"]) >= {
        "spikes",
        "effective_acs",
        "effective_macs",
        "dense",
        "membrane_updates",
        "neuron_updates_dense",
    }
    assert set(told["profiles"]["loihi1"]["terms"]) == set(TERMS)
    by_kind = {
        kind: sum(p["events"] for p in told["projections"] if p["kind"] == kind.value) for kind in Operation
    }
    assert told["total"]["effective_acs"] == pytest.approx(by_kind[Operation.AC])
    assert told["total"]["effective_macs"] == pytest.approx(by_kind[Operation.MAC])
    assert told["total"]["spikes"] == pytest.approx(sum(p["spikes"] for p in told["populations"]))
    assert told["total"]["dense"] == sum(p["dense"] for p in told["projections"])
    assert told["total"]["dense"] == found.wiring.structural * activity.steps
    assert told["total"]["membrane_updates"] == activity.total(Quantity.UPDATES) / 3
    assert network.source.name not in {p["name"] for p in told["populations"]}
    for each in told["populations"]:
        if each["neuron"] != "LI":
            slots = each["neurons"] * activity.steps
            assert each["rate"] == pytest.approx(each["spikes"] / slots)
            assert each["spikes"] == activity.total(Quantity.SPIKES, each["name"]) / 3


def test_missing_is_null_and_never_zero() -> None:
    told = to_json(report())["profiles"]
    assert told["loihi1"]["terms"]["messages"] is None
    assert told["loihi1"]["terms"]["memory"] is None
    assert told["loihi1"]["notes"]["memory"]["standing"] == "included in another term"
    assert told["loihi1"]["missing"] == ["messages", "static"]
    assert told["loihi2"]["total_nj"] is None
    assert set(told["loihi2"]["terms"].values()) == {None}


def test_means_that_are_whole_are_integers() -> None:
    assert repr([mean(12, 4), mean(13, 4), mean(0, 7), mean(2**62, 2)]) == f"[3, 3.25, 0, {2**61}]"
    told = to_json(report())["total"]
    assert isinstance(told["dense"], int)


def test_leaky_integrators_do_not_spike() -> None:
    told = to_json(report("membrane", None))
    last = next(each for each in told["populations"] if each["neuron"] == "LI")
    assert (last["spikes"], last["rate"], last["silent_share"]) == (0, None, None)
    assert last["membrane_updates"] > 0


def test_a_frame_that_is_computed_once() -> None:
    told = to_json(report())
    first = told["projections"][0]
    assert first["events_once"] * 6 == first["events"] == told["total"]["effective_macs"]
    assert told["total"]["effective_macs_once"] == first["events_once"]
    assert told["projections"][1]["events_once"] is None
    assert told["static_input"] == "every-step"
    once = reported(NETWORKS["chain"], how=ONCE, profiles=[])
    assert to_json(EnergyReport("", {}, (once,), {}))["static_input"] == "once"
    events = to_json(report("loop", None))
    assert (events["static_input"], events["total"]["effective_macs_once"]) == (None, None)


def test_what_a_host_makes_of_a_frame_was_counted_once() -> None:
    told = to_json(report("fixed_bias_input", None))
    first = next(each for each in told["projections"] if each["kind"] == "mac")
    assert first["events_once"] == first["events"] > 0
    assert told["static_input"] == "once"


def test_every_constant_has_its_source() -> None:
    for profile in to_json(report())["profiles"].values():
        for constant in profile["constants"]:
            assert constant["source"]
            assert constant["unit"]
            assert constant["year"] > 2000
    told = to_json(report())["profiles"]["cmos45-int8"]["constants"]
    assert {c["name"]: c["used"] for c in told} == {
        "accumulate": True,
        "multiply": False,
        "multiply_accumulate": True,
        "memory of 8 KiB": True,
        "memory of 32 KiB": False,
        "memory of 1 MiB": False,
        "weight_bits": True,
        "state_bits": True,
    }


def test_equal_counts_have_equal_hashes() -> None:
    first, again = (reported(NETWORKS["chain"], profiles=[]) for _ in range(2))
    told = [to_json(EnergyReport("", {}, (each,), {}))["counts_sha256"] for each in (first, again)]
    assert told[0] == told[1]
    other = reported(NETWORKS["chain"], batch=4, profiles=[])
    assert to_json(EnergyReport("", {}, (other,), {}))["counts_sha256"] != told[0]


def test_without_membranes_their_updates_are_null() -> None:
    found = report_of("chain")
    keep = [i for i, (quantity, _) in enumerate(found.activity.columns) if quantity is not Quantity.UPDATES]
    columns = tuple(found.activity.columns[i] for i in keep)
    blind = replace(found.activity, columns=columns, table=found.activity.table[:, keep])
    told = to_json(EnergyReport("", {}, (replace(found, activity=blind),), {}))
    assert told["total"]["membrane_updates"] is None
    assert told["intervals"]["membrane_updates"] is None
    assert {each["membrane_updates"] for each in told["populations"]} == {None}
