"""The reference simulator against results worked by hand, one rule at a time."""

# ruff: noqa: E501

import numpy as np
import pytest

from msc.ir.network import Model, Network, Norm, NormKind, Population, Sign
from msc.ir.neurons import IF, LI, LIF, CubaLIF, InputKind, Neuron, Source
from msc.ir.ops import AvgPool2d, Conv2d, Flatten, Linear, Op, Scale, SumPool2d
from msc.ir.simulate import InputError, simulate
from tests.networks import NETWORKS, edge, net

ONE = Source((1,), InputKind.ANALOG)


def feed(*values: float) -> np.ndarray:
    """An analog input of one neuron, [T, 1, 1]."""
    return np.array(values, np.float32).reshape(-1, 1, 1)


def single(neuron: Neuron, weight: float = 1.0, bias: float | None = None) -> Model:
    """One input, one weight, one neuron."""
    network = net(ONE, {"out": neuron}, edge("input", "out", Linear(1)))
    weights = {"input>out/0/weight": np.array([[weight]], np.float32)}
    if bias is None:
        populations = (network.populations[0], Population("out", neuron, bias=False))
        return Model(Network(populations, network.projections, "out"), weights)
    return Model(network, weights | {"out/bias": np.array([bias], np.float32)})


def spikes_and_membranes(
    model: Model, inputs: np.ndarray, name: str = "out"
) -> tuple[list[int], list[float]]:
    trace = simulate(model, inputs, membranes=True)
    return trace.spikes[name].ravel().tolist(), trace.membranes[name].ravel().tolist()


class TestNeurons:
    def test_lif_halves_and_adds(self) -> None:
        """tau 2, r 2: V = V / 2 + I. The spike at exactly the threshold counts, and resets to 0."""
        model = single(LIF(v_threshold=1.0))
        assert spikes_and_membranes(model, feed(0.5, 0.5, 0.5, 0.125, 0.0)) == (
            [0, 0, 0, 0, 0],
            [0.5, 0.75, 0.875, 0.5625, 0.28125],
        )
        assert spikes_and_membranes(model, feed(0.75, 0.625, 0.5)) == ([0, 1, 0], [0.75, 1.0, 0.5])

    def test_lif_with_r_1_divides_the_input_by_tau(self) -> None:
        """tau 4, r 1: V = 3/4 V + I / 4."""
        assert spikes_and_membranes(single(LIF(4.0, 1.0, 10.0)), feed(4.0, 4.0, 0.0))[1] == [
            1.0,
            1.75,
            1.3125,
        ]

    def test_lif_resets_to_v_reset_and_leaks_to_v_leak(self) -> None:
        """tau 2, r 2, v_leak -1: V = (V - 1) / 2 + I; the reset is to -0.5."""
        model = single(LIF(2.0, 2.0, 1.0, v_reset=-0.5, v_leak=-1.0))
        assert spikes_and_membranes(model, feed(2.0, 0.0, 1.0)) == ([1, 0, 0], [1.5, -0.75, 0.125])

    def test_a_leak_above_the_threshold_fires_alone(self) -> None:
        assert spikes_and_membranes(single(LIF(2.0, 2.0, 1.0, v_leak=1.5)), feed(0, 0, 0)) == (
            [0, 1, 0],
            [0.75, 1.125, 0.75],
        )

    def test_if_adds_up(self) -> None:
        """V = V + 2 I, fires at 1 and forgets what is over."""
        assert spikes_and_membranes(single(IF(r=2.0)), feed(0.25, 0.125, 0.25, 0.25)) == (
            [0, 0, 1, 0],
            [0.5, 0.75, 1.25, 0.5],
        )

    def test_cuba_lif_keeps_its_current_over_the_reset(self) -> None:
        """J = J / 2 + I, V = V / 2 + J; V is reset, J is not."""
        model = single(CubaLIF())
        assert spikes_and_membranes(model, feed(0.5, 0.5, 0.0, 0.0)) == (
            [0, 1, 0, 0],
            [0.5, 1.0, 0.375, 0.375],
        )

    def test_cuba_lif_gains(self) -> None:
        """tau_syn 4, w_in 1: J = 3/4 J + I / 4;  tau_mem 2, r 1, v_leak 1: V = (V + 1 + J) / 2."""
        model = single(CubaLIF(4.0, 2.0, 1.0, 1.0, 9.0, 0.0, 1.0))
        assert spikes_and_membranes(model, feed(4.0, 0.0))[1] == [1.0, 1.375]

    def test_li_emits_its_membrane(self) -> None:
        trace = simulate(single(LI()), feed(4.0, 4.0), membranes=True)
        assert trace.outputs.dtype == np.float64
        assert trace.outputs.ravel().tolist() == [4.0, 6.0]
        assert trace.membranes["out"].ravel().tolist() == [4.0, 6.0]

    def test_the_bias_is_a_current(self) -> None:
        assert spikes_and_membranes(single(LIF(v_threshold=1.0), bias=0.5), feed(0, 0, 0))[1] == [
            0.5,
            0.75,
            0.875,
        ]

    def test_a_tau_of_one_has_no_memory(self) -> None:
        assert spikes_and_membranes(single(LIF(1.0, 1.0, 1.0)), feed(0.5, 0.75, 1.0)) == (
            [0, 0, 1],
            [0.5, 0.75, 1.0],
        )

    def test_float32_parameters_count_as_stored(self) -> None:
        """0.1 as float32 is above 0.1: an input of float32 0.1 reaches it, through float64 arithmetic."""
        assert spikes_and_membranes(single(IF(v_threshold=0.1)), feed(0.1))[0] == [1]


