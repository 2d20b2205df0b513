"""Everything `policies` raises."""


class PolicyError(Exception):
    """Root of everything `policies` raises."""


class DatasetError(PolicyError):
    """Raised when a dataset cannot be read or built; the message names the place and the kind."""


class PoolError(DatasetError):
    """Raised when training is asked for on episodes that must never train."""


class CheckpointError(PolicyError):
    """Raised when a checkpoint is unreadable or belongs to another robot or dataset."""


class EvidenceError(PolicyError):
    """Raised when too little is known for the conclusion that was asked for."""


class RequestError(PolicyError):
    """Raised when a request is unknown, or the queue of requests cannot be read."""
