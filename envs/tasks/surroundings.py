"""What surrounds every task: light, surfaces, cameras, noise. The factors that all tasks share."""

from __future__ import annotations

from envs.scenario import Factor

TABLE_TEXTURES = ("plain", "wood", "tiles", "speckled")
WALL_TEXTURES = ("plain", "panels", "bricks", "tiles")

SURROUNDINGS = (
    Factor(
        "light_level",
        "",
        "Dim the light to {value} of full.",
        "灯光亮度为满亮度的 {value}。",
        0.25,
        1.0,
        in_simulation="brightness of every light of the scene",
    ),
    Factor(
        "light_azimuth",
        "deg",
        "Let the light come from behind the robot, {value} degrees to its right (negative: left).",
        "光从机器人背后照来,偏右 {value} 度(负为偏左)。",
        -90,
        90,
        in_simulation='way of the light "sun", turned from x towards y',
    ),
    Factor(
        "light_temperature",
        "K",
        "Set the lamps' colour to {value} K.",
        "灯光色温调到 {value} K。",
        2700,
        6500,
        in_simulation="colour of every light, at equal luminance",
    ),
    Factor(
        "camera_exposure",
        "EV",
        "Set the cameras' exposure compensation to {value} EV.",
        "相机曝光补偿设为 {value} EV。",
        -0.7,
        0.7,
        in_simulation="gain of the rendered image",
    ),
    Factor(
        "camera_noise",
        "/255",
        "Set the cameras' gain so that a grey card is noisy by {value} of 255 levels.",
        "调节相机增益,使灰卡的噪声为 {value} 级(共 255 级)。",
        0.0,
        6.0,
        in_simulation="grain added to the rendered image",
    ),
    Factor(
        "noise_level",
        "dB",
        "Play background noise at {value} dB.",
        "播放 {value} 分贝的背景噪声。",
        30,
        70,
        in_simulation="level of the background in the microphone",
    ),
    Factor(
        "noise_kind",
        "",
        "The background noise is: {value}.",
        "背景噪声种类:{value}。",
        choices=("hum", "clatter", "babble"),
        choice_words={
            "hum": ("a hum", "嗡嗡声"),
            "clatter": ("clatter of dishes", "碗碟碰撞声"),
            "babble": ("a babble of voices", "嘈杂的人声"),
        },
        in_simulation="how the background is made",
    ),
    # Changes nothing: who mines failures and names it is caught.
    Factor(
        "crate_number",
        "",
        "Write crate number {value} on the slate.",
        "在记录板上写箱号 {value}。",
        1,
        9,
        in_simulation="nothing",
        is_whole=True,
    ),
)

SURFACES = (
    Factor(
        "table_texture",
        "",
        "Cover the table with: {value}.",
        "桌面铺:{value}。",
        choices=TABLE_TEXTURES,
        nominal_choices=TABLE_TEXTURES[:2],
        choice_words={
            "plain": ("one plain colour", "纯色"),
            "wood": ("wood grain", "木纹"),
            "tiles": ("tiles", "瓷砖"),
            "speckled": ("speckles", "斑点"),
        },
        in_simulation="texture of the table",
    ),
    Factor(
        "wall_texture",
        "",
        "Hang behind it: {value}.",
        "背景墙为:{value}。",
        choices=WALL_TEXTURES,
        nominal_choices=WALL_TEXTURES[:2],
        choice_words={
            "plain": ("one plain colour", "纯色"),
            "panels": ("wooden panels", "木镶板"),
            "bricks": ("bricks", "砖墙"),
            "tiles": ("tiles", "瓷砖"),
        },
        in_simulation="texture of the wall",
    ),
)