class TestProjections:
    def chain(self, delay: int, ops: tuple[Op, ...] = ()) -> Model:
        """input -> a -> out, neurons without memory that repeat what they get."""
        relay = LIF(1.0, 1.0, 1.0)
        network = net(
            ONE, {"a": relay, "out": relay}, edge("input", "a"), edge("a", "out", *ops, delay=delay)
        )
        return Model(network, {f"{name}/bias": np.zeros(1, np.float32) for name in ("a", "out")})

    @pytest.mark.parametrize("delay", [0, 1, 2, 3, 7])
    def test_a_delay_moves_spikes_by_as_many_steps(self, delay: int) -> None:
        given = [1, 0, 1, 1, 0]
        trace = simulate(self.chain(delay), feed(*given))
        assert trace.spikes["a"].ravel().tolist() == given
        assert trace.outputs.ravel().tolist() == ([0] * delay + given)[:5]

    def test_projections_into_one_population_add_up(self) -> None:
        """A skip with weight 2 beside a path with weight -1 (inhibition), both in the same step."""
        network = net(
            ONE,
            {"a": IF(), "out": LI(1.0, 1.0)},
            edge("input", "a", Linear(1)),
            edge("input", "out", Linear(1)),
            edge("a", "out", Linear(1), sign=Sign.INHIBITORY),
        )
        weights = {
            "input>a/0/weight": np.array([[0.5]]),
            "input>out/0/weight": np.array([[2.0]]),
            "a>out/0/weight": np.array([[-1.0]]),
            "a/bias": np.zeros(1),
            "out/bias": np.array([0.25]),
        }
        model = Model(network, {k: v.astype(np.float32) for k, v in weights.items()})
        assert simulate(model, feed(1, 1, 1)).outputs.ravel().tolist() == [2.25, 1.25, 2.25]

    @pytest.mark.parametrize(("delay", "expected"), [(1, [1, 0, 1, 0, 1, 0]), (2, [1, 1, 0, 0, 1, 1])])
    def test_feedback_arrives_after_its_delay(self, delay: int, expected: list[int]) -> None:
        """A neuron driven by 1 that inhibits itself by 1 after `delay` steps."""
        network = net(
            ONE,
            {"out": LIF(1.0, 1.0, 1.0)},
            edge("input", "out"),
            edge("out", "out", Linear(1), sign=Sign.INHIBITORY, delay=delay),
        )
        weights = {"out>out/0/weight": np.array([[-1]], np.float32), "out/bias": np.zeros(1, np.float32)}
        assert simulate(Model(network, weights), feed(*[1] * 6)).outputs.ravel().tolist() == expected

    def test_a_static_frame_repeats_and_its_delay_shows_zeros_first(self) -> None:
        network = net(
            Source((1,)), {"out": LI(1.0, 1.0)}, edge("input", "out"), edge("input", "out", delay=2, number=2)
        )
        model = Model(network, {"out/bias": np.zeros(1, np.float32)})
        trace = simulate(model, np.array([[0.5]]), timesteps=4)
        assert trace.outputs.ravel().tolist() == [0.5, 0.5, 1.0, 1.0]

    def test_events_are_clipped_to_one_and_analog_values_are_not(self) -> None:
        for kind, expected in ((InputKind.EVENTS, [0, 1, 1]), (InputKind.ANALOG, [0, 1, 3])):
            network = net(Source((1,), kind), {"out": LI(1.0, 1.0)}, edge("input", "out"))
            model = Model(network, {"out/bias": np.zeros(1, np.float32)})
            assert simulate(model, feed(0, 1, 3)).outputs.ravel().tolist() == expected

    def test_li_drives_others_with_its_membrane(self) -> None:
        network = net(ONE, {"a": LI(), "out": LI(1.0, 1.0)}, edge("input", "a"), edge("a", "out", delay=1))
        model = Model(network, {f"{name}/bias": np.zeros(1, np.float32) for name in ("a", "out")})
        assert simulate(model, feed(4, 4, 0)).outputs.ravel().tolist() == [0, 4, 6]


