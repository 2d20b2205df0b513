"""Everything `envs` raises."""


class EnvError(Exception):
    """Root of everything `envs` raises."""


class StoppedError(EnvError):
    """Raised when a stopped environment is stepped; `rearm(by)` or `reset()` clears it, as the reason allows."""


class StaleReadingError(EnvError):
    """Raised when a reading is older than its consumer allows."""


class ScenarioError(EnvError):
    """Raised for an unknown factor, a value outside its range, or a snapshot of another model."""


class BodyError(EnvError):
    """Raised when a body cannot be built, connected or reset."""


class UnstableError(BodyError):
    """Raised when the physics of a simulated body comes to what is no number; the message says what is kept of it."""


class EvidenceError(EnvError):
    """Raised when a folder does not hold what is kept of an unstable simulation."""


class RenderingError(BodyError):
    """Raised when images are asked for and no OpenGL can be had; the message names the missing packages."""


class ClockError(EnvError):
    """Raised when control and physics periods do not divide."""


class ArchiveError(EnvError):
    """Raised when an archive or an episode cannot be written or read; the message names the path."""


class UnreadableError(ArchiveError):
    """Raised when what was recorded cannot be read back; only a copy helps."""


class PilotError(EnvError):
    """Raised when a pilot cannot give a command."""
