#include "base/time_zone.h"

#include <algorithm>
#include <cstdlib>
#include <optional>
#include <string_view>
#include <vector>

#include "base/file_system.h"
#include "base/time.h"

namespace gfr {
namespace {

constexpr std::int64_t kDayS = 86400;

// Days since 1970 of the first day of a year.
std::int64_t YearStart(std::int64_t year) {
  const std::int64_t y = year - 1;
  return 365 * (year - 1970) + (y / 4 - 492) - (y / 100 - 19) + (y / 400 - 4);
}
bool IsLeap(std::int64_t year) { return (year % 4 == 0 && year % 100 != 0) || year % 400 == 0; }
std::int64_t YearOf(std::int64_t utc_s) {
  std::int64_t year = 1970 + utc_s / (365 * kDayS + kDayS / 4);
  while (YearStart(year) * kDayS > utc_s) --year;
  while (YearStart(year + 1) * kDayS <= utc_s) ++year;
  return year;
}

// A rule of POSIX TZ for one change of the clock a year (IEEE 1003.1, 8.3): Mm.w.d, Jn or n, and the local time.
struct Change {
  enum class Of { kWeekday, kJulian, kZeroBased } of = Of::kWeekday;
  int month = 1, week = 1, day = 0;
  std::int64_t time_s = 7200;

  // Local seconds since 1970 in `year`.
  std::int64_t In(std::int64_t year) const {
    const std::int64_t start = YearStart(year);
    if (of == Of::kJulian) return (start + day - 1 + (IsLeap(year) && day >= 60)) * kDayS + time_s;
    if (of == Of::kZeroBased) return (start + day) * kDayS + time_s;
    static constexpr int kBefore[] = {0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334, 365};
    const auto before = [&](int m) { return kBefore[m] + (m >= 2 && IsLeap(year)); };
    const std::int64_t first = start + before(month - 1);
    const std::int64_t weekday = ((first + 4) % 7 + 7) % 7;  // 1970-01-01 was a Thursday.
    std::int64_t at = (day - weekday + 7) % 7 + (week - 1) * 7;
    while (at >= before(month) - before(month - 1)) at -= 7;
    return (first + at) * kDayS + time_s;
  }
};

// "CET-1CEST,M3.5.0,M10.5.0/3": what holds behind the last change that a file lists.
class Posix {
 public:
  static std::optional<Posix> Parse(std::string_view text) {
    Posix p;
    p.left_ = text;
    if (!p.Name() || !p.Offset(&p.standard_s_)) return std::nullopt;
    p.standard_s_ = -p.standard_s_;
    if (p.left_.empty()) return p;
    if (!p.Name()) return std::nullopt;
    p.summer_s_ = p.standard_s_ + 3600;
    if (!p.left_.empty() && p.left_[0] != ',') {
      if (!p.Offset(&p.summer_s_)) return std::nullopt;
      p.summer_s_ = -p.summer_s_;
    }
    p.has_summer_ = true;
    if (!p.Rule(&p.begin_) || !p.Rule(&p.end_) || !p.left_.empty()) return std::nullopt;
    return p;
  }
  std::int64_t OffsetAt(std::int64_t utc_s) const {
    if (!has_summer_) return standard_s_;
    const std::int64_t year = YearOf(utc_s + standard_s_);
    const std::int64_t begin = begin_.In(year) - standard_s_, end = end_.In(year) - summer_s_;
    const bool summer = begin < end ? utc_s >= begin && utc_s < end : utc_s >= begin || utc_s < end;
    return summer ? summer_s_ : standard_s_;
  }

 private:
  bool Name() {
    std::size_t n = 0;
    if (left_.starts_with('<')) {
      n = left_.find('>');
      if (n == std::string_view::npos) return false;
      ++n;
    } else {
      while (n < left_.size() && ((left_[n] | 32) >= 'a' && (left_[n] | 32) <= 'z')) ++n;
    }
    left_.remove_prefix(n);
    return n >= 3;
  }
  bool Number(int* out) {
    std::size_t n = 0;
    for (*out = 0; n < left_.size() && n < 4 && left_[n] >= '0' && left_[n] <= '9'; ++n)
      *out = *out * 10 + (left_[n] - '0');
    left_.remove_prefix(n);
    return n > 0;
  }
  bool Take(char c) {
    if (!left_.starts_with(c)) return false;
    left_.remove_prefix(1);
    return true;
  }
  bool Offset(std::int64_t* seconds) {
    const bool minus = Take('-');
    if (!minus) Take('+');
    int h = 0, m = 0, s = 0;
    if (!Number(&h) || (Take(':') && (!Number(&m) || (Take(':') && !Number(&s))))) return false;
    *seconds = (minus ? -1 : 1) * (h * 3600 + m * 60 + s);
    return true;
  }
  bool Rule(Change* rule) {
    if (!Take(',')) return false;
    if (Take('M')) {
      rule->of = Change::Of::kWeekday;
      if (!Number(&rule->month) || !Take('.') || !Number(&rule->week) || !Take('.') || !Number(&rule->day))
        return false;
      if (rule->month < 1 || rule->month > 12 || rule->week < 1 || rule->week > 5 || rule->day > 6) return false;
    } else {
      rule->of = Take('J') ? Change::Of::kJulian : Change::Of::kZeroBased;
      if (!Number(&rule->day) || rule->day > 365) return false;
    }
    return !Take('/') || Offset(&rule->time_s);
  }

