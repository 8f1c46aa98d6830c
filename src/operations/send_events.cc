#include "operations/send_events.h"

#include <algorithm>
#include <charconv>
#include <nlohmann/json.hpp>
#include <optional>
#include <vector>

#include "base/clock.h"
#include "base/hash.h"
#include "base/hex.h"
#include "base/json_text.h"
#include "base/text_reader.h"

namespace gfr {
namespace {

using SendJson = nlohmann::ordered_json;

constexpr std::size_t kBatchBytes = 4u << 20;  // A server's default limit of a body is four times as much.
constexpr std::int64_t kFirstWaitMs = 250, kLongestWaitMs = 30'000, kAnswerMs = 60'000;
constexpr std::size_t kNamedByServer = 100;  // Of the rejections of one body.

struct Line {
  std::uint64_t number = 0;
  std::string text;
};
using Lines = std::vector<Line>;

// How far a sending came: lines of the file, empty ones included, and a digest of them.
struct SendProgress {
  std::uint64_t lines = 0, events = 0, digest = 0;
};

std::uint64_t DigestOf(std::string_view line, std::uint64_t before) {
  return Hash64(line.data(), line.size(), before + 1);
}

Result<std::string> EventsUrl(std::string url) {
  if (!url.starts_with("http://") && !url.starts_with("https://"))
    return Error{ErrorCode::kInvalidArgument,
                 "the server is '" + url + "'; valid is http://HOST:PORT or https://HOST:PORT"};
  while (url.ends_with('/')) url.pop_back();
  constexpr std::string_view kPath = "/v1/events";
  return url.ends_with(kPath) ? url : url.append(kPath);
}

class Sending {
 public:
  Sending(FileSystem& fs, HttpCaller& caller, const SendSettings& settings, const SendObserver& observer,
          SendReport* report, const std::stop_token& stop, std::function<bool(std::int64_t)> wait)
      : fs_(fs),
        caller_(caller),
        settings_(settings),
        observer_(observer),
        report_(*report),
        stop_(stop),
        wait_(wait ? std::move(wait) : [this](std::int64_t ms) { return WaitUntil(MonotonicMs() + ms, stop_); }) {}
  Status Run();

 private:
  // What the server said of a batch.
  struct Answer {
    std::uint64_t accepted = 0, duplicates = 0, rejected = 0;
    std::vector<SentLine> named;  // Of the rejected.
  };
  Status ReadProgress();
  Status WriteProgress() const;
  Status SkipSent(TextReader& lines);
  Status SendAndCount(const Lines& batch);
  Result<Answer> Post(const Lines& batch, std::size_t from, std::size_t to);
  Result<Answer> ReadAnswer(const Lines& batch, std::size_t from, const std::string& body) const;
  Status NameAll(const Lines& batch);
  Status Wait(const std::string& why, std::int64_t wait_ms);

