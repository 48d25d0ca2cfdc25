"""Data that others publish, fetched into the user's cache: whole and checked, or not at all."""

import os
import sys
from pathlib import Path


def cache_folder() -> Path:
    """`$BIOSPAN_CACHE`, or `biospan` in the place where the system keeps caches."""
    if own := os.environ.get("BIOSPAN_CACHE"):
        return Path(own)
    if (xdg := os.environ.get("XDG_CACHE_HOME")) and Path(xdg).is_absolute():
        return Path(xdg) / "biospan"
    if sys.platform == "win32" and (local := os.environ.get("LOCALAPPDATA")):
        return Path(local) / "biospan" / "cache"
    caches = "~/Library/Caches" if sys.platform == "darwin" else "~/.cache"
    return Path(os.path.expanduser(caches)) / "biospan"
