// send.
#include <fmt/format.h>

#include <csignal>
#include <cstdio>
#include <filesystem>

#include "base/progress.h"
#include "base/sync.h"
#include "commands.h"
#include "operations/send_events.h"
#include "remote.h"

namespace gfr {
namespace {

constexpr std::uint64_t kShownLines = 100;  // Refused lines that are named on stderr.
constexpr int kSomeRefused = 3;             // Exit code.

Json SendJsonOf(const SendReport& r, const Status& status) {
  Json json{{"lines", r.lines},       {"skipped", r.skipped}, {"accepted", r.accepted}, {"duplicates", r.duplicates},
            {"rejected", r.rejected}, {"batches", r.batches}, {"retries", r.retries}};
  if (!status.ok()) json["error"] = status.error().ToString();
  return json;
}

int RunSend(const SendSettings& given, const RemoteFlags& remote, bool json) {
  SendSettings settings = given;
  auto token = remote.Token();
  if (!token.ok()) return Fail(token.error());
  settings.token = std::move(token).value();
  Progress progress("send", 0, "lines");
  std::uint64_t shown = 0;
  const SendObserver observer{.rejected =
                                  [&](const SentLine& line) {
                                    if (++shown <= kShownLines)
                                      std::fprintf(stderr, "%s:%llu: %s: %s\n", settings.file.c_str(),
                                                   static_cast<unsigned long long>(line.line), line.code.c_str(),
                                                   line.message.c_str());
                                  },
                              .sent = [&](std::uint64_t lines) { progress.Update(lines); },
                              .waits =
                                  [&](const std::string& why, std::int64_t wait_ms) {
                                    std::fprintf(stderr, "gfr send: %s; sent again in %.2g s\n", why.c_str(),
                                                 static_cast<double>(wait_ms) / 1000);
                                  }};
  SendReport report;
  const auto caller = remote.Caller();
  const Status status = SendEvents(PosixFileSystem(), *caller, settings, observer, &report);
  if (shown > kShownLines)
    std::fprintf(stderr, "gfr send: %llu further lines were refused\n",
                 static_cast<unsigned long long>(shown - kShownLines));
  if (json) {
    PrintJson(SendJsonOf(report, status));
  } else {
    fmt::print("{} lines of {}: {} accepted, {} duplicates, {} refused", report.lines, settings.file, report.accepted,
               report.duplicates, report.rejected);
    if (report.skipped > 0) fmt::print("; {} were sent before", report.skipped);
    fmt::print("\n");
  }
  if (!status.ok()) return Fail(status.error());
  return report.rejected > 0 ? kSomeRefused : 0;
}

}  // namespace

void AddSend(CLI::App& app, Command& run) {
  static SendSettings settings;
  static RemoteFlags remote;
  static bool json = false;
  static std::int64_t patience_s = settings.patience_ms / 1000;
  CLI::App* c = app.add_subcommand(
      "send", "Send a file of events, one JSON object a line, to a running server (exit code 3: some were refused)");
  c->footer("Example: gfr send events.ndjson --to https://gfr.example:8080 --token-file events.token");
  c->add_option("FILE", settings.file, "Lines as POST /v1/events takes them; .gz, .xz and .zst are decompressed")
      ->required()
      ->check(CLI::ExistingPath);
  c->add_option("--to", settings.url, "The server's URL")->required();
  AddRemoteFlags(*c, remote);
  c->add_option("--batch", settings.batch, "Lines of a call, at most")
      ->capture_default_str()
      ->check(CLI::Range(std::size_t{1}, std::size_t{1'000'000}));
  c->add_option("--progress", settings.progress_file, "Where it is kept how far the sending came; default: FILE.sent");
  c->add_flag("--again", settings.again, "From the first line, also what was sent before");
  c->add_option("--patience", patience_s, "Seconds without any answer for a batch, after which it gives up")
      ->capture_default_str()
      ->check(CLI::Range(0, 1'000'000));
  c->add_flag("--json", json, "One JSON object on stdout, all else on stderr");
  c->callback([&run] {
    settings.patience_ms = patience_s * 1000;
    run = [] { return RunSend(settings, remote, json); };
  });
}

}  // namespace gfr
