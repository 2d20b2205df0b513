"""Motion JPEG over HTTP: one answer that never ends, its parts JPEG images (multipart/x-mixed-replace)."""

from __future__ import annotations

import time
from base64 import b64encode
from email.message import Message
from http.client import HTTPConnection, HTTPException, HTTPResponse, HTTPSConnection
from urllib.parse import SplitResult, unquote, urlsplit

from hardware.errors import PortError

_TIMEOUT_S = 1.0
_LONGEST_LINE = 1 << 16
_LONGEST_IMAGE = 1 << 25


class MjpegClient:
    """The JPEG images of one stream, in order of arrival. Every failure is a `PortError` that names the URL.

    A name and a password may stand in the URL, as in http://name:password@camera/video; no message repeats them.
    """

    def __init__(self, url: str) -> None:
        self._address = urlsplit(url)
        self._url = self._address._replace(netloc=self._address.netloc.rpartition("@")[2]).geturl()
        self._connection: HTTPConnection | None = None
        self._response: HTTPResponse | None = None
        self._boundary = b""
        self._is_at_part = False  # the line that begins the next part has been read already

    def open(self) -> None:
        """Connect and ask for the stream."""
        address = self._address
        path = (address.path or "/") + (f"?{address.query}" if address.query else "")
        connect = HTTPSConnection if address.scheme == "https" else HTTPConnection
        self._is_at_part = False
        try:
            self._connection = connect(address.hostname or "", address.port, timeout=_TIMEOUT_S)
            self._connection.request("GET", path, headers=_authorization(address))
            response = self._connection.getresponse()
        except (OSError, HTTPException, ValueError) as error:
            raise PortError(f"no camera at {self._url}: {error}. Is its server running?") from error
        boundary = _boundary(response.headers)
        if response.status != 200 or boundary is None:
            raise PortError(
                f"{self._url} answers {response.status} {response.headers.get('Content-Type')}, not an MJPEG stream"
            )
        self._response, self._boundary = response, boundary

    def next_jpeg(self) -> tuple[bytes, float]:
        """The bytes of the next image, and when the last of them arrived; waits up to a second for it."""
        if self._response is None:
            raise PortError(f"{self._url} is not open")
        try:
            return self._next_part(self._response), time.monotonic()
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
        while not self._is_at_part:
            self._is_at_part = self._begins_part(self._line(response))
        self._is_at_part = False
        length: int | None = None
        while line := self._line(response).strip():
            name, _, value = line.partition(b":")
            if name.strip().lower() == b"content-length":
                length = int(value)
        if length is None:
            return self._until_next_part(response)
        if not 0 < length <= _LONGEST_IMAGE:
            raise ValueError(f"a part has the content length {length}; 1 to {_LONGEST_IMAGE} bytes are taken")
        image = response.read(length)
        if len(image) < length:
            raise ValueError("it ended within an image")
        return image

    def _until_next_part(self, response: HTTPResponse) -> bytes:
        """The image of a server that does not say how long it is: it is whole when the next one begins."""
        image = bytearray()
        while not self._begins_part(line := self._line(response)):
            image += line
            if len(image) > _LONGEST_IMAGE:
                raise ValueError(f"a part has no end; 1 to {_LONGEST_IMAGE} bytes are taken")
        self._is_at_part = True
        return bytes(image.removesuffix(b"\r\n"))

    def _begins_part(self, line: bytes) -> bool:
        return line.startswith(b"--") and line.strip(b"-\r\n") == self._boundary

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


def _authorization(address: SplitResult) -> dict[str, str]:
    if address.username is None:
        return {}
    words = f"{unquote(address.username)}:{unquote(address.password or '')}"
    return {"Authorization": f"Basic {b64encode(words.encode()).decode()}"}
