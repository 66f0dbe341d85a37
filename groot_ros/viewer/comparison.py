"""What `groot-ros evaluate --open-loop` wrote, on the page."""

from __future__ import annotations

from pathlib import Path

from groot_ros.errors import UserError
from groot_ros.files.config_file import read_json
from groot_ros.files.shell import quoted
from groot_ros.viewer.sheet import Chart, Sheet, SheetCurve, chunk_samples
from groot_ros.viewer.subject import Json, shown_path

FILE = "open_loop.json"
REMEDY = "run groot-ros evaluate --open-loop again"


def read_comparison(folder: Path) -> Sheet:
    """The sheet of a folder with `open_loop.json`; UserError where that is something else."""
    path = folder / FILE
    content = read_json(path, REMEDY)
    try:
        return _sheet(folder, content)
    except (LookupError, TypeError, ValueError, AttributeError) as error:
        raise UserError(f"{path} is no comparison ({error!r}): {REMEDY}") from None


def _sheet(folder: Path, content: Json) -> Sheet:
    channels = content["channels"]
    curves = [
        SheetCurve(name=name, values=channel["mae_per_step"]) for name, channel in channels.items()
    ]
    charts = [_over_steps("Mean absolute error of each number", curves)]
    if content["position_error_m"] is not None:
        errors = {
            "predicted": content["position_error_per_step_m"],
            "mean of what was recorded": content["mean_position_error_per_step_m"],
        }
        lines = [
            SheetCurve(name=name, values=[1000 * v for v in values], is_dashed=name != "predicted")
            for name, values in errors.items()
        ]
        charts.append(_over_steps("Mean distance from the recorded position, mm", lines))
    return Sheet(
        title=f"{content['chunks']} chunks beside what was recorded",
        path=shown_path(folder.resolve()),
        state="",
        written_s=None,
        facts=[("checkpoint", content["checkpoint"]), ("dataset", content["dataset"])],
        charts=charts,
        samples_title="Some of the chunks: predicted, and recorded dashed",
        samples=chunk_samples(content["shown"]),
        table=[
            ("number", "mean absolute error", "mean squared error"),
            *((name, f"{c['mae']:.4g}", f"{c['mse']:.4g}") for name, c in channels.items()),
        ],
        commands=[
            ("look at the dataset", f"groot-ros view {quoted(content['dataset'])}"),
        ],
    )


def _over_steps(title: str, curves: list[SheetCurve]) -> Chart:
    steps = list(range(len(curves[0].values)))
    return Chart(title=title, steps=steps, curves=curves, steps_name="step of the chunk", marks={})
