// SendEvents: the lines of a file, each an event as POST /v1/events takes it, to a server that runs.
//
// Lines go in batches, in the order of the file; a batch is sent again until the server has answered for each of its
// events. After each batch a small file beside the events says how far the sending came, so that it goes on there after
// a crash; at most one batch is then sent twice, which the server counts once (it knows source and id). A line that the
// server refuses is named with its reason, and is no reason to stop.
//
// Thread safety: none; one sending of one file at a time.
#pragma once

#include <cstdint>
#include <functional>
#include <stop_token>
#include <string>

#include "base/file_system.h"
#include "base/result.h"
#include "runtime/http_client.h"

namespace gfr {

struct SendSettings {
  std::string file;                    // .gz, .xz and .zst are decompressed.
  std::string url;                     // Of the server, "https://gfr.example:8080".
  std::string token;                   // A bearer token; empty: none.
  std::size_t batch = 1000;            // Lines of a batch, at least 1; fewer where they are long.
  std::string progress_file;           // How far it came; empty: the file's name and ".sent". Not for a pipe.
  bool again = false;                  // From the first line, whatever the progress file says.
  std::int64_t patience_ms = 600'000;  // Gives up when the server takes nothing for so long.
};

struct SentLine {
  std::uint64_t line = 0;  // From 1.
  std::string code, message;
};

struct SendReport {
  std::uint64_t lines = 0;    // Of the file, those of earlier runs too; without empty ones.
  std::uint64_t skipped = 0;  // Of these, sent by earlier runs.
  std::uint64_t accepted = 0, duplicates = 0, rejected = 0;  // Of this run.
  std::uint64_t batches = 0, retries = 0;
};

// What a sending calls as it goes on; each may be empty.
struct SendObserver {
  std::function<void(const SentLine&)> rejected;                            // In the order of the file.
  std::function<void(std::uint64_t lines)> sent;                            // How many lines have been answered.
  std::function<void(const std::string& why, std::int64_t wait_ms)> waits;  // Before a batch is sent again.
};

// `wait` returns after so many milliseconds, false when a stop was requested; for tests. Errors: kInvalidArgument, the
// URL or the progress file is of another sending, or the server refuses the call itself (its token, its path);
// kNotFound, no such file; kUnavailable, the server took nothing for as long as the patience lasts, or a stop was
// requested. `report` says what was done before the error.
Status SendEvents(FileSystem& fs, HttpCaller& caller, const SendSettings& settings, const SendObserver& observer,
                  SendReport* report, const std::stop_token& stop = {},
                  std::function<bool(std::int64_t wait_ms)> wait = {});

}  // namespace gfr
