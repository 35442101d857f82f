"""The arguments and options that several commands share, each with its one help text."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, TypeAlias

import typer


class Space(StrEnum):
    """The search spaces a genome can come from."""

    MSE_NAS = "mse-nas"
    SNASNET = "snasnet"


class Input(StrEnum):
    """The kinds of input a genome can be made for."""

    STATIC = "static"
    EVENTS = "events"


GenomeArgument: TypeAlias = Annotated[
    str, typer.Argument(metavar="GENOME", help="A genome file (JSON).", show_default=False)
]
SubjectArgument: TypeAlias = Annotated[
    str,
    typer.Argument(
        metavar="GENOME|NIR|OUT",
        help="A genome file (JSON), a NIR file, or a folder that msc compile made.",
        show_default=False,
    ),
]
WeightsOption: TypeAlias = Annotated[
    str | None,
    typer.Option(
        "--weights",
        metavar="W",
        help="Of a genome: a file (safetensors), random[:SEED] or dyadic[:SEED]; random with the genome's "
        "seed if left out.",
        show_default=False,
    ),
]
StepOption: TypeAlias = Annotated[
    str | None,
    typer.Option(
        "--dt",
        metavar="SECONDS",
        help="The time step of a NIR file; what the file says, or 1e-4, if left out.",
        show_default=False,
    ),
]
EventsOption: TypeAlias = Annotated[
    bool, typer.Option("--events", help="Take a NIR file's input for events, 0 or 1, not for values.")
]
_INPUT = typer.Option(
    "--input",
    metavar="X.npy",
    help="Input data: [B,..] for a static source, [T,B,..] for events and values, as msc show says.",
    show_default=False,
)
NeededInputOption: TypeAlias = Annotated[str, _INPUT]
InputOption: TypeAlias = Annotated[str | None, _INPUT]
OnOption: TypeAlias = Annotated[
    str,
    typer.Option(
        "--on", metavar="NAME", help="The simulator: reference, pytorch, module, onnx, loihi, lava, norse, .."
    ),
]
ForceOption: TypeAlias = Annotated[
    bool, typer.Option("--force", help="Write into a folder that is not empty.")
]
JsonOption: TypeAlias = Annotated[bool, typer.Option("--json", help="Print the answer as JSON.")]

TargetOption: TypeAlias = Annotated[
    str, typer.Option("--target", metavar="NAME", help="What to compile for: lava, nir, onnx or pytorch.")
]
TargetOptionsOption: TypeAlias = Annotated[
    list[str] | None,
    typer.Option(
        "--option",
        metavar="K=V",
        help="An option of the target; repeatable; help lists them.",
        show_default=False,
    ),
]
LavaOptionsOption: TypeAlias = Annotated[
    list[str] | None,
    typer.Option(
        "--option",
        metavar="K=V",
        help="An option of target lava; repeatable; help lists them.",
        show_default=False,
    ),
]
FolderOption: TypeAlias = Annotated[
    str | None,
    typer.Option(
        "-o", "--output", metavar="OUT", help="The folder to write (./NAME-TARGET).", show_default=False
    ),
]
FileOption: TypeAlias = Annotated[
    str | None,
    typer.Option(
        "-o", "--output", metavar="FILE", help="The file to write; replaced if it exists.", show_default=False
    ),
]
PrintAfterOption: TypeAlias = Annotated[
    str | None,
    typer.Option(
        "--print-after",
        metavar="PASS",
        help="Print the network after this pass; all for every pass.",
        show_default=False,
    ),
]
SpaceOption: TypeAlias = Annotated[
    Space | None, typer.Option("--space", help="The search space (mse-nas if left out).", show_default=False)
]
SeedOption: TypeAlias = Annotated[
    int | None,
    typer.Option(
        "--seed", metavar="N", min=0, help="The seed it is drawn from (0 if left out).", show_default=False
    ),
]
KindOption: TypeAlias = Annotated[
    Input | None, typer.Option("--input", help="The kind of input (static if left out).", show_default=False)
]
ShapeOption: TypeAlias = Annotated[
    str | None,
    typer.Option("--input-shape", metavar="C,H,W", help="The input's shape.", show_default=False),
]
ClassesOption: TypeAlias = Annotated[
    int | None, typer.Option("--classes", metavar="N", help="How many classes.", show_default=False)
]
ChannelsOption: TypeAlias = Annotated[
    int | None, typer.Option("--channels", metavar="N", help="Channels of the stem (48).", show_default=False)
]
LayersOption: TypeAlias = Annotated[
    int | None,
    typer.Option("--layers", metavar="N", help="Layers, in space mse-nas (6).", show_default=False),
]
TimestepsOption: TypeAlias = Annotated[
    int | None,
    typer.Option("--timesteps", metavar="T", help="Time steps (4, or those of events).", show_default=False),
]
FromOption: TypeAlias = Annotated[
    str | None,
    typer.Option(
        "--from",
        metavar="GENOME",
        help="Keep this genome's genes; change its --input-shape or --classes only.",
        show_default=False,
    ),
]
DataOption: TypeAlias = Annotated[
    str | None,
    typer.Option(
        "--data",
        metavar="NAME|PATH",
        help="A data set (docs/data.md), .npz file or folder of images.",
        show_default=False,
    ),
]
DownloadOption: TypeAlias = Annotated[
    bool, typer.Option("--download", help="Fetch files of the data that are missing.")
]
KindOfDataOption: TypeAlias = Annotated[
    Input | None, typer.Option("--input", help="The kind the data must have.", show_default=False)
]
ShapeOfDataOption: TypeAlias = Annotated[
    str | None,
    typer.Option(
        "--input-shape",
        metavar="C,H,W",
        help="The shape of samples; frames of events get it.",
        show_default=False,
    ),
]
ClassesOfDataOption: TypeAlias = Annotated[
    int | None,
    typer.Option("--classes", metavar="N", help="How many classes data must have.", show_default=False),
]
BatchOption: TypeAlias = Annotated[
    int | None, typer.Option("--batch", metavar="N", help="Samples per batch (32).", show_default=False)
]
EpochsOption: TypeAlias = Annotated[
    int | None, typer.Option("--epochs", metavar="N", help="Epochs of a training (5).", show_default=False)
]
DeviceOption: TypeAlias = Annotated[
    str | None,
    typer.Option(
        "--device", metavar="NAME", help="auto, cpu or cuda (auto: cuda if there is one).", show_default=False
    ),
]
ResumeOption: TypeAlias = Annotated[
    bool, typer.Option("--resume", help="Go on where the run in the folder stopped; needs only -o.")
]
BatchesOption: TypeAlias = Annotated[
    int | None,
    typer.Option("--batches", metavar="N", help="Batches of distinct samples (2).", show_default=False),
]
FitnessOption: TypeAlias = Annotated[
    str | None,
    typer.Option(
        "--fitness", metavar="NAME", help="The measure, NAME or NAME:min|max (sahd).", show_default=False
    ),
]
ObjectivesOption: TypeAlias = Annotated[
    str | None,
    typer.Option(
        "--objectives",
        metavar="NAMES",
        help="Several measures, by commas: fitness,synops.",
        show_default=False,
    ),
]
StrategyOption: TypeAlias = Annotated[
    str | None,
    typer.Option("--strategy", metavar="NAME", help="evolve or random (evolve).", show_default=False),
]
PopulationOption: TypeAlias = Annotated[
    int | None,
    typer.Option("--population", metavar="N", help="Networks per generation (50).", show_default=False),
]
GenerationsOption: TypeAlias = Annotated[
    int | None,
    typer.Option("--generations", metavar="N", help="Generations after the first (80).", show_default=False),
]
WorkersOption: TypeAlias = Annotated[
    int | None,
    typer.Option("--workers", metavar="N", help="Processes of one thread each (1).", show_default=False),
]
RayOption: TypeAlias = Annotated[
    str | None,
    typer.Option(
        "--ray", metavar="ADDRESS", help="Workers on a Ray cluster; local starts one.", show_default=False
    ),
]
MaxParamsOption: TypeAlias = Annotated[
    int | None, typer.Option("--max-params", metavar="N", help="Most parameters.", show_default=False)
]
MaxSynopsOption: TypeAlias = Annotated[
    int | None,
    typer.Option(
        "--max-synops", metavar="N", help="Most synaptic operations per sample.", show_default=False
    ),
]
MinNeuronsOption: TypeAlias = Annotated[
    int | None, typer.Option("--min-neurons", metavar="N", help="Fewest neurons.", show_default=False)
]
MaxNeuronsOption: TypeAlias = Annotated[
    int | None, typer.Option("--max-neurons", metavar="N", help="Most neurons.", show_default=False)
]
FitOption: TypeAlias = Annotated[
    str | None,
    typer.Option(
        "--fit",
        metavar="PROFILE[:CHIPS]",
        help="A chip that networks must fit: loihi1, loihi2 or a .toml file; how many (1).",
        show_default=False,
    ),
]
FinalistsOption: TypeAlias = Annotated[
    int | None,
    typer.Option(
        "--finalists", metavar="N", help="Networks that are measured again (5).", show_default=False
    ),
]
WeightSeedsOption: TypeAlias = Annotated[
    int | None,
    typer.Option(
        "--weight-seeds", metavar="N", help="Weight seeds for each of those (3).", show_default=False
    ),
]
NoGuardsOption: TypeAlias = Annotated[
    bool, typer.Option("--no-guards", help="Let silent and saturated networks win.")
]
CheckAccuracyOption: TypeAlias = Annotated[
    bool, typer.Option("--check-accuracy", help="Train the finalists briefly, too.")
]
RunFolderOption: TypeAlias = Annotated[
    str | None,
    typer.Option(
        "-o", "--output", metavar="RUN", help="The run's folder (./search-DATA).", show_default=False
    ),
]
