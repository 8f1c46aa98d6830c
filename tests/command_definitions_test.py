"""The manual page and the shells' completions have every subcommand and option that the help texts have."""
import os
import re
import shlex
import shutil
import subprocess
import tempfile
import unittest

from gfr_process import GFR, SOURCE, run


def commands(path=()):
    """Every command as (path, its help, its subcommands, its options), from the help texts alone."""
    text, _ = run(*path, "--help")
    section, subcommands, options = "", [], []
    for line in text.splitlines():
        if line.endswith(":") and not line.startswith(" "):
            section = line
        elif section == "Subcommands:" and (found := re.match(r"  (\S+)", line)):
            subcommands.append(found[1].split(",")[0])
        elif section == "Options:" and (found := re.match(r"  ((?:-\w,)?--[\w-]+)", line)):
            options += found[1].split(",")
    yield path, text, subcommands, [o for o in options if o not in ("-h", "--help")]
    for name in subcommands:
        yield from commands((*path, name))


def complete(*lines):
    """What bash offers for the last word of each line, by the script that gfr prints."""
    program = 'source <("$0" completion bash)\n'
    for line in lines:
        words = ["gfr", *line]
        program += f"COMP_WORDS=({' '.join(map(shlex.quote, words))}); COMP_CWORD={len(words) - 1}; _gfr; echo \"${{COMPREPLY[*]}}\"\n"
    done = subprocess.run(["bash", "-c", program, GFR], capture_output=True, text=True, timeout=600)
    assert done.returncode == 0 and not done.stderr, done.stderr
    return [line.split() for line in done.stdout.split("\n")[:-1]]


class Definitions(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.commands = list(commands())

    def test_there_are_as_many_as_the_program_has(self):
        paths = [" ".join(path) for path, _, _, _ in self.commands]
        for expected in ("import", "features list", "features join", "log repair", "models gc", "train worker", "score bench", "completion", "man"):
            self.assertIn(expected, paths)

    def test_bash_completes_every_subcommand_and_option(self):
        asked = [line for path, _, _, _ in self.commands for line in ((*path, ""), (*path, "-"))]
        offered = complete(*asked)
        for i, (path, _, subcommands, options) in enumerate(self.commands):
            if subcommands:
                self.assertEqual(offered[2 * i], subcommands, path)
            self.assertEqual(sorted(offered[2 * i + 1]), sorted(["--help", *options]), path)

    def test_bash_completes_by_what_is_begun_and_by_what_an_option_takes(self):
        offered = complete(["fea"], ["features", "l"], ["models", "promote", "2", "--alias", "ch"], ["import", "p"], ["completion", ""],
                           ["train", "--project", "worker", "--exch"], ["train", "worker", "--track"], ["train", "--project", ""], ["demo", "--format", ""], ["init", "shop", "--template", ""])
        self.assertEqual(offered, [["features"], ["list"], ["champion", "challenger"], ["parquet"], ["bash", "zsh", "fish"], ["--exchange"], ["--tracker"], [],
                                   ["trivago", "ndjson", "csv", "parquet"], ["shop", "trivago"]])

    def test_the_manual_page_has_every_subcommand_and_option(self):
        page = run("man")[0]
        sections = {}
        for part in page.split("\n.SS ")[1:]:
            name, _, text = part.partition("\n")
            sections[name] = text.replace("\\-", "-")
        self.assertEqual(list(sections), [" ".join(("gfr", *path)).replace("-", "\\-") for path, _, _, _ in self.commands])
        for path, _, _, options in self.commands:
            text = sections[" ".join(("gfr", *path))]
            for option in options:
                self.assertRegex(text, rf"\\fB{option}\\fR", path)

    @unittest.skipUnless(shutil.which("groff"), "groff is not installed")
    def test_the_manual_page_is_roff_without_a_warning(self):
        done = subprocess.run(["groff", "-man", "-Tutf8", "-ww", "-z"], input=run("man")[0], capture_output=True, text=True, timeout=600)
        self.assertEqual((done.returncode, done.stderr), (0, ""))

    def test_zsh_and_fish_have_every_subcommand_and_option(self):
        zsh, fish = run("completion", "zsh")[0], run("completion", "fish")[0]
        for path, _, subcommands, options in self.commands:
            at = " ".join(("gfr", *path))
            options_of, others = re.search(rf"\n    \('{at}'\)\n +options=\((.*)\)\n +others=\((.*)\) ;;\n", zsh).groups()
            for option in options:
                self.assertIn(f"'{option}:", options_of, at)
                flag = f"-l {option[2:]}" if option.startswith("--") else f"-s {option[1:]}"
                self.assertRegex(fish, rf"complete -c gfr -n '__gfr_at {at}' {flag} ", at)
            for name in subcommands:
                self.assertIn(f"'{name}:", others, at)
                self.assertRegex(fish, rf"complete -c gfr -n '__gfr_at {at}' -f -a {name} ", at)
        for shell, script in (("zsh", zsh), ("fish", fish)):
            if shutil.which(shell):
                with tempfile.NamedTemporaryFile("w") as file:
                    file.write(script)
                    file.flush()
                    self.assertEqual(subprocess.run([shell, "-n", file.name], capture_output=True, text=True).stderr, "", shell)

    def test_version_is_that_of_the_build(self):
        version = re.search(r"project\(gfr VERSION (\S+)", (SOURCE / "CMakeLists.txt").read_text())[1]
        self.assertEqual(run("--version")[0].strip(), f"gfr {version}")
        self.assertIn(f'"gfr {version}"', run("man")[0])

    def test_a_subcommand_refuses_the_options_of_another(self):
        for line in (["features", "list", "--given", "x=y"], ["features", "list", "--as-of", "2026-01-01"], ["models", "list", "--keep", "3"],
                     ["models", "promote", "1", "--dry-run"], ["log", "dump", "--memory", "1GiB"]):
            self.assertIn("not expected", run(*line, expect=2)[1], line)
        run("features", expect=2)
        run("models", "diff", "1", expect=2)


if __name__ == "__main__":
    unittest.main()
