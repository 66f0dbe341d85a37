"""Who may look, who may change, and that nothing but the dataset is shown."""

from __future__ import annotations

import json
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from pages import PATIENCE_S, Server, served

from groot_ros.cli.main import parse
from groot_ros.errors import UserError

EDIT = json.dumps({"changes": {"success": {"was": None, "now": True}}})


@pytest.fixture(scope="module")
def server(shipped_dataset: Path) -> Iterator[Server]:
    with served(shipped_dataset) as found:
        yield found


@pytest.mark.parametrize(
    "path",
    [
        "/static/../app.py",
        "/static/%2e%2e/app.py",
        "/static/..%2fapp.py",
        "/static/%2fetc%2fpasswd",
        "/static//etc/passwd",
        "/static/uplot/../../app.py",
        "/../../../../etc/passwd",
        "/api/episodes/0/films/../../../../meta/info.json",
        "/api/episodes/0/films/%2e%2e%2fmeta",
        "/api/episodes/-1",
        "/api/episodes/99",
        "/api/episodes/0/films/9",
        "/api/episodes/0/films/0/99999",
        "/meta/info.json",
    ],
)
def test_nothing_outside_of_the_page_is_served(server: Server, path: str) -> None:
    response, body = server.ask(path)
    assert response.status in (404, 405)
    assert b"root:" not in body and b"import" not in body and b"codebase_version" not in body


@pytest.mark.parametrize("host", ["evil.example", "evil.example:80", "127.0.0.1.evil.example", ""])
def test_other_host_names_are_refused(server: Server, host: str) -> None:
    response, body = server.ask("/api/subject", {"Host": host})
    assert response.status in (400, 403) and b"facts" not in body


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1:1", "[::1]:80"])
def test_a_tunnel_may_have_another_port(server: Server, host: str) -> None:
    assert server.ask("/api/subject", {"Host": host})[0].status == 200


@pytest.mark.parametrize("origin", [None, "null", "http://evil.example", "http://127.0.0.1:1"])
def test_pages_of_others_change_nothing(
    server: Server, shipped_dataset: Path, origin: str | None
) -> None:
    headers = {"Origin": origin} if origin else {}
    response, _ = server.ask("/api/episodes/0/edit", headers, "POST", EDIT)
    assert response.status == 403
    assert server.ask("/api/episodes/0/edit?changes=1")[0].status == 405
    assert not (shipped_dataset / "meta" / "edits.json").exists()


@pytest.mark.parametrize(
    "body",
    [
        "",
        "[]",
        "{",
        '{"changes": 1}',
        '{"changes": {"path": {"was": null, "now": "/etc"}}}',
        '{"changes": {"success": true}}',
        '{"changes": {"success": {"was": null, "now": "yes"}}}',
        '{"changes": {"start": {"was": null, "now": 100000}}}',
        '{"changes": {"end": {"was": null, "now": -1}}}',
        '{"changes": {"instruction": {"was": null, "now": 3}}}',
        '"' + "x" * 100_000 + '"',
    ],
)
def test_edits_that_are_none_are_refused(server: Server, shipped_dataset: Path, body: str) -> None:
    headers = {"Origin": f"http://127.0.0.1:{server.port}"}
    response, _ = server.ask("/api/episodes/0/edit", headers, "POST", body)
    assert response.status in (400, 413, 422)
    assert not (shipped_dataset / "meta" / "edits.json").exists()


def test_links_out_of_the_dataset_are_not_followed(dataset: Path, tmp_path: Path) -> None:
    [film] = sorted(dataset.rglob("*wrist*/episode_000000.mp4"))
    outside = film.rename(tmp_path / "outside.mp4")
    film.symlink_to(outside)
    with served(dataset) as server:
        for path in ("films/0", "films/1", "films/1/0", "thumbnail"):
            response, body = server.ask(f"/api/episodes/0/{path}")
            assert response.status == 422 and b"outside of the dataset" in body
        assert server.ask("/api/episodes/1/films/1")[0].status == 200


def test_links_of_the_hubs_cache_are_followed(dataset: Path, tmp_path: Path) -> None:
    repository = tmp_path / "datasets--me--picks"
    (repository / "blobs").mkdir(parents=True)
    snapshot = repository / "snapshots" / "0123456"
    for number, file in enumerate(path for path in dataset.rglob("*") if path.is_file()):
        blob = file.rename(repository / "blobs" / str(number))
        link = snapshot / file.relative_to(dataset)
        link.parent.mkdir(parents=True, exist_ok=True)
        link.symlink_to(blob)
    with served(snapshot) as server:
        assert server.ask("/api/episodes/0/films/1")[0].status == 200


def test_a_film_is_served_in_ranges(server: Server) -> None:
    path = "/api/episodes/0/films/0"
    response, whole = server.ask(path)
    assert response.status == 200 and response.headers["Accept-Ranges"] == "bytes"
    response, part = server.ask(path, {"Range": "bytes=100-199"})
    assert response.status == 206 and part == whole[100:200]
    assert response.headers["Content-Range"] == f"bytes 100-199/{len(whole)}"


def test_others_need_the_token_for_everything(dataset: Path) -> None:
    with served(dataset, "--host", "0.0.0.0") as server:
        url = urlsplit(server.url)
        assert url.query.startswith("token=") and len(url.query) > 20
        for path in ("/", "/static/app.js", "/api/subject", "/?token=wrong", "/?token="):
            assert server.ask(path)[0].status == 401
        answer, _ = server.ask(f"/?{url.query}")
        assert answer.status == 303 and answer.headers["Location"] == "/"
        cookie = answer.headers["Set-Cookie"]
        assert "HttpOnly" in cookie and "SameSite=lax" in cookie
        known = {"Cookie": cookie.split(";")[0]}
        for path in ("/", "/static/app.js", "/api/subject"):
            assert server.ask(path, known)[0].status == 200
        assert server.ask("/api/subject", known | {"Host": "evil.example"})[0].status == 403
        forged = known | {"Origin": "http://evil.example"}
        assert server.ask("/api/episodes/0/edit", forged, "POST", EDIT)[0].status == 403


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_it_though_somebody_is_watching(dataset: Path, number: int) -> None:
    with served(dataset) as server, socket.create_connection(("127.0.0.1", server.port)) as peer:
        peer.sendall(b"GET /api/episodes/0/films/0 HTTP/1.1\r\nHost: localhost\r\n\r\n")
        assert peer.recv(1)
        assert server.end(number) == 0


def test_mistakes_are_one_sentence(dataset: Path) -> None:
    def view(*arguments: str) -> str:
        command = [sys.executable, "-m", "groot_ros.cli.main", "view", "--no-browser"]
        found = subprocess.run(
            [*command, *arguments], capture_output=True, text=True, timeout=PATIENCE_S
        )
        assert found.returncode == 2 and found.stdout == ""
        [line] = found.stderr.splitlines()
        return line

    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        assert f"port {port} of 127.0.0.1 is taken" in view(str(dataset), "--port", port)
    assert "expected 0 to 65535" in view(str(dataset), "--port", "70000")


@pytest.mark.parametrize("name", ["nothing", "empty", "bags"])
def test_what_cannot_be_shown_is_named(tmp_path: Path, name: str) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "bags").mkdir()
    (tmp_path / "bags" / "a.mcap").touch()
    sentences = {
        "nothing": "does not exist",
        "empty": "neither a dataset nor a bag",
        "bags": "name it with --robot",
    }
    with pytest.raises(UserError, match=sentences[name]):
        parse(["view", str(tmp_path / name), "--no-browser"])()