def delivered(op: Op | tuple[Op, ...], frame: list, weight: list | None = None, **norm: object) -> np.ndarray:
    """What one projection makes of one frame [C, H, W]."""
    ops = op if isinstance(op, tuple) else (op,)
    data = np.array(frame, np.float32)
    kind = norm.pop("kind", None)
    projection = edge("input", "out", *ops, norm=Norm(kind, norm.pop("eps")) if kind else None)  # type: ignore[arg-type]
    network = net(Source(data.shape), {"out": LI(1.0, 1.0)}, projection)
    network = Network((network.populations[0], Population("out", LI(1.0, 1.0), False)), (projection,), "out")
    weights = {f"input>out/norm/{name}": np.array(value, np.float32) for name, value in norm.items()}
    if weight is not None:
        weights["input>out/0/weight"] = np.array(weight, np.float32)
    return simulate(Model(network, weights), data[None], timesteps=1).outputs[0, 0]


class TestOps:
    FRAME = [[[1, 2, 3], [4, 5, 6], [7, 8, 9]]]  # noqa: RUF012

    def test_conv_is_a_cross_correlation(self) -> None:
        assert delivered(Conv2d(1, (2, 2)), self.FRAME, [[[[1, 10], [100, 1000]]]]).tolist() == [
            [[5421, 6532], [8754, 9865]]
        ]

    def test_conv_pads_with_zeros_and_strides(self) -> None:
        ones = np.ones((1, 1, 3, 3)).tolist()
        assert delivered(Conv2d(1, (3, 3), (2, 2), (1, 1)), self.FRAME, ones).tolist() == [
            [[12, 16], [24, 28]]
        ]

    def test_conv_with_dilation_takes_every_other_pixel(self) -> None:
        assert delivered(Conv2d(1, (2, 2), dilation=(2, 2)), self.FRAME, [[[[1, 1], [1, 1]]]]).tolist() == [
            [[20]]
        ]

    def test_dilation_and_stride_have_an_axis_each(self) -> None:
        """Rows 0 and 1 of columns 0 and 2; then every second row of every column."""
        wide = Conv2d(1, (2, 2), dilation=(1, 2))
        assert delivered(wide, self.FRAME, [[[[1, 1], [1, 1]]]]).tolist() == [[[14], [26]]]
        assert delivered(Conv2d(1, (1, 1), stride=(2, 1)), self.FRAME, [[[[1]]]]).tolist() == [
            [[1, 2, 3], [7, 8, 9]]
        ]

    def test_conv_sums_input_channels(self) -> None:
        weight = [[[[1]], [[10]]], [[[0]], [[1]]]]
        assert delivered(Conv2d(2, (1, 1)), [[[1, 2]], [[3, 4]]], weight).tolist() == [[[31, 42]], [[3, 4]]]

    def test_conv_with_groups_keeps_them_apart(self) -> None:
        weight = [[[[1]]], [[[10]]], [[[100]]], [[[1000]]]]
        assert delivered(Conv2d(4, (1, 1), groups=2), [[[1]], [[2]]], weight).ravel().tolist() == [
            1,
            10,
            200,
            2000,
        ]

    def test_conv_with_a_kernel_that_is_not_square(self) -> None:
        assert delivered(Conv2d(1, (1, 3), padding=(0, 1)), self.FRAME, [[[[1, 0, -1]]]]).tolist() == [
            [[-2, -2, 2], [-5, -2, 5], [-8, -2, 8]]
        ]

    def test_linear(self) -> None:
        assert delivered(Linear(2), [1, 2, 3], [[1, 10, 100], [0, 0, 1]]).tolist() == [321, 3]

    def test_average_pool_counts_padding(self) -> None:
        assert delivered(AvgPool2d((2, 2), (2, 2), (1, 1)), self.FRAME).tolist() == [
            [[0.25, 1.25], [2.75, 7.0]]
        ]

    def test_sum_pool_overlaps_where_the_stride_is_small(self) -> None:
        assert delivered(SumPool2d((2, 2), (1, 1)), self.FRAME).tolist() == [[[12, 16], [24, 28]]]

    def test_flatten_is_row_major(self) -> None:
        assert delivered(Flatten(), [[[1, 2], [3, 4]], [[5, 6], [7, 8]]]).tolist() == [1, 2, 3, 4, 5, 6, 7, 8]

    def test_ops_apply_from_left_to_right(self) -> None:
        chain = (Conv2d(1, (1, 1)), SumPool2d((3, 3), (1, 1)), Scale(0.5), Flatten())
        assert delivered(chain, self.FRAME, [[[[2]]]]).tolist() == [45]

    def test_batch_norm_centres_and_scales_each_channel(self) -> None:
        given = {"gamma": [2, 1], "mean": [1, -1], "var": [3, 0.5], "eps": 1.0, "kind": NormKind.BATCH}
        got = delivered((), [[[5]], [[7]]], **given)  # type: ignore[arg-type]
        assert got.ravel().tolist() == pytest.approx([2 * (5 - 1) / 2, (7 + 1) / 1.5**0.5], rel=1e-15)

    def test_scale_norm_does_not_centre(self) -> None:
        got = delivered((), [[[5]], [[7]]], gamma=[2, 1], var=[3, 15], eps=1.0, kind=NormKind.SCALE)
        assert got.ravel().tolist() == [5.0, 1.75]