  std::string_view left_;
  std::int64_t standard_s_ = 0, summer_s_ = 0;
  bool has_summer_ = false;
  Change begin_, end_;
};

// One or two digits of hours and two of minutes, as "+01:00", "+0100", "+01".
std::optional<std::int64_t> FixedOffset(std::string_view text) {
  if (text == "Z" || text == "z" || text == "UTC" || text == "GMT") return 0;
  if (text.size() < 3 || (text[0] != '+' && text[0] != '-')) return std::nullopt;
  std::string digits;
  for (const char c : text.substr(1)) {
    if (c == ':' && digits.size() == 2) continue;
    if (c < '0' || c > '9') return std::nullopt;
    digits += c;
  }
  if (digits.size() != 2 && digits.size() != 4) return std::nullopt;
  const int hours = std::stoi(digits.substr(0, 2)), minutes = digits.size() == 4 ? std::stoi(digits.substr(2)) : 0;
  if (hours > 23 || minutes > 59) return std::nullopt;
  return (text[0] == '-' ? -1 : 1) * (hours * 3600 + minutes * 60);
}

std::uint64_t BigEndian(std::string_view bytes) {
  std::uint64_t value = 0;
  for (const char c : bytes) value = value << 8 | static_cast<std::uint8_t>(c);
  return value;
}

}  // namespace

struct TimeZone::Rules {
  std::vector<std::int64_t> at_s, offset_s;  // From each instant on; the first is the beginning of time.
  std::optional<Posix> behind;               // The last instant.

  // RFC 8536, the second block of a file of version 2 and later.
  bool Read(std::string_view file) {
    constexpr std::size_t kHeader = 44;
    const auto counts = [&](std::size_t from, std::size_t k) {
      return static_cast<std::size_t>(BigEndian(file.substr(from + 20 + 4 * k, 4)));
    };
    if (file.size() < kHeader || !file.starts_with("TZif") || file[4] < '2') return false;
    const std::size_t second =
        kHeader + counts(0, 3) * 5 + counts(0, 4) * 6 + counts(0, 5) + counts(0, 2) * 8 + counts(0, 1) + counts(0, 0);
    if (second + kHeader > file.size() || file.substr(second, 4) != "TZif") return false;
    const std::size_t times = counts(second, 3), types = counts(second, 4), letters = counts(second, 5);
    const std::size_t from = second + kHeader, of_type = from + times * 9,
                      footer = of_type + types * 6 + letters + counts(second, 2) * 12 + counts(second, 1) +
                               counts(second, 0);
    if (types == 0 || footer > file.size()) return false;
    const auto offset = [&](std::size_t type) {
      return std::int64_t{static_cast<std::int32_t>(BigEndian(file.substr(of_type + 6 * type, 4)))};
    };
    at_s = {INT64_MIN};
    offset_s = {offset(0)};
    for (std::size_t i = 0; i < times; ++i) {
      const auto type = static_cast<std::uint8_t>(file[from + times * 8 + i]);
      if (type >= types) return false;
      at_s.push_back(static_cast<std::int64_t>(BigEndian(file.substr(from + 8 * i, 8))));
      offset_s.push_back(offset(type));
    }
    std::string_view text = file.substr(footer);
    if (text.size() > 2) behind = Posix::Parse(text.substr(1, text.size() - 2));
    return true;
  }
};

TimeZone::TimeZone() = default;

Result<TimeZone> TimeZone::Open(const std::string& name) {
  TimeZone zone;
  if (const auto fixed = FixedOffset(name)) {
    zone.fixed_s_ = *fixed;
    return zone;
  }
  const char* folder = std::getenv("TZDIR");
  const bool plain = !name.empty() && name[0] != '/' && name[0] != '.' && name.find("..") == std::string::npos;
  // A name may be that of a folder ("US", "Europe"): no zone, and an error to read.
  const auto bytes = plain ? PosixFileSystem().ReadAll(JoinPath(folder ? folder : "/usr/share/zoneinfo", name))
                           : Result<std::string>(std::string());
  auto rules = std::make_shared<Rules>();
  if (!bytes.ok() || !rules->Read(bytes.value())) {
    return Error{ErrorCode::kInvalidArgument,
                 "'" + name.substr(0, 60) +
                     "' is not a time zone; valid are Z, offsets such as +01:00, and zones such as Europe/Berlin (of "
                     "the package tzdata)"};
  }
  zone.rules_ = std::move(rules);
  return zone;
}

std::int64_t TimeZone::OffsetAt(std::int64_t utc_s) const {
  if (!rules_) return fixed_s_;
  const auto next = std::ranges::upper_bound(rules_->at_s, utc_s);
  if (next == rules_->at_s.end() && rules_->behind) return rules_->behind->OffsetAt(utc_s);
  return rules_->offset_s[static_cast<std::size_t>(next - rules_->at_s.begin()) - 1];
}

std::int64_t TimeZone::ToUtcMs(std::int64_t local_ms) const {
  if (!rules_) return local_ms - fixed_s_ * 1000;
  const std::int64_t local_s = local_ms / 1000 - (local_ms % 1000 < 0);
  // Changes are more than a day apart: the offsets of a day before and behind are those that can hold.
  const std::int64_t before = OffsetAt(local_s - kDayS), behind = OffsetAt(local_s + kDayS);
  if (OffsetAt(local_s - before) == before) return local_ms - before * 1000;  // Also the first of two.
  if (OffsetAt(local_s - behind) == behind) return local_ms - behind * 1000;
  return local_ms - before * 1000;
}

}  // namespace gfr
