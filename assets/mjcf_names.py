"""The names that an MJCF gives to what a joint table speaks of; read as XML, so that no simulator is needed."""

from __future__ import annotations

import xml.etree.ElementTree as ElementTree
from dataclasses import dataclass
from pathlib import Path

from assets.errors import RobotTableError


@dataclass(frozen=True)
class MjcfNames:
    """What an MJCF names. `actuated` holds names of actuators and of the joints and tendons that they act on."""

    joints: frozenset[str]
    actuated: frozenset[str]
    cameras: frozenset[str]
    touchable: frozenset[str]  # sites and geoms

    @staticmethod
    def read(path: Path) -> MjcfNames:
        """Read a model and the files that it includes.

        Raises:
            RobotTableError: a file is missing or is not XML.
        """
        roots = _read_with_includes(path)
        bodies = [element for root in roots for body in root.iter("worldbody") for element in body.iter()]
        actuators = [element for root in roots for actuator in root.iter("actuator") for element in actuator]
        return MjcfNames(
            joints=_names(bodies, "joint"),
            actuated=frozenset(
                value
                for element in actuators
                for key in ("name", "joint", "tendon")
                if (value := element.get(key)) is not None
            ),
            cameras=_names(bodies, "camera"),
            touchable=_names(bodies, "site") | _names(bodies, "geom"),
        )


def _read_with_includes(path: Path) -> list[ElementTree.Element]:
    """The root of a file and of every file it includes, by the rules of MuJoCo: relative to the main file's folder."""
    roots: list[ElementTree.Element] = []
    waiting, seen = [path], {path}
    while waiting:
        current = waiting.pop(0)
        try:
            root = ElementTree.parse(current).getroot()
        except (OSError, ElementTree.ParseError) as error:
            raise RobotTableError(f"{current}: cannot be read as MJCF: {error}") from error
        roots.append(root)
        included = {path.parent / file for element in root.iter("include") if (file := element.get("file"))}
        waiting += sorted(included - seen)
        seen |= included
    return roots


def _names(elements: list[ElementTree.Element], tag: str) -> frozenset[str]:
    return frozenset(name for element in elements if element.tag == tag and (name := element.get("name")) is not None)
