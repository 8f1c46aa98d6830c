"""What running processes use: memory, processor and disk, sampled."""
import os
import pathlib
import threading

TICK = os.sysconf("SC_CLK_TCK")


def processes_of(roots):
    """The processes `roots` and all that they started: id to (resident MiB, seconds of CPU with those of ended children)."""
    parents, usage = {}, {}
    for entry in pathlib.Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        try:
            fields = (entry / "stat").read_text().rsplit(")", 1)[1].split()
        except OSError:
            continue
        parents[int(entry.name)] = int(fields[1])
        usage[int(entry.name)] = (int(fields[21]) * os.sysconf("SC_PAGE_SIZE") / 2**20, sum(map(int, fields[11:15])) / TICK)
    found = {pid for pid in roots if pid in parents}
    while more := {pid for pid, parent in parents.items() if parent in found} - found:
        found |= more
    return {pid: usage[pid] for pid in found}


def size_of(folder):
    """Of all files in it, in MiB of disk."""
    total = 0
    for path, _, files in os.walk(folder):
        for name in files:
            try:
                total += os.lstat(os.path.join(path, name)).st_blocks * 512
            except OSError:  # It was removed meanwhile.
                pass
    return total / 2**20


class Watch:
    """Samples what processes and a folder use while they run: `memory` and `disk` at most, in MiB, and `cpu_seconds`."""

    def __init__(self, roots, folder=None):
        self.roots, self.folder, self.memory, self.disk, self.stop, self.cpu = roots, folder, 0, 0, threading.Event(), {}
        self.before = {pid: cpu for pid, (_, cpu) in processes_of(roots).items()}
        self.thread = threading.Thread(target=self.sample)
        self.thread.start()

    def sample(self):
        while not self.stop.wait(0.1):
            now = processes_of(self.roots)
            self.memory = max(self.memory, sum(rss for rss, _ in now.values()))
            for pid, (_, cpu) in now.items():
                self.cpu[pid] = max(cpu, self.cpu.get(pid, 0))
            if self.folder is not None:
                self.disk = max(self.disk, size_of(self.folder))

    def end(self):
        self.stop.set()
        self.thread.join()

    @property
    def cpu_seconds(self):
        return sum(cpu - self.before.get(pid, 0) for pid, cpu in self.cpu.items())
