"""Brew a coffee: cup under the spout, press, wait for the beep, carry the full cup to the tray, spill nothing."""

from __future__ import annotations

from envs.episodes.records import Instruction
from envs.scenario import Factor, ScenarioSpace
from envs.tasks.surroundings import SURFACES, SURROUNDINGS
from envs.tasks.task import Task

_BREWING_S = (4.0, 12.0)

_FACTORS = (
    # As wide nominally: whoever has heard nothing shall know nothing of when it ends.
    Factor(
        "brewing_time",
        "s",
        "Set the machine so that it beeps {value} s after the button.",
        "设置咖啡机,使其在按下按钮 {value} 秒后鸣响。",
        *_BREWING_S,
        nominal=_BREWING_S,
        in_simulation="time from the button to the beep, in the rules",
    ),
    Factor(
        "beep_over_noise",
        "dB",
        "Set the beep {value} dB above the background noise.",
        "将提示音调到高于背景噪声 {value} 分贝。",
        -5,
        20,
        nominal=(8, 20),
        in_simulation='amplitude of the voice "beep"',
    ),
    Factor(
        "cup_radius",
        "mm",
        "Take a cup of radius {value} mm, 2.8 times as tall.",
        "取一个半径 {value} 毫米、高为半径 2.8 倍的杯子。",
        26,
        33,
        in_simulation="sizes and places of the cup's geoms, its inertia and volume",
    ),
    Factor(
        "cup_mass",
        "g",
        "The empty cup weighs {value} g.",
        "空杯重 {value} 克。",
        80,
        180,
        in_simulation="mass and inertia of the empty cup",
    ),
    Factor(
        "cup_hue",
        "deg",
        "Its colour has hue {value} degrees.",
        "杯子色相 {value} 度。",
        0,
        340,
        nominal=(190, 250),
        in_simulation="colour of the cup",
    ),
    Factor(
        "cup_friction",
        "",
        "Its glaze has friction {value} (0.5 wet).",
        "釉面摩擦系数 {value}(0.5 为湿)。",
        0.5,
        1.0,
        in_simulation="sliding friction of the cup's geom",
    ),
    Factor(
        "rim_gap",
        "mm",
        "Set the amount so that the coffee will stand {value} mm below the rim.",
        "设置出杯量,使咖啡液面低于杯口 {value} 毫米。",
        8,
        16,
        in_simulation="volume and so mass of the coffee, and how far its surface may rise",
    ),
    Factor(
        "cup_x",
        "cm",
        "The cup stands {value} cm in front of the robot's axis.",
        "杯子在机器人前方 {value} 厘米。",
        27,
        33,
        in_simulation="place of the cup",
    ),
    Factor(
        "cup_y",
        "cm",
        "It stands {value} cm to the left (negative: right).",
        "杯子在左侧 {value} 厘米(负为右)。",
        -34,
        -30.5,
        in_simulation="place of the cup",
    ),
    Factor(
        "tray_x",
        "cm",
        "The tray lies {value} cm in front of it.",
        "托盘在机器人前方 {value} 厘米。",
        23,
        27,
        in_simulation="place of the tray",
    ),
    Factor(
        "tray_y",
        "cm",
        "It lies {value} cm to the left (negative: right).",
        "托盘在左侧 {value} 厘米(负为右)。",
        -20,
        -17,
        in_simulation="place of the tray",
    ),
    *SURFACES,
    *SURROUNDINGS,
)

_INSTRUCTIONS = (
    Instruction("grasp", "Take the empty cup with the right hand.", "右手拿起空杯。"),
    Instruction("set", "Set it upright under the spout and let go.", "把杯子竖直放到出水口下,松手。"),
    Instruction("press", "Press the green button until the machine starts.", "按下绿色按钮,直到机器启动。"),
    Instruction("wait", "Put the open hand around the cup and wait for the beep.", "张开手围住杯子,等待提示音。", True),
    Instruction("take", "Take the full cup at once and lift it.", "听到提示音后立即拿起满杯。"),
    Instruction("carry", "Carry it level and without haste over the tray.", "平稳地把杯子端到托盘上方。"),
    Instruction("place", "Set it down on the tray and open the hand.", "把杯子放在托盘上,松开手。"),
)

BREW_COFFEE = Task(
    name="brew_coffee",
    title="Brew a coffee and set the full cup on the tray.",
    space=ScenarioSpace("brew_coffee", _FACTORS),
    instructions=_INSTRUCTIONS,
    duration_s=26.0,
    recovery_lead_s=2.0,
    scene="brew_coffee",
)
