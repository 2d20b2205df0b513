"""Pick the ripe fruit off its branch and lay it into the basket, unbruised, leaving the unripe ones hanging."""

from __future__ import annotations

from envs.episodes.records import Instruction
from envs.scenario import Factor, ScenarioSpace
from envs.tasks.surroundings import SURROUNDINGS
from envs.tasks.task import Task

BRUISE_FORCE_N = 12.0

_FACTORS = (
    Factor(
        "fruit_radius",
        "mm",
        "Hang a ripe fruit of radius {value} mm.",
        "挂一个半径 {value} 毫米的熟果。",
        20,
        35,
        in_simulation="size of the fruit's geom and length of its stem's lever",
    ),
    Factor(
        "fruit_mass",
        "g",
        "It weighs {value} g.",
        "果实重 {value} 克。",
        20,
        120,
        in_simulation="mass and inertia of the fruit",
    ),
    Factor(
        "stem_strength",
        "N",
        "Fix its stem so that it breaks at {value} N above the fruit's weight.",
        "果柄在超过果重 {value} 牛时断开。",
        1,
        4,
        in_simulation="tension at which the stem's equality lets go",
    ),
    Factor(
        "friction",
        "",
        "Choose a skin with friction {value} (0.3 wet, 1.0 dry).",
        "果皮摩擦系数 {value}。",
        0.3,
        1.0,
        in_simulation="sliding friction of the fruit's geom",
    ),
    Factor(
        "ripe_hue",
        "deg",
        "Its colour has hue {value} degrees (0 red, 40 orange).",
        "熟果色相 {value} 度。",
        0,
        40,
        in_simulation="colour of the fruit",
    ),
    Factor(
        "fruit_x",
        "cm",
        "It hangs {value} cm in front of the robot's axis.",
        "果实在机器人前方 {value} 厘米。",
        30,
        38,
        in_simulation="place of the branch",
    ),
    Factor(
        "fruit_y",
        "cm",
        "It hangs {value} cm to the left (negative: right).",
        "果实在左侧 {value} 厘米(负为右)。",
        -24,
        -6,
        in_simulation="place of the branch",
    ),
    Factor(
        "fruit_height",
        "cm",
        "Its stem ends {value} cm above the floor.",
        "果柄顶端离地 {value} 厘米。",
        86,
        99,
        in_simulation="place of the branch",
    ),
    Factor(
        "leaf_cover",
        "",
        "Hide it behind leaves: {value} (1: half hidden).",
        "叶片遮挡 {value}。",
        0,
        1,
        in_simulation="size of two leaves in front of the fruit",
    ),
    Factor(
        "unripe",
        "",
        "Hang unripe fruit on: {value}.",
        "未熟果挂在:{value}。",
        choices=("left", "right", "both"),
        choice_words={
            "left": ("the left twig", "左枝"),
            "right": ("the right twig", "右枝"),
            "both": ("both twigs", "两枝"),
        },
        in_simulation="which twigs hang behind the trunk instead",
    ),
    *SURROUNDINGS,
)

_INSTRUCTIONS = (
    Instruction("reach", "Bring the open right hand around the ripe fruit.", "张开右手,套住熟果。"),
    Instruction("grasp", "Close thumb and fingers until they hold it, gently.", "轻轻合拢手指,握住果实。"),
    Instruction("pick", "Pull it towards you until the stem gives.", "向身体方向拉,直到果柄断开。"),
    Instruction("carry", "Carry it over the basket.", "把果实移到篮子上方。"),
    Instruction("place", "Lower it and open the hand.", "放低,松开手。"),
)

PICK_FRUIT = Task(
    name="pick_fruit",
    title="Pick the ripe fruit and put it into the basket.",
    space=ScenarioSpace("pick_fruit", _FACTORS),
    instructions=_INSTRUCTIONS,
    duration_s=6.0,
    scene="pick_fruit",
)
