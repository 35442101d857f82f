"""What a chip spends beside its neurons: messages between its cores, and power at rest."""

from __future__ import annotations

from msc.compiler.energy.energies import (
    EAST_WEST,
    MESSAGE,
    NORTH_SOUTH,
    POWER,
    STEP,
    WITHIN_TILE,
    energy,
    figures,
    included,
    missing,
    told,
)
from msc.compiler.energy.prices import CHIP, MESSAGES, PJ_PER_NJ, STATIC, Charge, Price, Standing, Term
from msc.compiler.energy.profile import EnergyProfile
from msc.compiler.energy.runs import Run
from msc.compiler.energy.words import either
from msc.ir.activity import Quantity

_PRICED = {
    Quantity.MESSAGES: MESSAGE,
    Quantity.WITHIN_TILE: WITHIN_TILE,
    Quantity.EAST_WEST: EAST_WEST,
    Quantity.NORTH_SOUTH: NORTH_SOUTH,
}


def messages(run: Run, profile: EnergyProfile) -> Term:
    """Price messages between the cores of a placed network, and the hops that they take."""
    held = included(MESSAGES, profile)
    if held is not None:
        return held
    names = [name for name in _PRICED.values() if name in profile.energies]
    if not names:
        return missing(MESSAGES, "the profile has no energies of messages between cores")
    columns = [column for column in run.columns if column[0] in {*_PRICED, Quantity.BETWEEN_CHIPS}]
    if not columns:
        return missing(MESSAGES, "the network is not placed on the cores of this chip: --stage placed")
    charges: list[Charge] = []
    for column in columns:
        found = energy(profile, _PRICED.get(column[0], ""))
        if found is not None:
            charges.append(Charge(column[1], column, found.low, found.high))
    return Term(
        MESSAGES,
        Standing.KNOWN,
        "; ".join(told(profile, name) for name in names),
        Price(tuple(charges)),
        figures(profile, *names),
        tuple(column for column in columns if column[0] is Quantity.BETWEEN_CHIPS),
        "messages between chips",
    )


def static(run: Run, profile: EnergyProfile) -> Term:
    """Price what is spent whether or not anything happens: power times the time that all steps take."""
    held = included(STATIC, profile)
    if held is not None:
        return held
    power, step = energy(profile, POWER), energy(profile, STEP)
    if power is None or step is None:
        return missing(STATIC, f"not modelled: the profile has no {POWER} and no {STEP}")
    low, high = (
        mw * us * run.steps * PJ_PER_NJ for mw, us in ((power.low, step.low), (power.high, step.high))
    )
    note = f"{either(power.low, power.high)} mW x {either(step.low, step.high)} us x {run.steps} steps"
    return Term(STATIC, Standing.KNOWN, note, Price((Charge(CHIP, None, low, high),)), (POWER, STEP))
