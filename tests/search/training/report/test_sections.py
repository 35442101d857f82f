"""What each section says, against the record it was made from."""

from __future__ import annotations

import re
from dataclasses import replace
from math import prod
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

from msc.ir.shapes import population_shapes
from msc.search.lower import lower
from msc.search.training.metrics import Metrics
from msc.search.training.recipe import find_recipe
from msc.search.training.report.confusion import confusion_section
from msc.search.training.report.curves import curves_section
from msc.search.training.report.firing import firing_section
from msc.search.training.report.matrix import matrix_chart
from msc.search.training.report.opening import opening
from msc.search.training.report.repeating import settings_section
from msc.search.training.report.structure import network_section
from msc.search.training.settings import Settings
from tests.search.reporting.reading import rows, words
from tests.search.training.report.made import (
    GENOME,
    counted,
    epoch,
    finetuned,
    matrix,
    metrics,
    rates,
    reported,
    run,
)


def opened(found: Metrics) -> str:
    return words(opening(run(found)))


def with_epochs(*changes: dict[str, Any], **others: Any) -> Metrics:
    """A training of epochs, each of which is changed."""
    of = len(changes)
    return (
        metrics(epochs=of, **others)
        if not of
        else replace(
            metrics(), epochs=tuple(epoch(i + 1, of, **c) for i, c in enumerate(changes)), best=of, **others
        )
    )


def test_the_first_sentence_names_the_test_accuracy_with_its_interval() -> None:
    found = metrics(test=counted([[10, 0, 0], [0, 19, 1], [0, 3, 17]]))
    shown = opened(found)
    assert f"Network {found.genome[:12]} classifies 92.00 % of 50 test samples correctly" in shown
    assert "(95 % interval 81.16 to 96.85 %)" in shown
    assert "test accuracy 92.00 % 46 of 50" in shown
    assert "for 4 epochs, 8.0 s on cpu, by recipe digits" in shown
    assert "The test samples were used once, after the last epoch, and chose nothing." in shown


def test_the_kept_epoch_is_named_with_what_it_was_chosen_by() -> None:
    found = metrics(best=3)
    assert "weights are those of epoch 3, the best on 100 held-out training samples (74.67 %)" in opened(
        found
    )
    assert "kept epoch 3 of 4 finished" in opened(found)
    assert "The dashed line marks epoch 3, which is kept." in words(curves_section(run(found)))


def test_without_validation_the_last_epoch_is_kept() -> None:
    nothing = {"validation_loss": None, "validation_accuracy": None}
    found = with_epochs(nothing, nothing, samples={"training": 9, "validation": 0, "test": 60})
    assert "Nothing was held out: the weights are those of the last epoch, 2." in opened(found)
    assert "validation" not in words(curves_section(run(found)))


def test_an_interrupted_training_says_so() -> None:
    shown = opened(metrics(test=None, settings=Settings(epochs=9)))
    assert "This training has not ended. 4 of 9 epochs are done, the test is not;" in shown
    assert "Continue it with msc train --resume -o RUN" in shown
    assert (
        "classifies 78.00 % of 100 validation samples correctly so far, in epoch 4; it is not tested" in shown
    )
    assert "for 4 of 9 epochs" in shown
    assert "not ended" not in opened(metrics())


def test_a_training_that_broke_down_says_why() -> None:
    shown = opened(metrics(test=None, stopped="population stem: fired no spike in epoch 5; train slower"))
    assert "This training broke down. population stem: fired no spike in epoch 5; train slower." in shown
    assert "The weights that are kept are from before." in shown
    assert "not ended" not in shown
    assert "There are no weights to keep." in opened(metrics(epochs=0, stopped="it broke"))


def test_silent_and_saturated_populations_are_named() -> None:
    found = rates(layer1_A=0.004, stem=0.005, layer2_I=0.91, layer2_B=0.9)
    shown = opened(metrics(test=counted(matrix(3), found)))
    assert "nearly silent. They fire in less than 0.5 % of neurons and steps: layer1.A (0.4 %)." in shown
    assert "saturated. They fire in more than 90 % of neurons and steps: layer2.I (91 %)." in shown
    assert "silent" not in opened(metrics())
    assert "saturated" not in opened(metrics())


