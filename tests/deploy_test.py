"""deploy/: metrics that dashboard and alerts name are exported; the image's root folder runs read-only as another user;
packages and the wheel install and run; the systemd unit starts what there is."""
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tarfile
import unittest

from gfr_process import GFR, SOURCE, Folder, Server, event, run

BUILD = pathlib.Path(GFR).parent
DEPLOY = SOURCE / "deploy"
CLOCK = ("--clock", "fixed:2026-01-01T12:00:00Z")


def call(*arguments, **options):
    done = subprocess.run([str(a) for a in arguments], capture_output=True, text=True, timeout=1800, **options)
    assert done.returncode == 0, (arguments, done.stdout[-2000:], done.stderr[-2000:])
    return done.stdout


def exported(server):
    """The families of GET /metrics: name -> type."""
    text = server.get("/metrics")[1].decode()
    return dict(re.findall(r"^# TYPE (\S+) (\S+)$", text, re.M)), text


class Metrics(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        """What an owner exports, and a reader of it whose Redis is not there."""
        with Folder() as folder:
            run("init", folder / "p")
            with Server(folder / "p", *CLOCK) as owner:
                owner.post("/v1/events", [event(n, time="2026-01-01T11:00:00Z") for n in range(5)])
                owner.post("/v1/feed", {"user_id": "u1", "candidates": ["i1"]})
                cls.families, text = exported(owner)
                run("init", folder / "r")
                toml = folder / "r/gfr.toml"
                toml.write_text(toml.read_text() + '\n[store]\nonline = "redis://127.0.0.1:1"\n' if "[store]" not in toml.read_text()
                                else toml.read_text().replace("[store]\n", '[store]\nonline = "redis://127.0.0.1:1"\n', 1))
                with Server(folder / "r", *CLOCK, "--owner", f"127.0.0.1:{owner.port}") as reader:
                    families, more = exported(reader)
                cls.families |= families
                cls.labels = {}
                for name, labels in re.findall(r"^(gfr_\w+)\{([^}]*)\}", text + more, re.M):
                    cls.labels.setdefault(name, set()).update(re.findall(r'(\w+)="', labels))

    def check(self, expression, where):
        names = re.findall(r"\b(gfr_[a-z0-9_]+)(\{[^}]*\})?", expression)
        for name, selector in names:
            family = name if name in self.families else re.sub(r"_(bucket|sum|count)$", "", name)
            self.assertIn(family, self.families, f"{where}: {name} is not in /metrics")
            self.assertEqual(family != name, self.families[family] == "histogram", f"{where}: {name}")
            if self.families[family] == "counter":
                self.assertRegex(expression, r"(rate|increase|label_values)\(" + name, f"{where}: the counter {name} is used as it is")
            for label in re.findall(r"(\w+)\s*[=!]", selector):
                if name in self.labels:
                    self.assertIn(label, self.labels[name] | {"instance", "job"}, f"{where}: {name} has no label {label}")
        self.assertEqual(expression.count("("), expression.count(")"), where)
        return len(names)

    def test_the_dashboard_names_metrics_that_are_exported(self):
        dashboard = json.loads((DEPLOY / "grafana/gfr.json").read_text())
        panels = [p for p in dashboard["panels"] if p["type"] != "row"]
        self.assertGreater(len(panels), 12)
        named = sum(self.check(t["expr"].replace("$__rate_interval", "5m"), p["title"]) for p in panels for t in p["targets"])
        self.assertGreater(named, 30)
        self.assertEqual(len({p["id"] for p in dashboard["panels"]}), len(dashboard["panels"]))
        self.check(dashboard["templating"]["list"][1]["query"]["query"], "the variable instance")

    def test_alerts_name_metrics_that_are_exported(self):
        text = (DEPLOY / "prometheus/gfr.rules.yml").read_text()
        alerts = re.findall(r"- alert: (\w+)\n\s+expr: (.+)\n", text)
        self.assertEqual(len(alerts), text.count("- alert:"))
        for name, expression in alerts:
            self.assertGreater(self.check(expression, name) + expression.count("up{"), 0, name)
        tested = (DEPLOY / "prometheus/gfr.test.yml").read_text()
        for name in re.findall(r"alertname: (\w+)", tested):
            self.assertIn(name, [alert for alert, _ in alerts])
        for series in re.findall(r"series: '([^']+)'", tested):
            self.check(f"rate({series})" if "_total" in series else series, "gfr.test.yml")

    def test_promtool_takes_the_rules_and_their_tests(self):
        if not shutil.which("promtool"):
            self.skipTest("promtool is not installed")
        call("promtool", "check", "rules", DEPLOY / "prometheus/gfr.rules.yml")
        call("promtool", "test", "rules", "gfr.test.yml", cwd=DEPLOY / "prometheus")


def in_namespace(*command, **options):
    """Runs as root of a namespace of its own; None where the machine allows no namespaces."""
    probe = subprocess.run(["unshare", "-rm", "true"], capture_output=True) if shutil.which("unshare") else None
    return call("unshare", "-rm", *command, **options) if probe is not None and probe.returncode == 0 else None


class Image(unittest.TestCase):
    def test_the_root_folder_has_all_that_the_program_loads_and_runs_read_only(self):
        with Folder() as folder:
            root = folder / "root"
            size = int(call(DEPLOY / "make_root", root, BUILD).split()[0])
            print(f"\nthe image's root folder: {size} MiB", file=sys.stderr)
            self.assertLess(size, 400)
            self.assertEqual(sorted(p.name for p in (root / "usr/bin").iterdir()), ["gfr"], "nothing else to run, no shell")
            self.assertFalse([p for p in root.rglob("*") if p.is_file() and not p.is_symlink() and p.stat().st_mode & 0o6000])
            run("init", folder / "p")
            # As docker run --read-only --tmpfs /tmp -v p:/var/lib/gfr.
            script = f"""set -e
mount --bind {root} {root}
mount --rbind /proc {root}/proc
mount --bind {folder}/p {root}/var/lib/gfr
mount -t tmpfs none {root}/tmp
mount -o remount,bind,ro {root}
if touch {root}/file 2>/dev/null; then echo the root folder can be written >&2; exit 1; fi
exec chroot {root} /usr/bin/gfr check --project /var/lib/gfr"""
            said = in_namespace("sh", "-c", script, env={"PATH": os.environ["PATH"]})
            if said is None:
                self.skipTest("this machine allows no namespaces: the root folder was made, and not run")
            self.assertIn("gfr.toml is valid", said)
            # Training loads the engines' libraries, which no linker names.
            engines = script.replace("gfr check --project /var/lib/gfr", "gfr simulate --project /var/lib/gfr --users 150 --items 60 --days 42 --seed 3")
            in_namespace("sh", "-c", engines, env={"PATH": os.environ["PATH"]})
            trained = in_namespace("sh", "-c", script.replace("gfr check", "gfr train"), env={"PATH": os.environ["PATH"]})
            self.assertIn("version 1", trained)

    def test_the_dockerfile_makes_the_root_by_the_same_steps_and_needs_no_root(self):
        text = (DEPLOY / "docker/Dockerfile").read_text()
        self.assertIn("deploy/make_root /image build/release", text)
        self.assertRegex(text, r"FROM scratch\nCOPY --from=build /image /\nUSER 65532:65532\n")
        for words in re.findall(r'^(?:CMD|HEALTHCHECK .* CMD) (\[.*\])$', text, re.M):
            arguments = json.loads(words)
            command = arguments[1] if arguments[0].endswith("gfr") else arguments[0]
            offered, _ = run(command, "--help")
            for option in (a for a in arguments if a.startswith("--")):
                self.assertIn(option, offered)


class Unit(unittest.TestCase):
    def test_the_unit_starts_what_there_is_and_is_closed_in(self):
        text = (DEPLOY / "systemd/gfr.service").read_text()
        start = re.search(r"^ExecStart=/usr/bin/gfr (\w+) (.*)$", text, re.M)
        offered, _ = run(start[1], "--help")
        for option in re.findall(r"--[\w-]+", start[2]):
            self.assertIn(option, offered)
        for line in ("NoNewPrivileges=yes", "ProtectSystem=strict", "CapabilityBoundingSet=", "User=gfr", "ExecReload=/bin/kill -HUP $MAINPID"):
            self.assertIn(line + "\n", text)
        if not shutil.which("systemd-analyze"):
            self.skipTest("systemd-analyze is not installed: the unit was not judged by it")
        judged = subprocess.run(["systemd-analyze", "security", "--offline=true", DEPLOY / "systemd/gfr.service"], capture_output=True, text=True)
        level = re.search(r"exposure level for gfr.service: ([\d.]+)", judged.stdout)
        if level is None:
            self.skipTest("this systemd-analyze judges no files")
        self.assertLess(float(level[1]), 2.5)


class Packages(unittest.TestCase):
    def test_the_debian_package_and_the_tarball_hold_a_program_that_runs(self):
        if not shutil.which("cpack") or not shutil.which("dpkg-deb"):
            self.skipTest("cpack or dpkg-deb is not installed")
        with Folder() as folder:
            # Fast compression: what is tested is what is in them.
            call("cpack", "--config", BUILD / "CPackConfig.cmake", "-B", folder / "out", "-D", "CPACK_DEBIAN_COMPRESSION_TYPE=gzip", cwd=BUILD)
            (deb,), (tarball,) = folder.glob("out/*.deb"), folder.glob("out/*.tar.gz")
            fields = call("dpkg-deb", "--field", deb)
            self.assertRegex(fields, r"(?m)^Package: gfr$")
            self.assertRegex(fields, r"(?m)^Depends: .*libc6")
            call("dpkg-deb", "--extract", deb, folder / "deb")
            with tarfile.open(tarball) as packed:
                packed.extractall(folder / "tar", filter="tar")
            (unpacked,) = (folder / "tar").iterdir()
            for root in (folder / "deb/usr", unpacked / "usr" if (unpacked / "usr").exists() else unpacked):
                self.assertIn("gfr 0.1.0", call(root / "bin/gfr", "--version"))
                for path in ("lib/systemd/system/gfr.service", "share/gfr/grafana/gfr.json", "share/gfr/prometheus/gfr.rules.yml", "share/gfr/maps"):
                    self.assertTrue((root / path).exists(), path)
            call("dpkg-deb", "--control", deb, folder / "control")
            call("sh", "-n", folder / "control/postinst")


    def test_the_wheel_brings_the_program_and_its_libraries(self):
        with Folder() as folder:
            call(sys.executable, SOURCE / "tools/make_wheel", folder / "out", BUILD)
            (wheel,) = folder.glob("out/*.whl")
            call(sys.executable, "-m", "pip", "install", "-q", "--disable-pip-version-check", "--no-deps", "--no-index", "--target", folder / "site", wheel)
            loaded = call("ldd", folder / "site/gfr/_program/bin/gfr")
            for name in ("libcurl.so.4", "libarrow.so", "libnghttp2.so"):
                self.assertRegex(loaded, rf"{name}\S* => {folder}/site/gfr/_program/\S*lib/gfr/")
            bare = {"PYTHONPATH": str(folder / "site"), "PATH": "/usr/bin:/bin"}
            said = call(sys.executable, "-c", "from gfr.program import run, find_program; print(find_program(), run(None, '--version'))", env=bare)
            self.assertIn("_program/bin/gfr gfr 0.1.0", said)
            self.assertIn("gfr 0.1.0", call(sys.executable, folder / "site/bin/gfr", "--version", env=bare))


if __name__ == "__main__":
    unittest.main()
