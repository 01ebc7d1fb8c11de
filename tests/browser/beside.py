"""A process beside a running shop, on the same data: it executes what tests want behind the browser's back.

Started once for each shop: to load the application anew for every look takes longer than most looks.
"""

import io
import json
import subprocess
import sys
import traceback
from contextlib import redirect_stdout
from pathlib import Path

ROOT = Path(__file__).parents[2]


class Beside:
    """`run(code)` executes Python with the application's context and gives what it prints."""

    def __init__(self, environment: dict[str, str], log):
        command = [sys.executable, "-m", "tests.browser.beside"]
        self._process = subprocess.Popen(
            command, env=environment, cwd=ROOT, text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log
        )

    def run(self, code: str) -> str:
        """Raises RuntimeError with the traceback of what failed there."""
        self._process.stdin.write(json.dumps(code) + "\n")
        self._process.stdin.flush()
        line = self._process.stdout.readline()
        if not line:
            raise RuntimeError(f"the process beside the shop has ended: {self._process.poll()}")
        answer = json.loads(line)
        if answer["trouble"]:
            raise RuntimeError(answer["trouble"])
        return answer["said"].strip()

    def stop(self) -> None:
        self._process.stdin.close()
        self._process.wait(timeout=20)
        self._process.stdout.close()


def serve() -> None:
    """Reads one JSON string a line, executes it, and answers one JSON object a line."""
    from shop import create_app
    from shop.extensions import db

    app, answers = create_app(), sys.stdout
    for line in sys.stdin:
        said, trouble = io.StringIO(), ""
        with app.app_context(), redirect_stdout(said):
            try:
                exec(compile(json.loads(line), "<test>", "exec"), {"__name__": "beside"})  # noqa: S102 - the tests' own
            except Exception:
                trouble = traceback.format_exc()
            finally:
                db.session.remove()
        answers.write(json.dumps({"said": said.getvalue(), "trouble": trouble}) + "\n")
        answers.flush()


if __name__ == "__main__":
    serve()
