"""Folders at the Hugging Face Hub: `hf://owner/name`, fetched into its cache and given back."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Literal

from groot_ros.errors import UserError

Kind = Literal["model", "dataset"]
# A Path has made one slash of two.
_ADDRESS = re.compile(
    r"hf:/{1,2}(?P<datasets>datasets/)?(?P<repo>[\w.-]+/[\w.-]+?)"
    r"(?:@(?P<revision>refs/(?:pr|convert)/[\w.-]+|[\w.-]+))?(?P<below>/[^@]*)?"
)


def is_hub_address(path: str | Path) -> bool:
    """Whether a path names a folder at the hub."""
    return str(path).startswith("hf:/")


def local_folder(path: str | Path, kind: Kind) -> Path:
    """The folder on this machine of a path, which may be an address at the hub.

    Args:
        path: a path as it is, `hf://owner/name[@revision][/folder]`, or with
            `hf://datasets/owner/name` as the hub's own tools call datasets.
        kind: what an address without `datasets/` is.

    What the cache holds is not fetched again where the hub cannot be reached (`HF_HUB_OFFLINE=1`
    does not ask it). A private repository needs `hf auth login` or `HF_TOKEN`. UserError says
    what is missing.
    """
    if not is_hub_address(path):
        return Path(path)
    if not (found := _ADDRESS.fullmatch(str(path))):
        raise UserError(
            f"{path} is no address at the hub, expected hf://owner/name, with @revision or "
            "/folder behind it"
        )
    repo, kind = found["repo"], "dataset" if found["datasets"] else kind
    from huggingface_hub import errors, snapshot_download
    from huggingface_hub.errors import HTTPError  # type: ignore[attr-defined]

    below = (found["below"] or "").strip("/")
    # A checkpoint may share the small files of the folder above it.
    wanted = [f"{below}/*", "*.json", "*.txt"] if below else None
    try:
        root = snapshot_download(
            repo, repo_type=kind, revision=found["revision"], allow_patterns=wanted
        )
    except errors.GatedRepoError:
        raise UserError(
            f"{kind} {repo} is gated: accept its terms at its page, then log in with `hf auth "
            "login`"
        ) from None
    except errors.RepositoryNotFoundError:
        raise UserError(
            f"the hub has no {kind} {repo}, or it is private: check its name, or log in with "
            "`hf auth login`"
        ) from None
    except errors.RevisionNotFoundError:
        raise UserError(f"{kind} {repo} has no revision {found['revision']}") from None
    except errors.LocalEntryNotFoundError:
        raise UserError(
            f"{kind} {repo} is not in the cache and the hub cannot be reached: connect this "
            "machine, or copy the folder here and give its path"
        ) from None
    except (HTTPError, errors.HFValidationError, OSError) as error:
        raise UserError(
            f"{kind} {repo} cannot be fetched from the hub: {_first_line(error)}"
        ) from None
    folder = Path(root) / below
    if ".." in folder.parts or not folder.is_dir():
        raise UserError(f"{kind} {repo} has no folder {found['below']}")
    return folder


def _first_line(error: Exception) -> str:
    return str(error).strip().partition("\n")[0] or type(error).__name__


def storage_of(folder: Path) -> Path:
    """Where the files of a folder are in truth: the hub's cache keeps links to files beside it."""
    found = folder.resolve()
    for snapshot in (found, *found.parents):
        repository = snapshot.parent.parent
        if snapshot.parent.name == "snapshots" and (repository / "blobs").is_dir():
            return repository
    return found


def shown_name(folder: Path) -> str:
    """How others know a folder: its address at the hub where it is from there, else its name."""
    storage = storage_of(folder)
    kind, _, repo = storage.name.partition("--")
    if storage == folder.resolve():
        return storage.name
    return ("hf://datasets/" if kind == "datasets" else "hf://") + repo.replace("--", "/", 1)


def open_page(repo: str, kind: Kind, *, is_private: bool) -> str:
    """The address of the page of `owner/name`, made where there is none.

    UserError says why it cannot be written to, or that what is to be private is public.
    """
    if not re.fullmatch(r"[\w.-]+/[\w.-]+", repo):
        raise UserError(f"{repo!r} is no name at the hub, expected owner/name")
    from huggingface_hub import HfApi

    api = HfApi()
    with _writing_to(repo):
        page = api.create_repo(repo, repo_type=kind, private=is_private, exist_ok=True)
        # One that is there already, of whomever, is made without complaint.
        api.auth_check(repo, repo_type=kind, write=True)
        if is_private and not api.repo_info(repo, repo_type=kind).private:
            raise UserError(
                f"{repo} is there already and public: make it private at its page, or take "
                "another name"
            )
    return str(page)


def push_folder(
    folder: Path, repo: str, kind: Kind, card: str, *, is_private: bool, left_out: Sequence[str]
) -> str:
    """Upload a folder as `owner/name` with a card; the address of its page.

    A card that the folder has itself is kept. `left_out` are patterns of names. UserError as for
    `open_page`.
    """
    page = open_page(repo, kind, is_private=is_private)
    from huggingface_hub import HfApi

    api = HfApi()
    with _writing_to(repo):
        if not (folder / "README.md").exists():
            api.upload_file(
                path_or_fileobj=card.encode(),
                path_in_repo="README.md",
                repo_id=repo,
                repo_type=kind,
                commit_message="Card",
            )
        api.upload_folder(
            repo_id=repo,
            repo_type=kind,
            folder_path=folder,
            commit_message=f"Upload {folder.resolve().name}",
            ignore_patterns=list(left_out),
        )
    return page


@contextmanager
def _writing_to(repo: str) -> Iterator[None]:
    """What the hub answers becomes a sentence."""
    from huggingface_hub import errors
    from huggingface_hub.errors import HTTPError  # type: ignore[attr-defined]

    try:
        yield
    except errors.HfHubHTTPError as error:
        status = error.response.status_code if error.response is not None else 0
        if status in (401, 403):
            raise UserError(
                f"the hub does not let you write to {repo}: log in with `hf auth login` and a "
                "token that may write, or take a name of yours"
            ) from None
        raise UserError(f"{repo} cannot be written: {_first_line(error)}") from None
    except (HTTPError, errors.HFValidationError, OSError) as error:
        raise UserError(
            f"{repo} cannot be written, the hub cannot be reached: {_first_line(error)}"
        ) from None
