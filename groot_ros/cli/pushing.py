"""A checkpoint goes to the Hugging Face Hub, by `groot-ros push` or at the end of a training."""

from __future__ import annotations

from pathlib import Path


def push_checkpoint(
    folder: Path, repo: str, *, is_private: bool = False, evaluation: Path | None = None
) -> str:
    """Upload a checkpoint as `owner/name`; the address of its page.

    `evaluation` is a folder of `groot-ros evaluate` whose success the card tells, by default the
    checkpoint's own. UserError where the hub does not take it.
    """
    from groot_ros.data.review.card import checkpoint_card
    from groot_ros.files.hub import push_folder
    from groot_ros.model.checkpoint.folder import CheckpointFolder
    from groot_ros.training.checkpoints import STATE_FILES

    card = checkpoint_card(repo, CheckpointFolder(folder).metadata, evaluation or folder)
    return push_folder(folder, repo, "model", card, is_private=is_private, left_out=STATE_FILES)
