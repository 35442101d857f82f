"""Where a network's neurons go on a chip: profiles of chips, cores and what they hold, a picture of it."""

from msc.compiler.placement.model import Placement
from msc.compiler.placement.picture import picture
from msc.compiler.placement.placing import least_cores, place, placement_problems
from msc.compiler.placement.profile import Profile, ProfileError, load_profile, profile_names
from msc.compiler.placement.telling import summary, table, to_json

__all__ = [
    "Placement",
    "Profile",
    "ProfileError",
    "least_cores",
    "load_profile",
    "picture",
    "place",
    "placement_problems",
    "profile_names",
    "summary",
    "table",
    "to_json",
]
