"""Motion JPEG over HTTP: one answer that never ends, its parts JPEG images (multipart/x-mixed-replace)."""

from __future__ import annotations

from email.message import Message
from http.client import HTTPConnection, HTTPException, HTTPResponse
from urllib.parse import urlsplit

from hardware.errors import PortError

_TIMEOUT_S = 1.0
_LONGEST_LINE = 1 << 16
_LONGEST_IMAGE = 1 << 25


class MjpegClient:
    """The JPEG images of one stream, in order of arrival. Every failure is a `PortError` that names the URL."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._connection: HTTPConnection | None = None
        self._response: HTTPResponse | None = None
        self._boundary = b""

    def open(self) -> None:
        """Connect and ask for the stream."""
        address = urlsplit(self._url)
        path = (address.path or "/") + (f"?{address.query}" if address.query else "")
        try:
            self._connection = HTTPConnection(address.hostname or "", address.port, timeout=_TIMEOUT_S)
            self._connection.request("GET", path)
            response = self._connection.getresponse()
        except (OSError, HTTPException) as error:
            raise PortError(f"no camera at {self._url}: {error}. Is its server running?") from error
        boundary = _boundary(response.headers)
        if response.status != 200 or boundary is None:
            raise PortError(
                f"{self._url} answers {response.status} {response.headers.get('Content-Type')}, not an MJPEG stream"
            )
        self._response, self._boundary = response, boundary

    def next_jpeg(self) -> bytes:
        """The bytes of the next image; waits up to a second for it."""
        if self._response is None:
            raise PortError(f"{self._url} is not open")
        try:
            return self._next_part(self._response)
        except (OSError, HTTPException, ValueError) as error:
            raise PortError(f"the stream {self._url} broke: {error}") from error

    def close(self) -> None:
        """Disconnect. May be called more than once."""
        if self._response is not None:
            self._response.close()
        if self._connection is not None:
            self._connection.close()
        self._connection = self._response = None

    def _next_part(self, response: HTTPResponse) -> bytes:
        while not ((line := self._line(response)).startswith(b"--") and line.strip(b"-\r\n") == self._boundary):
            pass
        length: int | None = None
        while line := self._line(response).strip():
            name, _, value = line.partition(b":")
            if name.strip().lower() == b"content-length":
                length = int(value)
        if length is None or not 0 < length <= _LONGEST_IMAGE:
            raise ValueError(f"a part has the content length {length}; 1 to {_LONGEST_IMAGE} bytes are taken")
        image = response.read(length)
        if len(image) < length:
            raise ValueError("it ended within an image")
        return image

    def _line(self, response: HTTPResponse) -> bytes:
        line = response.readline(_LONGEST_LINE)
        if not line:
            raise ValueError("it ended")
        return line


def _boundary(headers: Message) -> bytes | None:
    if headers.get_content_type() != "multipart/x-mixed-replace":
        return None
    # Some servers write the dashes of the part lines into the header too.
    return str(headers.get_param("boundary", "")).strip("-").encode() or None
