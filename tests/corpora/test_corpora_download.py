"""`download_corpus`: parts of JNLPBA out of archives, only as they were published."""

import io
import tarfile
from collections.abc import Callable
from pathlib import Path
from types import MappingProxyType

import pytest

from biospan import corpora
from biospan.corpora import jnlpba, read_corpus, statistics
from biospan.errors import ConfigError, InputError, OutputError
from conftest import Outcome

RunCli = Callable[..., Outcome]


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache, and no corpus anywhere else."""
    monkeypatch.setenv("BIOSPAN_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("BIOSPAN_DATA", raising=False)
    monkeypatch.chdir(tmp_path)
    return tmp_path / "cache"


@pytest.fixture
def published(tiny_corpus: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The tiny corpus as if it had been published; of its documents two are the test set."""
    whole = read_corpus("jnlpba", "all", path=tiny_corpus)
    counts = {"all": statistics(whole), "test": statistics(whole[:2])}
    monkeypatch.setattr(jnlpba, "_PUBLISHED", MappingProxyType(counts))


def archive(path: Path, members: dict[str, bytes]) -> str:
    """Write a tar.gz; returns its URL."""
    with tarfile.open(path, "w:gz") as tar:
        for name, content in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            tar.addfile(info, io.BytesIO(content))
    return path.absolute().as_uri()


def training(tiny_corpus: Path) -> bytes:
    return (tiny_corpus / "Genia4ERtask2.iob2").read_bytes()


def evaluation(tiny_corpus: Path) -> bytes:
    mark = b"###MEDLINE:"
    return mark.join(training(tiny_corpus).split(mark)[:3])


def texts(tiny_corpus: Path) -> dict[str, bytes]:
    folder = tiny_corpus / "standoff" / "train"
    return {f"repo-main/standoff/train/{path.name}": path.read_bytes() for path in folder.iterdir()}


@pytest.mark.usefixtures("published")
def test_parts_from_several_archives_become_one_corpus(
    tiny_corpus: Path, tmp_path: Path, cache: Path
) -> None:
    train = archive(
        tmp_path / "Genia4ERtraining.tar.gz",
        {"Genia4ERtask1.iob2": b"other", "x/Genia4ERtask2.iob2": training(tiny_corpus)},
    )
    test = archive(tmp_path / "test.tar.gz", {"Genia4EReval2.iob2": evaluation(tiny_corpus)})
    text = archive(tmp_path / "t.tar.gz", {"repo-main/README.md": b"", **texts(tiny_corpus)})
    for name, url in (("jnlpba", train), ("jnlpba", test), ("jnlpba-text", text)):
        assert corpora.download_corpus(name, url) == (cache / "jnlpba", None)
    assert read_corpus("jnlpba", "all") == read_corpus("jnlpba", "all", path=tiny_corpus)
    assert read_corpus("jnlpba-text", "all") == read_corpus("jnlpba-text", "all", path=tiny_corpus)
    assert read_corpus("jnlpba", "test") == read_corpus("jnlpba", "all")[:2]
    assert {path.name for path in (cache / "jnlpba").iterdir()} == {
        "Genia4ERtask2.iob2",
        "Genia4EReval2.iob2",
        "standoff",
        "download.json",
    }
    again = archive(tmp_path / "n.tgz", {"Genia4ERtask2.iob2": training(tiny_corpus)})
    with pytest.raises(OutputError, match="`Genia4ERtask2.iob2` already"):
        corpora.download_corpus("jnlpba", again)


@pytest.mark.usefixtures("published")
def test_a_single_file_is_known_by_its_name(tiny_corpus: Path, tmp_path: Path) -> None:
    (tmp_path / "train.iob2").write_bytes(training(tiny_corpus))
    (tmp_path / "Genia4EReval2.iob2").write_bytes(evaluation(tiny_corpus))
    for name in ("train.iob2", "Genia4EReval2.iob2"):
        corpora.download_corpus("jnlpba", (tmp_path / name).as_uri())
    assert len(read_corpus("jnlpba", "test")) == 2
    assert read_corpus("jnlpba", "all") == read_corpus("jnlpba", "all", path=tiny_corpus)


