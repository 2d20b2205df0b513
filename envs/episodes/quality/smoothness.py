"""How smooth a motion is: two measures that are independent of each other, and the sub-movements that it is made of."""

from __future__ import annotations

import numpy as np
from scipy.signal import find_peaks

from envs.body import FloatArray

_PAD_LEVEL = 4
_CUTOFF_HZ = 10.0
_AMPLITUDE = 0.05
_PROMINENCE = 0.05  # of the highest peak


def sparc(speed: FloatArray, rate_hz: float, cutoff_hz: float = _CUTOFF_HZ) -> float:
    """Spectral arc length: minus the length of the normalised speed spectrum's outline; 0 would be ideal.

    Padded to 16 times the next power of two, cut where the spectrum stays below 5 % of its largest value or beyond
    `cutoff_hz` (Balasubramanian, Melendez-Calderon, Roby-Brami and Burdet 2015, J NeuroEng Rehabil 12:112).

    Args:
        speed: of the hand, (samples,).
        rate_hz: samples a second.

    Returns:
        At most 0; NaN where nothing moves.
    """
    if len(speed) < 2 or not np.any(speed):
        return float("nan")
    size = 2 ** (int(np.ceil(np.log2(len(speed)))) + _PAD_LEVEL)
    frequency = np.arange(size // 2 + 1) * rate_hz / size
    spectrum = np.abs(np.fft.rfft(speed, size))
    spectrum /= spectrum.max()
    spectrum = spectrum[frequency <= cutoff_hz]
    frequency = frequency[: len(spectrum)]
    loud = np.flatnonzero(spectrum >= _AMPLITUDE)
    inside = slice(loud[0], loud[-1] + 1)
    spectrum, frequency = spectrum[inside], frequency[inside]
    if len(frequency) < 2:
        return 0.0
    along = np.diff(frequency) / (frequency[-1] - frequency[0])
    return -float(np.hypot(along, np.diff(spectrum)).sum())


def log_dimensionless_jerk(velocity: FloatArray, rate_hz: float) -> float:
    """LDLJ: minus the logarithm of the summed squared jerk, freed of duration and peak speed; nearer 0 is smoother.

    -ln(T^3 / v_peak^2 * sum |d2v/dt2|^2 dt), jerk being the norm of the vector, by second differences (same source;
    a minimum-jerk reach comes to -ln(204.8) as the rate grows).

    Args:
        velocity: (samples, axes), or a speed, (samples,).
        rate_hz: samples a second.

    Returns:
        NaN where nothing moves or there are fewer than three samples.
    """
    vectors = velocity.reshape(len(velocity), -1)
    peak = float(np.linalg.norm(vectors, axis=1).max(initial=0.0))
    if len(vectors) < 3 or peak == 0.0:
        return float("nan")
    jerk = np.diff(vectors, n=2, axis=0) * rate_hz**2
    duration_s = len(vectors) / rate_hz
    total = float((jerk**2).sum()) / rate_hz
    return -float(np.log(duration_s**3 / peak**2 * total)) if total > 0.0 else float("nan")


def submovements(speed: FloatArray) -> int:
    """Peaks of the speed that rise by at least 5 % of the highest above what surrounds them; (samples,)."""
    highest = float(speed.max(initial=0.0))
    if highest == 0.0:
        return 0
    padded = np.concatenate([[0.0], speed, [0.0]])  # motion that begins or ends at full speed has a peak there
    return len(find_peaks(padded, prominence=_PROMINENCE * highest)[0])
