"""The server: an HTTP API, and a page to paste a text into. Needs the extra `serve`.

`create_app` gives an ASGI application; `biospan serve` runs it.
"""

from biospan.server.access import Access
from biospan.server.app import create_app
from biospan.server.limits import Limits

__all__ = ["Access", "Limits", "create_app"]
