"""Fold a towel in half, smooth its crease, and fold it again the same way, into a strip."""

from __future__ import annotations

from envs.episodes.records import Instruction
from envs.scenario import Factor, ScenarioSpace
from envs.tasks.surroundings import SURFACES, SURROUNDINGS
from envs.tasks.task import Task

TURNED_CORNERS = ("none", "near_left", "far_right")  # where the mesh has diagonals to fold along
TOWEL_PATTERNS = ("plain", "striped", "checked")

_FACTORS = (
    Factor(
        "fabric",
        "",
        "Take the towel of this fabric: {value}.",
        "取这种织物的毛巾:{value}。",
        choices=("waffle", "terry", "linen"),
        choice_words={
            "waffle": ("waffle weave", "华夫格布"),
            "terry": ("terry", "毛圈布"),
            "linen": ("linen", "亚麻布"),
        },
        in_simulation="mass, stretching and bending stiffness of the flex, and its friction on itself",
    ),
    Factor(
        "towel_size",
        "cm",
        "Take a square towel with sides of {value} cm.",
        "取边长 {value} 厘米的方巾。",
        24,
        32,
        in_simulation="rest shape of the flex, and all that hangs on it",
    ),
    Factor(
        "towel_hue",
        "deg",
        "Its colour has hue {value} degrees (0 red, 120 green, 240 blue).",
        "毛巾色相 {value} 度。",
        0,
        360,
        in_simulation="colour of the towel's material",
    ),
    Factor(
        "pattern",
        "",
        "Its pattern is: {value}.",
        "毛巾花纹:{value}。",
        choices=TOWEL_PATTERNS,
        choice_words={
            "plain": ("plain", "纯色"),
            "striped": ("stripes", "条纹"),
            "checked": ("checks", "格子"),
        },
        in_simulation="texture of the towel",
    ),
    Factor(
        "towel_x",
        "cm",
        "Lay its middle {value} cm in front of the robot's axis.",
        "毛巾中心在机器人前方 {value} 厘米。",
        29,
        33,
        in_simulation="place of the towel's vertices",
    ),
    Factor(
        "towel_y",
        "cm",
        "Lay its middle {value} cm to the left (negative: right).",
        "毛巾中心在左侧 {value} 厘米(负为右)。",
        -6,
        6,
        in_simulation="place of the towel's vertices",
    ),
    Factor(
        "towel_turn",
        "deg",
        "Turn it by {value} degrees to the left (negative: right).",
        "把毛巾向左转 {value} 度(负为右)。",
        -20,
        20,
        in_simulation="place of the towel's vertices",
    ),
    Factor(
        "turned_corner",
        "",
        "Fold this corner in over the towel, by a hand's breadth: {value}.",
        "把这个角向内折约一掌宽:{value}。",
        choices=TURNED_CORNERS,
        nominal_choices=("none",),
        choice_words={
            "none": ("none", "不折"),
            "near_left": ("the near left one", "左侧近角"),
            "far_right": ("the far right one", "右侧远角"),
        },
        in_simulation="place of the vertices of one corner, which then settle",
    ),
    Factor(
        "grip_friction",
        "",
        "Choose finger tips that slip on the towel with friction {value} (0.15 worn smooth, 0.8 new).",
        "指尖与毛巾的摩擦系数 {value}(0.15 磨光,0.8 全新)。",
        0.15,
        0.8,
        in_simulation="share of the grip at which a hold breaks",
    ),
    *SURFACES,
    *SURROUNDINGS,
)

_INSTRUCTIONS = (
    Instruction(
        "grasp", "Lean forward and pinch the two far corners, one in each hand.", "身体前倾,双手各捏住一个远角。"
    ),
    Instruction("fold", "Carry them over onto the two near corners and let go.", "把两角翻到近处两角上,松手。"),
    Instruction(
        "smooth",
        "Press along the crease with the finger tips, from its middle to its ends.",
        "用指尖沿折痕从中间向两端压平。",
    ),
    Instruction(
        "grasp_again", "Pinch the two near corners, both layers of each.", "双手各捏住一个近角,上下两层一起捏。"
    ),
    Instruction("fold_again", "Carry them over onto the ends of the crease and let go.", "翻到折痕的两端上,松手。"),
)

FOLD_TOWEL = Task(
    name="fold_towel",
    title="Fold the towel in half, smooth it, and fold it again.",
    space=ScenarioSpace("fold_towel", _FACTORS),
    instructions=_INSTRUCTIONS,
    duration_s=20.0,
    recovery_lead_s=4.0,
    scene="fold_towel",
)