class TestRecording:
    def test_records_what_is_asked_and_always_the_output(self) -> None:
        model = NETWORKS["skip"]
        frames = np.ones((2, 2, 6, 6), np.float32)
        full = simulate(model, frames, 3, membranes=True)
        some = simulate(model, frames, 3, record=["b"], membranes=True)
        assert set(full.spikes) == {"a", "b", "out"} == set(full.membranes)
        assert set(some.spikes) == {"b", "out"} == set(some.membranes)
        assert full.spikes["b"].shape == (3, 2, 4, 6, 6)
        assert full.spikes["b"].dtype == np.uint8
        assert np.array_equal(full.spikes["b"], some.spikes["b"])
        assert not simulate(model, frames, 3).membranes

    @pytest.mark.parametrize("name", ["nothing", "input"])
    def test_refuses_to_record_what_has_no_spikes(self, name: str) -> None:
        with pytest.raises(InputError) as caught:
            simulate(NETWORKS["skip"], np.ones((1, 2, 6, 6)), 1, record=[name])
        assert str(caught.value) == f"record {name}: is no population of neurons; use one of a, b, out"

    def test_samples_do_not_mix(self) -> None:
        model = NETWORKS["parallel_feedback"]
        frames = np.random.default_rng(0).random((3, 2, 6, 6)).astype(np.float32)
        together = simulate(model, frames, 5).outputs
        for i in range(3):
            assert np.array_equal(simulate(model, frames[i : i + 1], 5).outputs[:, 0], together[:, i])