def test_a_head_may_be_nearly_silent() -> None:
    assert "silent" not in opened(metrics(test=counted(matrix(3), rates(head=0.001))))


def test_before_the_test_rates_of_training_count() -> None:
    found = with_epochs({"rates": rates(layer1_A=0.001)}, test=None)
    assert "layer1.A (0.1 %)" in opened(found)


@pytest.mark.parametrize(
    ("training", "validation", "warned"),
    [(0.99, 0.80, True), (0.99, 0.95, False), (0.86, 0.80, False), (0.7, 0.9, False)],
)
def test_overfitting_is_a_warning_beyond_chance(training: float, validation: float, warned: bool) -> None:
    """A gap that 100 samples cannot tell from none is no warning."""
    found = with_epochs({"accuracy": training, "validation_accuracy": validation})
    assert ("knows its training samples better" in opened(found)) is warned


@pytest.mark.parametrize(("hits", "warned"), [(33, True), (50, False)])
def test_a_network_no_better_than_a_guess_is_a_warning(hits: int, warned: bool) -> None:
    found = metrics(2, test=counted([[hits, 60 - hits], [0, 0]]))
    assert ("not better than a guess" in opened(found)) is True
    found = metrics(2, test=counted([[hits, 60 - hits], [60 - hits, hits]]))
    assert ("not better than a guess" in opened(found)) is warned


def test_curves_end_with_the_values_of_the_last_epoch() -> None:
    shown = words(curves_section(run(metrics())))
    last = metrics().epochs[-1]
    assert f"training {last.loss:.4g}" in shown
    assert "training 80.00" in shown
    assert "validation 78.00" in shown
    assert "The green dot is the test" in shown
    assert " 0.001 " in shown
    untested = words(curves_section(run(metrics(test=None))))
    assert "green dot" not in untested


def test_mean_rates_weigh_populations_by_their_neurons() -> None:
    """Two inhibitory populations of one shape: the mean of their rates."""
    found = with_epochs({"rates": rates(layer1_I=0.2, layer2_I=0.4)})
    assert "inhibitory 30 %" in words(curves_section(run(found)))


def test_spikes_are_rates_times_neurons_and_steps() -> None:
    network = lower(GENOME).network
    assert network is not None
    shapes = population_shapes(network)
    found = dict.fromkeys(rates(), 0.25)
    table = rows(firing_section(run(metrics(test=counted(matrix(3), found)))))
    assert table[0] == ["population", "neurons", "training", "test", "spikes", ""]
    body = {row[0]: row for row in table[1:]}
    for name in found:
        neurons = prod(shapes[name])
        assert body[name][1] == f"{neurons:,}"
        assert body[name][3] == "25 %"
        assert float(body[name][4].replace(",", "")) == neurons * 0.25 * GENOME.skeleton.timesteps
    total = sum(prod(shapes[name]) for name in found)
    assert body["all"][1] == f"{total:,}"
    assert float(body["all"][4].replace(",", "")) == pytest.approx(total * 0.25 * 3, abs=0.6)
    assert list(body) == [
        "stem",
        "layer1.A",
        "layer1.I",
        "layer1.C",
        "layer2.A",
        "layer2.B",
        "layer2.I",
        "head",
        "all",
    ]


def test_roles_have_their_colours() -> None:
    html = firing_section(run(metrics()))
    dots = dict(re.findall(r'title="(\w+)"></span>([\w.]+)', html)[::-1])
    assert dots == {"excitatory": "stem", "inhibitory": "layer1.I"}
    assert re.search(r'--red\)" title="inhibitory"></span>layer2\.I', html)


def test_many_epochs_are_drawn_as_means() -> None:
    shown = words(firing_section(run(metrics(epochs=250))))
    assert "Each step is the mean of 3 epochs." in shown
    assert "Each step" not in words(firing_section(run(metrics())))


