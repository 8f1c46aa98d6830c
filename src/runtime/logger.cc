#include "runtime/logger.h"

#include <spdlog/logger.h>
#include <spdlog/sinks/base_sink.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <mutex>
#include <nlohmann/json.hpp>

#include "base/clock.h"
#include "base/time.h"
#include "runtime/line_output.h"

namespace gfr {
namespace {

constexpr std::array<std::string_view, 6> kNeverWritten{"user", "user_id", "anonymous_id", "session_id", "email", "ip"};
constexpr std::array<std::string_view, 4> kLevelNames{"debug", "info", "warning", "error"};
constexpr std::array<std::string_view, 2> kFormatNames{"text", "json"};
constexpr std::array<spdlog::level::level_enum, 4> kLevels{spdlog::level::debug, spdlog::level::info,
                                                           spdlog::level::warn, spdlog::level::err};

thread_local std::string_view current_request;

// The line that says how many were lost before it.
std::string DroppedLine(std::uint64_t lines);

// To stderr, or to a LogCapture. Its mutex is spdlog's affair: it is held for one write, which waits for a moment at
// most (runtime/line_output.h).
class Sink final : public spdlog::sinks::base_sink<std::mutex> {
 public:
  // Gives what was captured so far, and begins or ends a capture.
  std::string Capture(bool on) {
    const std::lock_guard lock(mutex_);
    capturing_ = on;
    return std::exchange(captured_, {});
  }
  std::string captured() {
    const std::lock_guard lock(mutex_);
    return captured_;
  }
  std::uint64_t dropped() const { return output_.dropped(); }

 private:
  void sink_it_(const spdlog::details::log_msg& message) override {
    std::string line(message.payload.data(), message.payload.size());
    line += '\n';
    if (capturing_) {
      captured_ += line;
      return;
    }
    const std::uint64_t dropped = output_.dropped();
    if (output_.Write(line) && dropped > said_ && output_.Write(DroppedLine(dropped - said_))) said_ = dropped;
  }
  void flush_() override {}
  LineOutput output_{STDERR_FILENO};
  std::uint64_t said_ = 0;  // Of the lines that were dropped.
  bool capturing_ = false;
  std::string captured_;
};

struct Process {
  std::shared_ptr<Sink> sink = std::make_shared<Sink>();
  spdlog::logger logger{"gfr", sink};
  std::atomic<LogFormat> format = LogFormat::kText;
  const WallClock clock;
};

// Never destroyed: threads may report until the very end.
Process& TheProcess() {
  static Process& process = *new Process;
  return process;
}

bool MayBeWritten(const LogField& field) { return std::ranges::find(kNeverWritten, field.key) == kNeverWritten.end(); }

std::string JsonText(const nlohmann::ordered_json& json) {
  return json.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace);
}

std::string JsonLine(std::string_view time, std::string_view level, std::string_view component,
                     std::string_view message, LogFields fields) {
  nlohmann::ordered_json line{{"time", time}, {"level", level}, {"component", component}, {"message", message}};
  if (!current_request.empty()) line["request_id"] = current_request;
  for (const LogField& field : fields) {
    if (MayBeWritten(field)) std::visit([&](const auto& v) { line[std::string(field.key)] = v; }, field.value);
  }
  return JsonText(line);
}

// A value without spaces, quotes or control characters stands as it is, any other as a JSON string: one line is one
// line, whatever a peer sent.
std::string TextValue(std::string_view text) {
  const bool plain = !text.empty() && std::ranges::all_of(text, [](char c) { return c > ' ' && c < 127 && c != '"'; });
  return plain ? std::string(text) : JsonText(text);
}

std::string OneLine(std::string_view text) {
  const std::string quoted = JsonText(text);
  const bool clean = quoted.size() == text.size() + 2 && std::string_view(quoted).substr(1, text.size()) == text;
  if (clean || std::ranges::none_of(text, [](char c) { return static_cast<unsigned char>(c) < ' ' || c == 127; }))
    return std::string(text);
  return quoted.substr(1, quoted.size() - 2);
}

std::string TextLine(std::string_view time, std::string_view level, std::string_view component,
                     std::string_view message, LogFields fields) {
  std::string line;
  line.append(time).append(" ").append(level).append(" ").append(component).append(": ").append(OneLine(message));
  const auto add = [&](std::string_view key, std::string_view value) {
    line.append(" ").append(key).append("=").append(value);
  };
  if (!current_request.empty()) add("request_id", TextValue(current_request));
  for (const LogField& field : fields) {
    if (!MayBeWritten(field)) continue;
    if (const auto* text = std::get_if<std::string_view>(&field.value)) {
      add(field.key, TextValue(*text));
    } else {
      add(field.key, std::visit([](const auto& v) { return JsonText(v); }, field.value));
    }
  }
  return line;
}

std::string DroppedLine(std::uint64_t lines) {
  const Process& process = TheProcess();
  const auto make = process.format == LogFormat::kJson ? JsonLine : TextLine;
  return make(FormatTime(process.clock.now_ms()), "warning", "log", "lines were dropped, since nobody read them",
              {{"lines", lines}}) +
         "\n";
}

template <typename Enum, std::size_t N>
Result<Enum> ParseName(std::string_view text, const std::array<std::string_view, N>& names, const char* what) {
  const auto at = std::ranges::find(names, text);
  if (at != names.end()) return static_cast<Enum>(at - names.begin());
  std::string valid;
  for (const std::string_view name : names) valid.append(valid.empty() ? "" : ", ").append(name);
  return Error{ErrorCode::kInvalidArgument,
               std::string(what) + " is '" + std::string(text.substr(0, 64)) + "'; valid are " + valid};
}

}  // namespace

Result<LogLevel> ParseLogLevel(std::string_view text) {
  return ParseName<LogLevel>(text, kLevelNames, "the log level");
}
Result<LogFormat> ParseLogFormat(std::string_view text) {
  return ParseName<LogFormat>(text, kFormatNames, "the log format");
}

void ConfigureLog(LogFormat format, LogLevel level) {
  Process& process = TheProcess();
  process.format = format;
  process.logger.set_level(kLevels[static_cast<std::size_t>(level)]);
  process.logger.flush_on(spdlog::level::debug);
}

void Log(LogLevel level, std::string_view component, std::string_view message, LogFields fields) {
  Process& process = TheProcess();
  const auto spd_level = kLevels[static_cast<std::size_t>(level)];
  if (!process.logger.should_log(spd_level)) return;
  const std::string time = FormatTime(process.clock.now_ms());
  const std::string_view name = kLevelNames[static_cast<std::size_t>(level)];
  const auto make = process.format == LogFormat::kJson ? JsonLine : TextLine;
  process.logger.log(spd_level, spdlog::string_view_t(make(time, name, component, message, fields)));
}

std::uint64_t DroppedLogLines() { return TheProcess().sink->dropped(); }

LogRequest::LogRequest(std::string_view request_id) : before_(std::exchange(current_request, request_id)) {}
LogRequest::~LogRequest() { current_request = before_; }

LogCapture::LogCapture(LogFormat format) {
  TheProcess().format = format;
  (void)TheProcess().sink->Capture(true);
}
LogCapture::~LogCapture() {
  TheProcess().format = LogFormat::kText;
  (void)TheProcess().sink->Capture(false);
}
std::string LogCapture::text() const { return TheProcess().sink->captured(); }

}  // namespace gfr
