"""Bugs that are planted into a test build, to see how many the simulated world finds. None is in what is shipped: copies of a few sources, each
bug behind a number that is chosen at start (GFR_PLANTED=n), are compiled into the program world_planted alone.

planted_bugs.py --check SOURCE                 every place is found once
planted_bugs.py --make SOURCE FOLDER           writes the copies
planted_bugs.py --find PROGRAM [--seconds S]   runs the world with each bug until a seed finds it, and gives a table"""
import argparse
import os
import pathlib
import subprocess
import sys
import time

# What it is, the file, the text and what it becomes; {n} is the condition that this bug is chosen.
BUGS = [
    ("a batch is answered and now and then not written", "src/log/event_log.cc",
     "const Status status = group.frames.empty() ? Status() : WriteAndSync(group);",
     "const Status status = group.frames.empty() || ({n} && group.first % 64 == 0) ? Status() : WriteAndSync(group);"),
    ("keys of a failed batch stay, so that it is a duplicate when it comes again", "src/log/event_log.cc",
     "keys.RemoveNewest(next_offset - from_offset);", "if (!{n}) keys.RemoveNewest(next_offset - from_offset);"),
    ("a segment that failed is not cut", "src/log/event_log.cc", "GFR_TRY(cut->Truncate(synced_bytes));",
     "if (!{n}) {{ GFR_TRY(cut->Truncate(synced_bytes)); }}"),
    ("the cut of a segment that failed is not synced", "src/log/event_log.cc", "  return cut->Sync();", "  return {n} ? Status() : cut->Sync();"),
    ("offsets go on behind a failed batch", "src/log/event_log.cc", "next_offset = written_end = from_offset;",
     "if (!{n}) next_offset = from_offset;\n  written_end = from_offset;"),
    ("a duplicate is acknowledged before what it repeats is on disk", "src/log/event_log.cc", "  s.Queue(std::move(batch));\n  lock.Unlock();",
     "  if ({n} && s.encoded.empty()) {{\n    lock.Unlock();\n    return batch.done(std::move(batch.appended));\n  }}\n  s.Queue(std::move(batch));\n  lock.Unlock();"),
    ("arrival follows a clock that goes back", "src/log/event_log.cc", "const std::int64_t arrival_ms = std::max(s.clock.now_ms(), s.last_arrival_ms);",
     "const std::int64_t arrival_ms = {n} ? s.clock.now_ms() : std::max(s.clock.now_ms(), s.last_arrival_ms);"),
    ("a start forgets which events the log has", "src/log/event_log.cc", "    keys.Insert(DuplicateKeys::Of(record.event), record.arrival_ms);\n    next_offset",
     "    if (!{n}) keys.Insert(DuplicateKeys::Of(record.event), record.arrival_ms);\n    next_offset"),
    ("what was queued behind a failed batch is written all the same", "src/log/event_log.cc",
     "  for (Group& group : groups) std::ranges::move(group.batches, std::back_inserter(*taken));\n  groups.clear();\n  queued_bytes = 0;",
     "  if (!{n}) {{\n    for (Group& group : groups) std::ranges::move(group.batches, std::back_inserter(*taken));\n    groups.clear();\n    queued_bytes = 0;\n  }}"),
    ("a start does not sync what a killed process wrote", "src/log/recover_segment.cc", "  GFR_TRY(end.writer ? end.writer->Sync() : SyncFile(fs, path));",
     "  if (!{n}) {{ GFR_TRY(end.writer ? end.writer->Sync() : SyncFile(fs, path)); }}"),
    ("a torn batch is not cut", "src/log/recover_segment.cc", "  GFR_TRY(file->Truncate(good));", "  if (!{n}) {{ GFR_TRY(file->Truncate(good)); }}"),
    ("one frame in eight is not synced", "src/log/segment_writer.cc", "  GFR_TRY(file_->Append(frame_));\n  GFR_TRY(file_->Sync());",
     "  GFR_TRY(file_->Append(frame_));\n  if (!({n} && end_offset_ % 8 == 0)) {{ GFR_TRY(file_->Sync()); }}"),
    ("the name of a new segment is not synced", "src/log/segment_writer.cc", "  GFR_TRY(fs.SyncDirectory(folder));", "  if (!{n}) {{ GFR_TRY(fs.SyncDirectory(folder)); }}"),
    ("a published file is not synced before its name", "src/object/local_object_store.cc", "      return file->Sync();", "      return {n} ? Status() : file->Sync();"),
    ("the name of a published file is not synced", "src/object/local_object_store.cc", "    return fs_.SyncDirectory(path.substr(0, path.rfind('/')));",
     "    return {n} ? Status() : fs_.SyncDirectory(path.substr(0, path.rfind('/')));"),
    ("a version's manifest comes before its files", "src/registry/registry.cc", "  for (const auto& [file, content] : files) {\n    GFR_TRY(store_->Put(",
     "  if ({n}) {{\n    for (const auto& [file, content] : files)\n      manifest[\"files\"][file] = {{{{\"sha256\", Sha256Hex(content)}}, {{\"size_bytes\", content.size()}}}};\n"
     "    GFR_TRY(store_->PutIfAbsent(JoinPath(folder, \"manifest.json\"), DumpJson(manifest, 1)));\n    for (const auto& [file, content] : files) GFR_TRY(store_->Put(JoinPath(folder, file), content));\n"
     "    return mine;\n  }}\n  for (const auto& [file, content] : files) {{\n    GFR_TRY(store_->Put("),
    ("a few records are folded before others of before them", "src/serve/service_work.cc", "  if (records->size() > kFoldAtOnce || unfolded != 0 || !mutex.TryLock()) return false;",
     "  if (records->size() > kFoldAtOnce || (unfolded != 0 && !{n}) || !mutex.TryLock()) return false;"),
    ("an epoch is sealed while an event of it is on its way to the disk", "src/serve/service_work.cc",
     "  if (store->next_offset() == static_cast<std::int64_t>(log->next_offset())) store->AdvanceTo(EpochEndAt(now_ms));",
     "  if ({n} || store->next_offset() == static_cast<std::int64_t>(log->next_offset())) store->AdvanceTo(EpochEndAt(now_ms));"),
    ("a large batch is folded but for its last record", "src/serve/service_work.cc", "    for (int n = 0; n < 64 && batch.next < batch.records.size(); ++n, ++count) {",
     "    for (int n = 0; n < 64 && batch.next < batch.records.size(); ++n, ++count) {{\n      if ({n} && batch.next == 3) {{ ++batch.next; continue; }}"),
    ("a start reads the log from one record behind its snapshot", "src/serve/service.cc", "  const std::int64_t from = s.store->next_offset();",
     "  const std::int64_t from = s.store->next_offset() + ({n} && s.store->next_offset() > 0 && s.store->next_offset() < static_cast<std::int64_t>(s.log->next_offset()) ? 1 : 0);"),
    ("a feed that is not logged does not say so", "src/serve/call/feed.cc", "    json_[\"degraded\"].push_back(\"log\");", "    if (!{n}) json_[\"degraded\"].push_back(\"log\");"),
]