def test_mistakes_are_named_the_most_frequent_first() -> None:
    html = confusion_section(run(metrics(test=counted([[10, 4, 0], [0, 9, 1], [2, 0, 8]]))))
    assert "7 of 34 test samples are misclassified, most often class 0 for 1 (4 times)" in words(html)
    assert "class 2 for 0 (2 times) and class 1 for 2 (1 time)" in words(html)
    table = rows(html)
    assert table[1] == ["0", "1", "4", "29 %"]
    assert ["2", "10", "8", "80.00 %", "49.0 to 94.3 %", ""] in table


def test_mistakes_made_once_are_not_ranked() -> None:
    html = confusion_section(run(metrics(test=counted([[10, 1, 0], [0, 9, 0], [0, 1, 8]]))))
    assert "2 of 29 test samples are misclassified, no kind of mistake more than once." in words(html)


def test_of_many_classes_the_worst_are_listed() -> None:
    counts = matrix(100)
    counts[57] = [0] * 100
    counts[57][3] = 20
    html = confusion_section(run(metrics(100, test=counted(counts))))
    assert "The 10 classes known worst, of 100" in words(html)
    classes = [row[0] for row in rows(html) if len(row) == 6][1:]
    assert classes == ["57", "3", "7", "11", "15", "19", "23", "27", "31", "35"]
    assert html.count("<svg") == 2


def test_a_class_that_is_never_predicted_is_a_warning() -> None:
    never = confusion_section(run(metrics(2, test=counted([[5, 0], [3, 0]]))))
    assert "Classes are never predicted. No test sample is taken for class 1." in words(never)
    assert "never predicted" not in words(confusion_section(run(metrics())))


def test_without_mistakes_none_is_listed() -> None:
    html = confusion_section(run(metrics(2, test=counted([[5, 0], [0, 3]]))))
    assert "All 8 test samples are classified correctly." in words(html)
    assert "Most frequent mistakes" not in words(html)


def test_before_the_test_there_is_no_matrix() -> None:
    html = confusion_section(run(metrics(test=None)))
    assert "The test samples have not been used yet" in words(html)
    assert "<svg" not in html


def test_the_matrix_writes_its_counts_in_their_places() -> None:
    svg = matrix_chart([[11, 21, 0], [0, 13, 31], [0, 0, 17]])
    root = ElementTree.fromstring(svg.replace("xlink:href", "href"))
    found = {e.text: (float(e.get("x") or 0), float(e.get("y") or 0)) for e in root.iter() if e.tag == "text"}
    assert {"11", "13", "17"} <= set(found)
    assert found["11"][1] < found["13"][1] < found["17"][1]
    assert found["11"][0] < found["13"][0] < found["17"][0]
    assert found["21"] == (found["13"][0], found["11"][1])
    assert found["31"] == (found["17"][0], found["13"][1])


def test_shades_grow_with_the_share_of_the_class() -> None:
    """90 of 100 and 25 of 100 right; 10 and 75 of 100 wrong."""
    svg = matrix_chart([[90, 10], [75, 25]])
    shades = {
        (colour, float(alpha))
        for colour, alpha in re.findall(r"fill: var\(--(\w+)\); opacity: ([\d.]+)", svg)
    }
    assert {colour for colour, _ in shades} == {"green", "orange"}
    right, wrong = (
        sorted(alpha for name, alpha in shades if name == colour) for colour in ("green", "orange")
    )
    assert (len(right), len(wrong)) == (2, 2)
    assert wrong[0] < right[0] < wrong[1] < right[1]


def test_a_large_matrix_stays_small() -> None:
    dense = [[100 if i == j else 1 for j in range(100)] for i in range(100)]
    assert len(matrix_chart(dense)) < 700_000


def test_the_network_is_drawn_and_counted() -> None:
    html = network_section(run())
    shown = words(html)
    assert html.count('class="population"') == 9
    for fact in (
        "stem, FI, FbI, head",
        "8: 6 excitatory, 2 inhibitory",
        "1 of feedback: layer2.A → layer2.I → layer2.A",
        "LIF, tau 2 steps, r 2 and threshold 0.5",
    ):
        assert fact in shown


