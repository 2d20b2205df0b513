"""What can be wrong with a description of a robot or a scene."""


class AssetError(Exception):
    """Root of everything `assets` raises."""


class RobotTableError(AssetError):
    """Raised when a robot table is refused; the message names the file, the line and the reason."""


class CalibrationError(AssetError):
    """Raised when a calibration cannot be read, or does not belong to the robot."""