def places(source):
    """The bugs that can be planted, by file; and what is wrong with the others."""
    by_file, wrong = {}, []
    for number, (what, path, text, becomes) in enumerate(BUGS, start=1):
        found = (source / path).read_text().count(text) if (source / path).exists() else 0
        if found == 1:
            by_file.setdefault(path, []).append((text, becomes.format(n=f"Planted({number})")))
        else:
            wrong.append(f"bug {number} ({what}): its text is {found} times in {path}; mend it in tests/world/planted_bugs.py")
    return by_file, wrong


def make(source, folder):
    by_file, wrong = places(source)
    for line in wrong:
        print(line, file=sys.stderr)
    for path in sorted({bug[1] for bug in BUGS}):
        text = (source / path).read_text()
        for before, after in by_file.get(path, []):
            text = text.replace(before, after)
        copy = folder / path.removeprefix("src/").replace("/", "_")
        copy.parent.mkdir(parents=True, exist_ok=True)
        text = f'#include "world/planted.h"\n{text}'
        if not copy.exists() or copy.read_text() != text:
            copy.write_text(text)


def find(program, seconds):
    found = 0
    for number, (what, *_) in enumerate(BUGS, start=1):
        began, seed = time.monotonic(), 0
        while time.monotonic() - began < seconds:
            seed += 1
            done = subprocess.run([program, "--seeds", str(seed), str(seed)], capture_output=True, text=True, timeout=600, env={**os.environ, "GFR_PLANTED": str(number)})
            if done.returncode != 0:
                broke = next((line.strip() for line in done.stdout.splitlines() if "BROKEN" in line), f"ended with {done.returncode}")
                print(f"{number:2} found by seed {seed} after {time.monotonic() - began:.0f} s: {what}: {broke[:120]}", flush=True)
                found += 1
                break
        else:
            print(f"{number:2} NOT FOUND in {seed} seeds: {what}", flush=True)
    print(f"{found} of {len(BUGS)} found")
    return found


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--check", type=pathlib.Path)
    parser.add_argument("--make", nargs=2, type=pathlib.Path)
    parser.add_argument("--find")
    parser.add_argument("--seconds", type=float, default=170)
    a = parser.parse_args()
    if a.make:
        make(*a.make)
    if a.check:
        wrong = places(a.check)[1]
        print("\n".join(wrong))
        sys.exit(1 if wrong else 0)
    if a.find:
        sys.exit(0 if find(a.find, a.seconds) >= 18 else 1)
