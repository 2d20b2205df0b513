"""Frames of one fixed length between other bytes: a mark, data, and a checksum that may be weak."""

from __future__ import annotations

from collections.abc import Callable


class FixedFrames:
    """A decoder that falls into step with the frames of a stream, and again after any damage.

    One byte of checksum lets one in 256 frames of garbage through. So a frame is believed when it follows on one that
    was believed, or when another good one follows on it: two in a row are one in 65,536, beside the marks.

    Args:
        mark: what every frame begins with.
        length: bytes of a frame, mark and checksum included.
        is_sound: whether a frame's checksum, and whatever else must hold, is right.
    """

    def __init__(self, mark: bytes, length: int, is_sound: Callable[[bytes], bool]) -> None:
        self._mark = mark
        self._length = length
        self._is_sound = is_sound
        self._buffer = bytearray()
        self._is_in_step = False
        self.damaged = 0

    def feed(self, data: bytes) -> list[bytes]:
        """Every frame that can be believed now, in order of arrival."""
        self._buffer += data
        frames: list[bytes] = []
        while self._is_in_step or self._found_mark():
            if len(self._buffer) < self._length:
                return frames
            if not self._is_frame_at(0):
                self.damaged += 1
                self._is_in_step = False
                del self._buffer[0]
            elif self._is_in_step:
                frames.append(self._take())
            elif len(self._buffer) < 2 * self._length:
                return frames  # the next frame must speak for this one
            elif self._is_frame_at(self._length):
                self._is_in_step = True
                frames += [self._take(), self._take()]
            else:
                self.damaged += 1
                del self._buffer[0]
        return frames

    def _found_mark(self) -> bool:
        """Drop what stands before the next mark; without one, all but what may be the beginning of one."""
        start = self._buffer.find(self._mark)
        if start == -1:
            keep = next((n for n in range(len(self._mark) - 1, 0, -1) if self._buffer.endswith(self._mark[:n])), 0)
            del self._buffer[: len(self._buffer) - keep]
            return False
        del self._buffer[:start]
        return True

    def _is_frame_at(self, start: int) -> bool:
        frame = bytes(self._buffer[start : start + self._length])
        return frame.startswith(self._mark) and self._is_sound(frame)

    def _take(self) -> bytes:
        frame = bytes(self._buffer[: self._length])
        del self._buffer[: self._length]
        return frame