def test_settings_say_which_are_the_recipes() -> None:
    found = metrics(settings=Settings(epochs=4, augment=("shift", "flip")), versions={"torch": "2.9"})
    html = settings_section(run(found))
    table = {row[0]: row[1:] for row in rows(html)}
    assert table["learning_rate"] == ["0.004", "recipe digits"]
    assert table["epochs"] == ["4", f"changed ; the recipe has {find_recipe('digits').settings.epochs}"]
    assert table["augment"] == ["shift,flip", "changed ; the recipe has shift"]
    shown = words(html)
    for fact in (found.genome, found.data_hash, "900 training, 100 validation, 50 test", "torch 2.9"):
        assert fact in shown
    assert "The same versions on a CPU of the same kind give the same weights." in shown


def test_settings_of_a_fine_tuning_are_its_own() -> None:
    settings = Settings(epochs=3, learning_rate=2e-4, warmup=0.2, augment=("shift",))
    found = metrics(settings=settings, finetuned=finetuned(input="bias"))
    html = settings_section(run(found))
    table = {row[0]: row[1:] for row in rows(html)}
    assert table["learning_rate"] == ["0.0002", "fine-tuning loihi"]
    assert table["warmup"] == ["0.2", "changed ; fine-tuning loihi has 0.0"]
    assert table["augment"] == ["shift", "recipe digits"]
    shown = words(html)
    assert f"fine-tuning loihi , input=bias from weights start.safetensors , {'ab' * 32}" in shown
    assert "genome.json and start.safetensors are those beside this report." in shown
    assert "from weights" not in words(settings_section(run()))


def test_a_fine_tuning_is_compared_with_what_it_started_from() -> None:
    tested = counted([[10, 0, 0], [0, 19, 1], [0, 3, 17]])
    shown = opened(metrics(test=tested, finetuned=finetuned(0.95, 0.85)))
    assert "Fine-tuned for loihi on 900 samples" in shown
    assert "Test and validation figures are of the quantised network, emulated as the chip computes" in shown
    assert (
        "Of the test samples, the first weights classify 94.00 % correctly in floating point; quantised, "
        "84.00 % before fine-tuning and 92.00 % since." in shown
    )
    assert "before fine-tuning 84.00 % 94.00 % in floating point" in shown
    plain = opened(metrics(test=tested))
    assert "Trained from scratch on 900 samples" in plain
    assert "quantised" not in plain


def test_before_its_test_a_fine_tuning_is_compared_on_validation_samples() -> None:
    shown = opened(metrics(test=None, finetuned=finetuned(0.95, 0.75)))
    assert "Of the validation samples, the first weights classify 95.00 % correctly" in shown
    assert "75.00 % before fine-tuning and 78.00 % since." in shown
    assert "before fine-tuning 7" not in shown
    begun = metrics(epochs=0, test=None, best=None, finetuned=finetuned(0.95, 0.75))
    assert "quantised, 75.00 % before fine-tuning." in opened(begun)


@pytest.mark.parametrize(("before", "warned"), [(0.97, True), (0.80, False), (0.5, False)])
def test_a_fine_tuning_that_made_it_worse_beyond_chance_is_a_warning(before: float, warned: bool) -> None:
    """The kept epoch has 78 % of 100 validation samples."""
    shown = opened(metrics(finetuned=finetuned(0.98, before)))
    assert ("Fine-tuning made it worse." in shown) is warned
    told = (
        f"the weights it started from classified {100 * before:.2f} % of the validation samples correctly, "
    )
    assert (f"{told}those it kept 78.00 %" in shown) is warned


def test_an_unknown_recipe_is_said() -> None:
    shown = words(settings_section(run(metrics(recipe="mine", device="cuda"))))
    assert "mine , a file that does not come with this msc" in shown
    assert "--recipe default" in shown
    assert "Sums on a GPU are not always added in the same order" in shown


def test_the_page_opens_with_its_contents(tmp_path: Path) -> None:
    _, page = reported(tmp_path)
    assert {"curves", "firing", "confusion", "network", "settings"} <= set(page.references)
