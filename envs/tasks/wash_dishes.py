"""Wash a plate: wipe every stain off it with a sponge, put the sponge back, and stand the plate in the dish rack."""

from __future__ import annotations

from envs.episodes.records import Instruction
from envs.scenario import Factor, ScenarioSpace
from envs.tasks.surroundings import SURFACES, SURROUNDINGS
from envs.tasks.task import Task

CLEAN_FORCE_N = 2.0  # a sponge that presses less takes nothing off
SCRATCH_FORCE_N = 8.0

SLOTS = ("left", "middle", "right")
PATTERNS = ("spots", "smear", "ring", "edge")

_FACTORS = (
    Factor(
        "plate_radius",
        "mm",
        "Take a plate of radius {value} mm.",
        "取一个半径 {value} 毫米的盘子。",
        65,
        85,
        in_simulation="size of the plate's geoms, spacing of the stains",
    ),
    Factor(
        "plate_mass",
        "g",
        "It weighs {value} g.",
        "盘子重 {value} 克。",
        90,
        180,
        in_simulation="mass and inertia of the plate",
    ),
    Factor(
        "wetness",
        "",
        "Wet it: {value} (0 dry, 1 dripping).",
        "打湿盘子:{value}(0 干,1 滴水)。",
        0,
        1,
        in_simulation="friction of plate and sponge",
    ),
    Factor(
        "sponge_stiffness",
        "N/m",
        "Take a sponge that gives 1 mm for every {value} mN (soaked ones are soft).",
        "取一块每压缩 1 毫米需 {value} 毫牛的海绵(浸水更软)。",
        300,
        600,
        in_simulation="stiffness of the joint between the sponge's back and its sole",
    ),
    Factor(
        "stand_offset",
        "mm",
        "Put the stand {value} mm behind its mark (negative: in front of it).",
        "把盘架放在标记后方 {value} 毫米(负为前方)。",
        -8,
        8,
        in_simulation="place of the stand",
    ),
    Factor(
        "stain_pattern",
        "",
        "Stain the plate with sauce, in this pattern: {value}.",
        "用酱汁弄脏盘子,图案:{value}。",
        choices=PATTERNS,
        choice_words={
            "spots": ("three spots", "三个斑点"),
            "smear": ("a smear across it", "横贯的一抹"),
            "ring": ("a ring", "圆环"),
            "edge": ("along one edge", "沿一侧盘边"),
        },
        in_simulation="which cells of the plate's dirt grid are dirty",
    ),
    Factor(
        "stain_angle",
        "deg",
        "Turn the pattern by {value} degrees.",
        "把图案转 {value} 度。",
        -180,
        180,
        in_simulation="turn of the pattern about the plate's middle",
    ),
    Factor(
        "stain_share",
        "",
        "Stain {value} of its middle.",
        "弄脏盘心面积的 {value}。",
        0.2,
        0.5,
        in_simulation="how many cells are dirty",
    ),
    Factor(
        "stain_darkness",
        "",
        "Mix the sauce to darkness {value} (1: brown).",
        "酱汁深浅 {value}(1 为棕色)。",
        0.4,
        1,
        in_simulation="colour of the stains",
    ),
    Factor(
        "sponge_turn",
        "deg",
        "Lay the sponge into its tray, turned by {value} degrees.",
        "把海绵放进托盘,转 {value} 度。",
        -15,
        15,
        in_simulation="turn of the sponge in its tray",
    ),
    Factor(
        "rack_slot",
        "",
        "Leave this slot of the rack free, with saucers in the others: {value}.",
        "碗架只空出这一格,其余放小碟:{value}。",
        choices=SLOTS,
        choice_words={
            "left": ("the left one", "左格"),
            "middle": ("the middle one", "中格"),
            "right": ("the right one", "右格"),
        },
        in_simulation="which saucer is not there",
    ),
    *SURFACES,
    *SURROUNDINGS,
)

_INSTRUCTIONS = (
    Instruction("take", "Take the sponge out of its tray.", "从托盘里拿起海绵。"),
    Instruction(
        "wipe",
        "Rub every stain off the plate: press until the foam gives, never so hard that it scratches.",
        "擦净盘上每处污渍:压到海绵变形,但不要太用力以免刮伤。",
    ),
    Instruction("put_back", "Lay the sponge back into its tray and let go.", "把海绵放回托盘,松手。"),
    Instruction("lift", "Grip the plate by its upper rim and lift it off the stand.", "捏住盘子上沿,从盘架上提起。"),
    Instruction("rack", "Stand it in the free slot of the rack and open the hand.", "把盘子立在碗架的空格里,松手。"),
)

WASH_DISHES = Task(
    name="wash_dishes",
    title="Wash the plate and stand it in the dish rack.",
    space=ScenarioSpace("wash_dishes", _FACTORS),
    instructions=_INSTRUCTIONS,
    duration_s=20.0,
    recovery_lead_s=1.5,
    scene="wash_dishes",
)
