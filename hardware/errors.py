"""Everything `hardware` raises."""


class HardwareError(Exception):
    """Root of everything `hardware` raises."""


class PortError(HardwareError):
    """Raised when a port cannot be opened, or vanishes; the message names the port and what to do."""


class PacketError(HardwareError):
    """Raised when bytes that should be a packet are not one."""


class BusError(HardwareError):
    """Raised when a bus does not answer as its servos should; the message names the bus and the servo."""


class ServoError(HardwareError):
    """Raised when a servo refuses a command or reports an error; the message names servo and cause."""


class StaleDeviceError(HardwareError):
    """Raised when a device has not delivered within the age that its consumer allows."""


class SensorError(HardwareError):
    """Raised when a sensor is described in a way that its driver cannot serve."""
