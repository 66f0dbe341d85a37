"""A hub of the test's own on this machine: repositories with one revision, as folders."""

from __future__ import annotations

import base64
import hashlib
import http.server
import json
import threading
import urllib.parse
from pathlib import Path
from typing import Any

COMMIT = "0123456789abcdef0123456789abcdef01234567"


class HubServer:
    """Serves `root/models/owner/name` and `root/datasets/owner/name` by the hub's HTTP API.

    `pushed` are the files by repository that were uploaded; `token` is asked for when it is set;
    `foreign` repositories may be read and not written.
    """

    foreign = ("others/pick",)

    def __init__(self, root: Path, token: str = "") -> None:
        self.root, self.token = root, token
        self.pushed: dict[str, dict[str, bytes]] = {}
        handler = type("Handler", (_Handler,), {"hub": self})
        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_port}"

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


class _Handler(http.server.BaseHTTPRequestHandler):
    hub: HubServer

    def log_message(self, *_: Any) -> None:
        pass

    def _say(self, code: int, body: bytes = b"", **headers: str) -> None:
        self.send_response(code)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def _json(self, content: Any) -> None:
        self._say(200, json.dumps(content).encode(), Content_Type="application/json")

    def _missing(self) -> None:
        self._say(401, b"{}", X_Error_Code="RepoNotFound", X_Error_Message="Repository not found")

    def do_GET(self) -> None:
        path = urllib.parse.unquote(urllib.parse.urlparse(self.path).path)
        parts = path.strip("/").split("/")
        if self.hub.token and self.headers.get("Authorization") != f"Bearer {self.hub.token}":
            self._missing()
        elif parts[4:] == ["auth-check", "write"]:
            self._say(403 if "/".join(parts[2:4]) in self.hub.foreign else 200, b"{}")
        elif parts[0] == "api" and len(parts) >= 6 and parts[4] == "revision":
            self._info(parts[1], "/".join(parts[2:4]), "/".join(parts[5:]))
        elif parts[0] == "api" and len(parts) >= 6 and parts[4] == "tree":
            self._tree(parts[1], "/".join(parts[2:4]))
        elif "resolve" in parts:
            kind = "datasets" if parts[0] == "datasets" else "models"
            at = parts.index("resolve")
            self._file(kind, "/".join(parts[at - 2 : at]), "/".join(parts[at + 2 :]))
        else:
            self._say(404, b"{}")

    do_HEAD = do_GET

    def _files(self, kind: str, repo: str) -> list[Path]:
        folder = self.hub.root / kind / repo
        return sorted(path for path in folder.rglob("*") if path.is_file())

    def _info(self, kind: str, repo: str, revision: str) -> None:
        folder = self.hub.root / kind / repo
        if not folder.is_dir():
            self._missing()
        elif revision not in ("main", COMMIT):
            self._say(404, b"{}", X_Error_Code="RevisionNotFound")
        else:
            names = [str(path.relative_to(folder)) for path in self._files(kind, repo)]
            siblings = [{"rfilename": name} for name in names]
            self._json({"id": repo, "sha": COMMIT, "siblings": siblings, "private": False})

    def _tree(self, kind: str, repo: str) -> None:
        folder = self.hub.root / kind / repo
        self._json(
            [
                {
                    "type": "file",
                    "path": str(path.relative_to(folder)),
                    "size": path.stat().st_size,
                    "oid": hashlib.sha1(path.read_bytes()).hexdigest(),
                }
                for path in self._files(kind, repo)
            ]
        )

    def _file(self, kind: str, repo: str, name: str) -> None:
        path = self.hub.root / kind / repo / name
        if not path.is_file():
            self._say(404, b"", X_Error_Code="EntryNotFound")
            return
        content = path.read_bytes()
        etag = f'"{hashlib.sha1(content).hexdigest()}"'
        self._say(200, content, ETag=etag, X_Repo_Commit=COMMIT)

    def do_POST(self) -> None:
        length = int(self.headers.get("Content-Length") or 0)
        body = self.rfile.read(length) if length else self._chunks()
        parts = self.path.strip("/").split("/")
        if self.hub.token and self.headers.get("Authorization") != f"Bearer {self.hub.token}":
            self._say(401, b"{}")
        elif parts[:3] == ["api", "repos", "create"]:
            name = json.loads(body)
            self._json({"url": f"{self.hub.url}/{name.get('organization')}/{name['name']}"})
        elif parts == ["api", "validate-yaml"]:
            self._json({"errors": [], "warnings": []})
        elif parts[-2] == "preupload":
            files = json.loads(body)["files"]
            modes = [
                {"path": f["path"], "uploadMode": "regular", "shouldIgnore": False} for f in files
            ]
            self._json({"files": modes})
        elif parts[-2] == "commit":
            self._commit("/".join(parts[2:4]), body)
        else:
            self._say(404, b"{}")

    def _chunks(self) -> bytes:
        """A body of a length that is not told before."""
        found = b""
        while size := int(self.rfile.readline() or b"0", 16):
            found += self.rfile.read(size)
            self.rfile.readline()
        return found

    def _commit(self, repo: str, body: bytes) -> None:
        pushed = self.hub.pushed.setdefault(repo, {})
        for line in body.splitlines():
            entry = json.loads(line)
            if entry["key"] == "file":
                pushed[entry["value"]["path"]] = base64.b64decode(entry["value"]["content"])
        self._json(
            {
                "success": True,
                "commitOid": COMMIT,
                "commitUrl": f"{self.hub.url}/{repo}/commit/{COMMIT}",
                "hookOutput": "",
            }
        )
