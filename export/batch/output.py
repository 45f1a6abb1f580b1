"""The folder of a batch: unfinished until the answer is complete."""

from collections.abc import Sequence

from apache_beam.io.filesystems import FileSystems

from .filesystem import INCOMPLETE, matching, write_whole
from .parts import Parts

PREDICTIONS, FAILURES = "predictions.jsonl", "failures.jsonl"


class Output:
    """A folder with `predictions.jsonl` and `failures.jsonl`.

    While a run is under way it holds a folder `unfinished` with parts of
    both. That goes last: a run can be killed at any time, and the next one
    goes on.
    """

    def __init__(self, folder: str):
        """Names a folder, which need not exist."""
        self.folder = folder
        self.predictions = FileSystems.join(folder, PREDICTIONS)
        self.failures = FileSystems.join(folder, FAILURES)
        self.parts = Parts(FileSystems.join(folder, "unfinished"))

    def take_over(self, model: str) -> set[str]:
        """Makes the folder, or goes on in one of a run that was stopped.

        Args:
            model: what tells this model from others.

        Returns:
            Paths of the images that are answered already.

        Raises:
            ValueError: if the folder holds anything but an unfinished run of
                the same model.
        """
        earlier = self.parts.model()
        if earlier is None:
            self._check_empty()
        elif earlier != model:
            raise ValueError(
                "`out` holds an unfinished run of another model: remove it, "
                f"or choose another folder. Received: out={self.folder!r}"
            )
        self.parts.take_over(model)
        return set(self.parts.read("answers"))

    def finish(self, files: Sequence[str]) -> tuple[int, int]:
        """Puts the parts together: a line for each file, in their order.

        Returns:
            How many were answered, and how many failed.

        Raises:
            RuntimeError: if no part tells of a file.
        """
        answers = self.parts.read("answers")
        failures = self.parts.read("failures")
        lost = [
            file
            for file in files
            if file not in answers and file not in failures
        ]
        if lost:
            raise RuntimeError(
                f"{len(lost)} of {len(files)} images were neither answered "
                f"nor failed, {lost[0]} for one: run again to go on."
            )
        # An image that failed in an earlier run may have been answered since.
        failed = [file for file in files if file not in answers]
        answered = [file for file in files if file in answers]
        write_whole(self.failures, (failures[file] for file in failed))
        write_whole(self.predictions, (answers[file] for file in answered))
        self.parts.remove()
        return len(answered), len(failed)

    def _check_empty(self) -> None:
        found = [
            path
            for path in matching(self.folder, "**")
            if not path.endswith(INCOMPLETE)
        ]
        if found:
            raise ValueError(
                "`out` must be a new or empty folder, or one that an "
                "unfinished run left. Received: "
                f"out={self.folder!r} with {found[:5]}"
            )
