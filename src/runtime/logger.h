// The program's log: structured lines on stderr, as text or as JSON (docs/operations.md). Libraries report here, and
// never print.
//
//   LogWarning("registry", "a lease cannot be read", {{"lease", name}, {"age_s", age_s}});
//
// A line has time, level, component, message, the request's id where there is one, and fields. The ids of users never
// go in: fields named user, user_id, anonymous_id, session_id, email and ip are left out, whatever their value. One
// logger serves the process. Thread safety: all calls.
#pragma once

#include <concepts>
#include <cstdint>
#include <functional>
#include <initializer_list>
#include <string>
#include <string_view>
#include <variant>

#include "base/result.h"

namespace gfr {

enum class LogLevel : std::uint8_t { kDebug, kInfo, kWarning, kError };
enum class LogFormat : std::uint8_t { kText, kJson };

// "debug", "info", "warning", "error"; "text", "json".
Result<LogLevel> ParseLogLevel(std::string_view text);
Result<LogFormat> ParseLogFormat(std::string_view text);

// A name and a value that lives until the call returns.
struct LogField {
  LogField(std::string_view k, std::string_view v) : key(k), value(v) {}
  LogField(std::string_view k, const char* v) : key(k), value(std::string_view(v)) {}
  LogField(std::string_view k, const std::string& v) : key(k), value(std::string_view(v)) {}
  LogField(std::string_view k, bool v) : key(k), value(v) {}
  LogField(std::string_view k, double v) : key(k), value(v) {}
  template <std::integral T>
  LogField(std::string_view k, T v) : key(k), value(static_cast<std::int64_t>(v)) {}

  std::string_view key;
  std::variant<std::string_view, std::int64_t, double, bool> value;
};
using LogFields = std::initializer_list<LogField>;

// What stands below `level` is not written. At the start: text, kInfo.
void ConfigureLog(LogFormat format, LogLevel level);

void Log(LogLevel level, std::string_view component, std::string_view message, LogFields fields = {});
inline void LogInfo(std::string_view c, std::string_view m, LogFields f = {}) { Log(LogLevel::kInfo, c, m, f); }
inline void LogWarning(std::string_view c, std::string_view m, LogFields f = {}) { Log(LogLevel::kWarning, c, m, f); }
inline void LogError(std::string_view c, std::string_view m, LogFields f = {}) { Log(LogLevel::kError, c, m, f); }

// The calling thread's lines belong to a request until this is destroyed. `request_id` must live as long.
class LogRequest {
 public:
  explicit LogRequest(std::string_view request_id);
  ~LogRequest();
  LogRequest(const LogRequest&) = delete;
  LogRequest& operator=(const LogRequest&) = delete;

 private:
  const std::string_view before_;
};

// For tests: until it is destroyed, lines (without their end) go to it instead of stderr. One at a time.
class LogCapture {
 public:
  explicit LogCapture(LogFormat format = LogFormat::kText);
  ~LogCapture();
  LogCapture(const LogCapture&) = delete;
  LogCapture& operator=(const LogCapture&) = delete;
  std::string text() const;  // All lines, each ended by '\n'.
};

}  // namespace gfr