  FileSystem& fs_;
  HttpCaller& caller_;
  const SendSettings& settings_;
  const SendObserver& observer_;
  SendReport& report_;
  const std::stop_token stop_;
  const std::function<bool(std::int64_t)> wait_;
  std::string url_, progress_file_;
  SendProgress progress_;
};

Status Sending::ReadProgress() {
  progress_file_ = settings_.progress_file.empty() ? settings_.file + ".sent" : settings_.progress_file;
  if (settings_.file.starts_with("/dev/") && settings_.progress_file.empty()) progress_file_.clear();
  if (progress_file_.empty() || settings_.again || !fs_.Exists(progress_file_)) return {};
  GFR_ASSIGN(const std::string text, fs_.ReadAll(progress_file_));
  const SendJson json = ParseJson<SendJson>(text, /*throws=*/false);
  const auto is_number = [&](const char* name) { return json.contains(name) && json[name].is_number_unsigned(); };
  const bool is_whole = json.is_object() && json.contains("url") && json.contains("digest") &&
                        json["digest"].is_string() && is_number("lines") && is_number("events");
  const auto digest = ParseHex(is_whole ? json["digest"].get<std::string>() : "");
  if (!digest.ok())
    return Error{ErrorCode::kInvalidArgument,
                 progress_file_ + " does not say how far the file was sent; remove it, or send --again"};
  if (json["url"] != url_)
    return Error{ErrorCode::kInvalidArgument,
                 progress_file_ + " belongs to a file sent to " + DumpJson(json["url"]) +
                     "; give another --progress file, or send --again from the first line"};
  progress_ = {.lines = json["lines"], .events = json["events"], .digest = digest.value()};
  return {};
}

Status Sending::WriteProgress() const {
  if (progress_file_.empty()) return {};
  const SendJson json{
      {"url", url_}, {"lines", progress_.lines}, {"events", progress_.events}, {"digest", HexText(progress_.digest)}};
  return PublishFile(fs_, progress_file_, DumpJson(json) + "\n");
}

Status Sending::SkipSent(TextReader& lines) {
  std::uint64_t digest = 0;
  std::string line;
  for (std::uint64_t n = 0; n < progress_.lines; ++n) {
    GFR_ASSIGN(const bool more, lines.NextLine(&line));
    if (more) digest = DigestOf(line, digest);
    if (!more || (n + 1 == progress_.lines && digest != progress_.digest))
      return Error{ErrorCode::kInvalidArgument, "the first " + std::to_string(progress_.lines) + " lines of " +
                                                    settings_.file +
                                                    " are not those that were sent; send --again from the first line"};
  }
  report_.lines = report_.skipped = progress_.events;
  return {};
}

Status Sending::Run() {
  GFR_ASSIGN(url_, EventsUrl(settings_.url));
  GFR_TRY(ReadProgress());
  GFR_ASSIGN(const auto lines, TextReader::Open(settings_.file));
  GFR_TRY(SkipSent(*lines));
  SendProgress read = progress_;
  for (bool more = true; more;) {
    Lines batch;
    std::size_t bytes = 0;
    while (batch.size() < std::max<std::size_t>(1, settings_.batch) && bytes < kBatchBytes) {
      Line line;
      GFR_ASSIGN(more, lines->NextLine(&line.text));
      if (!more) break;
      read.digest = DigestOf(line.text, read.digest);
      line.number = ++read.lines;
      if (line.text.find_first_not_of(" \t\r") == std::string::npos) continue;
      bytes += line.text.size() + 1;
      batch.push_back(std::move(line));
    }
    if (batch.empty()) break;
    read.events += batch.size();
    GFR_TRY(SendAndCount(batch));
    ++report_.batches;
    progress_ = read;
    report_.lines = progress_.events;
    GFR_TRY(WriteProgress());
    if (observer_.sent) observer_.sent(report_.lines);
  }
  return {};
}

Status Sending::SendAndCount(const Lines& batch) {
  auto answer = Post(batch, 0, batch.size());
  if (!answer.ok() && answer.error().code == ErrorCode::kResourceExhausted) {
    // Larger than what the server takes at once. One line that is too large is refused, as the server would.
    if (batch.size() == 1) {
      ++report_.rejected;
      if (observer_.rejected) observer_.rejected({batch[0].number, "too_large", answer.error().message});
      return {};
    }
    const auto middle = batch.begin() + static_cast<std::ptrdiff_t>(batch.size() / 2);
    GFR_TRY(SendAndCount(Lines(batch.begin(), middle)));
    return SendAndCount(Lines(middle, batch.end()));
  }
  GFR_TRY(answer);
  const Answer& a = answer.value();
  report_.accepted += a.accepted;
  report_.duplicates += a.duplicates;
  report_.rejected += a.rejected;
  if (a.rejected > a.named.size()) return NameAll(batch);
  for (const SentLine& line : a.named) {
    if (observer_.rejected) observer_.rejected(line);
  }
  return {};
}

// A reply names the first rejections only: each part of the batch is asked for its own. What was accepted is a
// duplicate now, and is not counted again.
Status Sending::NameAll(const Lines& batch) {
  for (std::size_t from = 0; from < batch.size(); from += kNamedByServer) {
    GFR_ASSIGN(const Answer answer, Post(batch, from, std::min(batch.size(), from + kNamedByServer)));
    for (const SentLine& line : answer.named) {
      if (observer_.rejected) observer_.rejected(line);
    }
  }
  return {};
}

// Until the server has answered for each line. kResourceExhausted: the body is too large for it.
Result<Sending::Answer> Sending::Post(const Lines& batch, std::size_t from, std::size_t to) {
  std::string body;
  for (std::size_t i = from; i < to; ++i) body.append(batch[i].text).push_back('\n');
  HttpCall call{.method = "POST", .url = url_, .headers = {"Content-Type: application/x-ndjson"}, .body = body};
  if (!settings_.token.empty()) call.headers.push_back("Authorization: Bearer " + settings_.token);
  const std::int64_t begin_ms = MonotonicMs();
  std::int64_t waited_ms = 0;
  for (std::int64_t wait_ms = kFirstWaitMs;; wait_ms = std::min(kLongestWaitMs, 2 * wait_ms)) {
    call.deadline_ms = MonotonicMs() + kAnswerMs;
    const auto answer = caller_.Send(call, stop_);
    std::string why;
    std::int64_t least_ms = wait_ms;
    if (!answer.ok()) {
      if (answer.error().code != ErrorCode::kUnavailable) return answer.error();
      why = answer.error().message;
    } else {
      const HttpAnswer& a = answer.value();
      const bool is_list = a.content_type.starts_with("application/json");
      if (a.status == 202 || (a.status == 400 && is_list)) return ReadAnswer(batch, from, a.body);
      if (a.status == 413) return Error{ErrorCode::kResourceExhausted, "the server takes no body so large"};
      why = "the server answered " + std::to_string(a.status) + ": " + a.body.substr(0, 300);
      if (a.status < 500 && a.status != 408 && a.status != 429) return Error{ErrorCode::kInvalidArgument, why};
      std::int64_t seconds = 0;
      const std::string_view later = a.Header("retry-after");
      std::from_chars(later.data(), later.data() + later.size(), seconds);
      least_ms = std::max(wait_ms, std::min<std::int64_t>(seconds, 3600) * 1000);
    }
    if (stop_.stop_requested()) return Error{ErrorCode::kUnavailable, "stopped; what was answered is not sent again"};
    if (std::max(waited_ms, MonotonicMs() - begin_ms) + least_ms > settings_.patience_ms)
      return Error{ErrorCode::kUnavailable, why + "; sent again, it goes on here"};
    ++report_.retries;
    if (observer_.waits) observer_.waits(why, least_ms);
    if (!wait_(least_ms)) return Error{ErrorCode::kUnavailable, "stopped; what was answered is not sent again"};
    waited_ms += least_ms;
  }
}

Result<Sending::Answer> Sending::ReadAnswer(const Lines& batch, std::size_t from, const std::string& body) const {
  const SendJson json = ParseJson<SendJson>(body, /*throws=*/false);
  const auto count = [&](const char* name) -> std::optional<std::uint64_t> {
    if (!json.is_object() || !json.contains(name) || !json[name].is_number_unsigned()) return std::nullopt;
    return json[name].get<std::uint64_t>();
  };
  const auto accepted = count("accepted"), duplicates = count("duplicates");
  const bool named = json.is_object() && json.contains("rejected") && json["rejected"].is_array();
  if (!accepted || !duplicates || !named)
    return Error{ErrorCode::kInvalidArgument,
                 url_ + " is not answered as a gfr server answers events: " + body.substr(0, 300)};
  Answer answer{.accepted = *accepted, .duplicates = *duplicates, .rejected = json["rejected"].size()};
  answer.rejected = count("rejected_count").value_or(answer.rejected);
  const auto text = [](const SendJson& of, const char* name) {
    return of.contains(name) && of[name].is_string() ? of[name].get<std::string>() : std::string();
  };
  for (const SendJson& r : json["rejected"]) {
    if (!r.is_object() || !r.contains("index") || !r["index"].is_number_unsigned()) continue;
    const std::size_t index = from + r["index"].get<std::size_t>();
    if (index < batch.size()) answer.named.push_back({batch[index].number, text(r, "code"), text(r, "message")});
  }
  return answer;
}

}  // namespace

Status SendEvents(FileSystem& fs, HttpCaller& caller, const SendSettings& settings, const SendObserver& observer,
                  SendReport* report, const std::stop_token& stop, std::function<bool(std::int64_t)> wait) {
  *report = {};
  return Sending(fs, caller, settings, observer, report, stop, std::move(wait)).Run();
}

}  // namespace gfr