class TestInput:
    @pytest.mark.parametrize(
        ("network", "inputs", "timesteps", "message"),
        [
            ("skip", np.ones((2, 6, 6)), 4, "input: shape [2, 6, 6] does not fit the static source; give an array of shape [B,2,6,6]"),
            ("skip", np.ones((4, 1, 2, 6, 6)), 4, "input: shape [4, 1, 2, 6, 6] does not fit the static source; give an array of shape [B,2,6,6]"),
            ("loop", np.ones((1, 2, 6, 6)), None, "input: shape [1, 2, 6, 6] does not fit the events source; give an array of shape [T,B,2,6,6]"),
            ("loop", np.ones((4, 1, 2, 6, 5)), None, "input: shape [4, 1, 2, 6, 5] does not fit the events source; give an array of shape [T,B,2,6,6]"),
            ("loop", np.ones((4, 1, 2, 6, 6)), 5, "input: has 4 steps, not 5; give 5 steps"),
            ("loop", np.ones((0, 1, 2, 6, 6)), None, "input: holds no samples or steps; give at least one, shape [T,B,2,6,6]"),
            ("skip", np.ones((1, 2, 6, 6)), 0, "input: a static frame needs a number of time steps; give timesteps >= 1"),
            ("skip", np.ones((1, 2, 6, 6)), None, "input: a static frame needs a number of time steps; give timesteps >= 1"),
            ("skip", np.ones((1, 2, 6, 6), complex), 4, "input: dtype complex128 is not numeric; save it as float32 or uint8"),
            ("skip", np.array(["a"]), 4, "input: dtype <U1 is not numeric; save it as float32 or uint8"),
            ("loop", np.full((4, 1, 2, 6, 6), 0.5), None, "input: holds values that are no event counts; give integers >= 0"),
            ("loop", np.full((4, 1, 2, 6, 6), -1), None, "input: holds values that are no event counts; give integers >= 0"),
            ("skip", np.full((1, 2, 6, 6), 1e300), 4, "input: holds values that are not finite; remove NaN and infinity"),
            ("skip", np.full((1, 2, 6, 6), np.nan), 4, "input: holds values that are not finite; remove NaN and infinity"),
        ],
    )  # fmt: skip
    def test_refuses_what_does_not_fit(
        self, network: str, inputs: np.ndarray, timesteps: int | None, message: str
    ) -> None:
        with pytest.raises(InputError) as caught:
            simulate(NETWORKS[network], inputs, timesteps)
        assert str(caught.value) == message

    def test_a_static_frame_is_shown_for_the_steps_of_the_network(self) -> None:
        assert len(simulate(NETWORKS["chain"], np.ones((1, 2, 6, 6))).outputs) == 4
        assert len(simulate(NETWORKS["chain"], np.ones((1, 2, 6, 6)), timesteps=7).outputs) == 7

    @pytest.mark.parametrize("dtype", [bool, np.uint8, np.int64, np.float16, np.float64])
    def test_takes_any_real_dtype(self, dtype: type) -> None:
        frames = np.ones((4, 1, 2, 6, 6))
        expected = simulate(NETWORKS["loop"], frames).outputs
        assert np.array_equal(simulate(NETWORKS["loop"], frames.astype(dtype)).outputs, expected)
