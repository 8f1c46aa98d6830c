"""The `gfr` program as a child process: commands whose reply is text or one JSON object, and conversations by lines."""
import json
import os
import shutil
import subprocess
import sys


class GfrError(RuntimeError):
    """What `gfr` said on stderr, and its exit code: 2 for wrong input or configuration, 1 for anything else."""

    def __init__(self, message, code=1):
        super().__init__(message)
        self.code = code


# Of a wheel that brings the program (tools/make_wheel).
BUNDLED = os.path.join(os.path.dirname(os.path.abspath(__file__)), "_program", "bin", "gfr")


def main():
    """The `gfr` command of a wheel that brings the program."""
    os.execv(BUNDLED, ["gfr", *sys.argv[1:]])


def find_program(program=None):
    """The path of `gfr`: `program`, else the environment's GFR, else this package's own, else the PATH.

    Raises GfrError when there is none."""
    wanted = program or os.environ.get("GFR") or (BUNDLED if os.path.exists(BUNDLED) else "gfr")
    found = shutil.which(wanted)
    if not found:
        raise GfrError(f"there is no program '{wanted}'; put gfr on the PATH, or name it by the environment's GFR", 2)
    return found


def run(program, *arguments):
    """Runs `gfr ARGUMENTS`; gives its stdout as text. Raises GfrError."""
    done = subprocess.run([find_program(program), *map(str, arguments)], capture_output=True, text=True)
    if done.returncode != 0:
        raise GfrError(done.stderr.strip().removeprefix("gfr: ") or f"gfr {arguments[0]} gave {done.returncode}", done.returncode)
    return done.stdout


def run_json(program, *arguments):
    """Runs `gfr ARGUMENTS --json`; gives the object. Raises GfrError."""
    return json.loads(run(program, *arguments, "--json"))


class Conversation:
    """`gfr ARGUMENTS`, asked and answered by lines of JSON; its stderr is this process's. Ended by `close`.

    It is in a process group of its own, so that Ctrl-C reaches this program alone, which then ends it in good order.
    """

    def __init__(self, program, *arguments):
        self.process = subprocess.Popen([find_program(program), *map(str, arguments)], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                        text=True, start_new_session=True)

    def read(self):
        """The next line's object; None at the end."""
        line = self.process.stdout.readline()
        return json.loads(line) if line else None

    def read_rest(self):
        """All that is still to come, as text."""
        return self.process.stdout.read()

    def write(self, value):
        try:
            self.process.stdin.write(json.dumps(value) + "\n")
            self.process.stdin.flush()
        except BrokenPipeError:
            pass  # It has ended; its exit code says why.

    def close(self, kill=False):
        """Ends it, at once or when it is ready; gives its exit code."""
        if kill and self.process.poll() is None:
            self.process.kill()
        try:
            self.process.stdin.close()
        except BrokenPipeError:
            pass
        code = self.process.wait()
        self.process.stdout.close()
        return code

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close(kill=True)
