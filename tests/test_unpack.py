"""Archives from anyone: what is wanted comes out whole, and nothing else ever."""

import gzip
import io
import tarfile
import zipfile
from collections.abc import Sequence
from pathlib import Path, PurePosixPath

import pytest

from biospan import unpack as unpacking
from biospan.errors import InputError
from biospan.unpack import unpack

CONTENT = b"IL-2\tB-DNA\n" * 500
Entry = tuple[str, bytes]


def wanted(path: PurePosixPath) -> PurePosixPath | None:
    return PurePosixPath(path.name) if path.name.startswith("want") else None


def tar(entries: Sequence[Entry | tarfile.TarInfo], mode: str = "w:gz") -> bytes:
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode=mode) as archive:  # type: ignore[call-overload]
        for entry in entries:
            if isinstance(entry, tarfile.TarInfo):
                archive.addfile(entry)
                continue
            info = tarfile.TarInfo(entry[0])
            info.size = len(entry[1])
            archive.addfile(info, io.BytesIO(entry[1]))
    return stream.getvalue()


def zipped(entries: Sequence[Entry], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", method) as archive:
        for name, content in entries:
            archive.writestr(name, content)
    return stream.getvalue()


def unpacked(tmp_path: Path, data: bytes) -> dict[str, bytes]:
    """Everything below the test's folder afterwards, but the archive."""
    archive, folder = tmp_path / "archive", tmp_path / "a" / "b" / "out"
    archive.write_bytes(data)
    folder.mkdir(parents=True)
    try:
        unpack(archive, folder, place=wanted, lone=PurePosixPath("lone"))
    finally:
        outside = [path for path in tmp_path.rglob("*") if path.is_file() and path != archive]
        assert all(path.is_relative_to(folder) for path in outside)
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in outside}


@pytest.mark.parametrize(
    "data",
    [
        tar([("top/want.iob2", CONTENT), ("top/other", b"x" * 99_999)]),
        tar([("want.iob2", CONTENT), ("/".join("abc"), b"")], "w:"),
        zipped([("top/", b""), ("top/other", b"x"), ("top/want.iob2", CONTENT)]),
        zipped([("want.iob2", CONTENT)], zipfile.ZIP_STORED),
    ],
    ids=["tar.gz", "tar", "zip", "stored zip"],
)
def test_only_what_is_wanted_is_written(tmp_path: Path, data: bytes) -> None:
    assert unpacked(tmp_path, data) == {"want.iob2": CONTENT}


@pytest.mark.parametrize("data", [CONTENT, gzip.compress(CONTENT)], ids=["plain", "gz"])
def test_a_single_file_goes_to_its_place(tmp_path: Path, data: bytes) -> None:
    assert unpacked(tmp_path, data) == {"lone": CONTENT}


def special(name: str, kind: bytes, target: str) -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.type, info.linkname = kind, target
    return info


def zipped_link(name: str) -> bytes:
    info = zipfile.ZipInfo(name)
    info.external_attr = 0o120777 << 16
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        archive.writestr(info, "/etc/passwd")
    return stream.getvalue()


BAD_NAMES = ["../want", "/want", "a/../../want", "..\\want", "C:\\want", "C:/want", "../other"]


@pytest.mark.parametrize("name", BAD_NAMES)
@pytest.mark.parametrize("pack", [tar, zipped])
def test_a_path_that_leads_out_is_refused_wanted_or_not(
    tmp_path: Path, name: str, pack: object
) -> None:
    assert callable(pack)
    with pytest.raises(InputError, match="leads out of the archive"):
        unpacked(tmp_path, pack([(name, CONTENT), ("want", CONTENT)]))


@pytest.mark.parametrize(
    "data",
    [
        tar([special("want", tarfile.SYMTYPE, "/etc/passwd")]),
        tar([("other", b"x"), special("want", tarfile.LNKTYPE, "other")]),
        tar([special("want", tarfile.FIFOTYPE, "")]),
        tar([special("want", tarfile.DIRTYPE, "")]),
        zipped_link("want"),
    ],
    ids=["symlink", "hard link", "pipe", "folder", "zip symlink"],
)
def test_a_link_or_device_in_place_of_what_is_wanted_is_refused(
    tmp_path: Path, data: bytes
) -> None:
    with pytest.raises(InputError, match="a link, or no file"):
        unpacked(tmp_path, data)


def test_other_links_are_passed_over(tmp_path: Path) -> None:
    data = tar([special("latest", tarfile.SYMTYPE, "/etc"), ("latest/want", CONTENT)])
    assert unpacked(tmp_path, data) == {"want": CONTENT}


@pytest.mark.parametrize("pack", [tar, zipped])
def test_a_file_that_is_there_twice_is_refused(tmp_path: Path, pack: object) -> None:
    assert callable(pack)
    with pytest.raises(InputError, match="`want` twice, the second time as `b/want`"):
        unpacked(tmp_path, pack([("a/want", b"1"), ("b/want", b"2")]))


def test_an_archive_without_what_is_wanted_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="none of the files that are wanted"):
        unpacked(tmp_path, tar([("other", CONTENT)]))


@pytest.mark.parametrize(
    "entries",
    [
        [("want", bytes(300_000))],
        [("other", bytes(300_000)), ("want", b"")],
        [("want1", bytes(60_000)), ("want2", bytes(60_000))],
    ],
)
@pytest.mark.parametrize("pack", [tar, zipped])
def test_what_is_read_out_is_bounded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, entries: list[Entry], pack: object
) -> None:
    assert callable(pack)
    monkeypatch.setattr(unpacking, "MAX_UNPACKED", 100_000)
    if pack is zipped and entries[0][0] == "other":  # of a zip it is not even read
        assert unpacked(tmp_path, pack(entries)) == {"want": b""}
        return
    with pytest.raises(InputError, match="more than 100,000 bytes"):
        unpacked(tmp_path, pack(entries))


@pytest.mark.parametrize("method", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_members_whose_unpacking_has_no_bound_are_refused(tmp_path: Path, method: int) -> None:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", method) as archive:
        archive.writestr("want", CONTENT)
    with pytest.raises(InputError, match="another method"):
        unpacked(tmp_path, stream.getvalue())


def test_a_single_file_is_bounded_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(unpacking, "MAX_UNPACKED", 100_000)
    with pytest.raises(InputError, match="more than 100,000 bytes"):
        unpacked(tmp_path, gzip.compress(bytes(10_000_000)))


NOISE = bytes(range(256)) * 64
WHOLE = {
    "tar.gz": tar([("want", NOISE)]),
    "gz": gzip.compress(NOISE),
    "zip": zipped([("want", NOISE)]),
}


@pytest.mark.parametrize("kind", WHOLE)
def test_an_archive_that_is_cut_anywhere_is_refused(tmp_path: Path, kind: str) -> None:
    data = WHOLE[kind]
    for number, size in enumerate(range(3, len(data), max(1, len(data) // 40))):
        folder = tmp_path / str(number)
        folder.mkdir()
        with pytest.raises(InputError, match="damaged or cut"):
            unpacked(folder, data[:size])


@pytest.mark.parametrize("kind", WHOLE)
def test_a_changed_checksum_is_refused(tmp_path: Path, kind: str) -> None:
    data = bytearray(WHOLE[kind])
    place = data.rfind(b"PK\1\2") + 16 if kind == "zip" else len(data) - 8
    data[place] ^= 255
    with pytest.raises(InputError, match="damaged or cut"):
        unpacked(tmp_path, bytes(data))