@pytest.mark.usefixtures("published")
@pytest.mark.parametrize("part", ["Genia4ERtask2.iob2", "Genia4EReval2.iob2", "standoff"])
def test_a_part_with_other_counts_is_refused_whole(
    tiny_corpus: Path, tmp_path: Path, cache: Path, part: str
) -> None:
    members = {
        "Genia4ERtask2.iob2": training(tiny_corpus),
        "Genia4EReval2.iob2": evaluation(tiny_corpus),
        **texts(tiny_corpus),
    }
    if part == "standoff":
        del members["repo-main/standoff/train/900.txt"], members["repo-main/standoff/train/900.ann"]
    else:
        members[part] += b"\n###MEDLINE:1\n\nx\tO\n"
    with pytest.raises(InputError, match=rf"`{part}.*` is not as published: documents"):
        corpora.download_corpus("jnlpba", archive(tmp_path / "a.tgz", members))
    assert not (cache / "jnlpba").exists()


def test_a_page_in_place_of_the_corpus_is_refused(tmp_path: Path, cache: Path) -> None:
    (tmp_path / "x.iob2").write_text("<html>Log in</html>\n")
    with pytest.raises(InputError, match="not what was expected"):
        corpora.download_corpus("jnlpba", (tmp_path / "x.iob2").as_uri())
    assert not (cache / "jnlpba").exists()


def test_only_known_corpora_can_be_fetched(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="unknown corpus `jnlbpa`. Did you mean `jnlpba`"):
        corpora.download_corpus("jnlbpa", "http://127.0.0.1:1/x")
    with pytest.raises(ConfigError, match="unknown corpus"):
        corpora.download_corpus(str(tmp_path), "http://127.0.0.1:1/x")


def test_the_cache_is_looked_in_last(
    tiny_corpus: Path, tmp_path: Path, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    given, data, work = tmp_path / "given", tmp_path / "env", tmp_path / "data"
    for place in (cache, work, data):
        (place / "jnlpba").mkdir(parents=True)
        assert jnlpba.find_folder().resolve() == (place / "jnlpba").resolve()
        monkeypatch.setenv("BIOSPAN_DATA", str(data))
    given.mkdir()
    assert jnlpba.find_folder(given) == given


def test_the_official_archive_is_fetched_and_counted(
    jnlpba_dir: Path, tmp_path: Path, run_cli: RunCli, cache: Path
) -> None:
    content = (jnlpba_dir / "Genia4ERtask2.iob2").read_bytes()
    url = archive(tmp_path / "Genia4ERtraining.tar.gz", {"Genia4ERtask2.iob2": content})
    done = run_cli("corpus", "jnlpba", "--download", url)
    assert (done.code, done.out) == (0, f"{cache / 'jnlpba'}\n")
    assert run_cli("corpus", "jnlpba").code == 0
    assert len(read_corpus("jnlpba", "dev")) == 200
    again = run_cli("corpus", "jnlpba", "--download", url)
    assert (again.code, again.out) == (0, done.out)
    assert "nothing done" in again.err


@pytest.mark.usefixtures("published")
def test_the_command_says_what_is_wrong(tiny_corpus: Path, tmp_path: Path, run_cli: RunCli) -> None:
    url = archive(tmp_path / "a.tgz", {"Genia4ERtask2.iob2": training(tiny_corpus)})
    (tmp_path / "data" / "jnlpba").mkdir(parents=True)
    done = run_cli("corpus", "jnlpba", "--download", url)
    assert done.code == 0
    assert f"{Path('data/jnlpba')} is there too and comes first" in done.err
    for arguments, code in (
        (["--download", "http://127.0.0.1:1/x"], 74),
        (["--download", "file:///no/such"], 66),
        (["--download", "no-url"], 78),
        (["--download", url, "--path", "x"], 78),
    ):
        assert run_cli("corpus", "jnlpba", *arguments).code == code
