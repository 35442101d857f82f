"""Scans that take populations through time, all samples together or one after another."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from msc.backends.onnx.graphs import Graph, floats, integers
from msc.backends.onnx.stepping import Step
from msc.backends.onnx.timeline import Timeline
from msc.ir.ops import Shape


@dataclass(frozen=True)
class Current:
    """A population's current from elsewhere, with its bias: [B, T, *shape] or, if `steady`, [B, *shape]."""

    value: str
    shape: Shape
    steady: bool


def add_together(
    timeline: Timeline, step: Step, body: Graph, currents: Mapping[str, Current], emitted: Mapping[str, str]
) -> None:
    """Take all samples through time at once, by one Scan whose body is one step; `body` is still empty.

    `currents` and `emitted`, the names of values [B, T, *shape], are by population.
    """
    states = [timeline.at_rest(state.shape, samples=True) for state in step.states]
    given = {name: current.value for name, current in currents.items() if current.steady}
    moving = {name: current for name, current in currents.items() if not current.steady}
    _over_time(timeline, timeline.graph, step, body, states, given, moving, emitted, ("B",))


def add_apart(timeline: Timeline, step: Step, body: Graph, current: Current, emitted: str) -> None:
    """Take one sample after another through time, its states in the processor's cache all the while.

    A Scan over samples around a Scan over steps, for one population whose projections all come from
    elsewhere; `emitted` names its values [B, T, *shape].
    """
    graph = timeline.graph
    (population,) = step.order
    name, shape = population.name, timeline.synapses.shapes[population.name]
    sample = graph.inside()
    inner = Current(graph.claim(f"{name}.current.of_sample"), shape, current.steady)
    result = graph.claim(f"{name}.of_sample")
    states = [timeline.at_rest(state.shape, samples=False) for state in step.states]
    given = {name: inner.value} if inner.steady else {}
    moving = {} if inner.steady else {name: inner}
    _over_time(timeline, sample, step, body, states, given, moving, {name: result}, ())
    over = sample.finished(
        f"{name}.of_sample",
        [floats(inner.value, shape if inner.steady else ("T", *shape))],
        [floats(result, ("T", *shape))],
    )
    graph.scan(
        f"{name}.over_samples", [], {current.value: 0}, [emitted], 0, over, f"{name}, sample by sample"
    )


def _over_time(
    timeline: Timeline,
    graph: Graph,
    step: Step,
    body: Graph,
    states: list[str],
    given: dict[str, str],
    moving: Mapping[str, Current],
    emitted: Mapping[str, str],
    samples: tuple[str, ...],
) -> None:
    """Add the Scan over time to `graph`: values with the axes `samples` first, then time."""
    axis = len(samples)
    first, told = step.order[0].name, ", ".join(p.name for p in step.order)
    now = {name: graph.claim(f"{name}.now") for name in emitted}
    inputs = [floats(state.before, (*samples, *state.shape)) for state in step.states]
    outputs = [floats(state.after, (*samples, *state.shape)) for state in step.states]
    outputs += [floats(now[name], (*samples, *timeline.synapses.shapes[name])) for name in emitted]
    for name, current in moving.items():
        given[name] = graph.claim(f"{name}.current.now")
        inputs.append(floats(given[name], (*samples, *current.shape)))
    scanned = {current.value: axis for current in moving.values()}
    if not moving:
        scanned = {timeline.numbers(): 0}
        inputs.append(integers(graph.claim(f"{first}.step"), ()))
    step.add(body, dict(now), given)
    last = [graph.claim(f"{state.before}.last") for state in step.states]
    step_graph = body.finished(f"{first}.step", inputs, outputs)
    values = [*last, *emitted.values()]
    graph.scan(f"{first}.over_time", states, scanned, values, axis, step_graph, f"{told}, step by step")
