#include "monitor/monitor_config.h"

#include <algorithm>

namespace gfr {
namespace {

// Of a window: whole hours that divide a day, so that every window has an hour of day.
std::int64_t PeriodMs(Config& table, const char* key, std::int64_t otherwise_ms) {
  const std::int64_t period_ms = table.DurationMs(key, otherwise_ms);
  if (period_ms < kHourMs || period_ms > kDayMs || kDayMs % period_ms != 0 || period_ms % kHourMs != 0) {
    table.Fail(
        key, std::string(key) + " is " + FormatDuration(period_ms) + "; valid are 1h, 2h, 3h, 4h, 6h, 8h, 12h and 1d");
    return otherwise_ms;
  }
  return period_ms;
}

}  // namespace

Result<MonitorConfig> MonitorConfig::Read(Config& project) {
  MonitorConfig monitor;
  Config table = project.Table("monitor");
  DriftOptions& options = monitor.options;
  options.period_ms = PeriodMs(table, "window", options.period_ms);
  options.prior_period_ms = PeriodMs(table, "prior_window", options.prior_period_ms);
  options.min_rows = static_cast<std::uint64_t>(
      table.Integer("min_rows", static_cast<std::int64_t>(options.min_rows), 1, 1'000'000'000));
  options.false_alerts = table.Number("false_alerts", options.false_alerts, 0.001, 100);
  options.calibration_margin = table.Number("calibration_margin", options.calibration_margin, 0, 1);
  for (Config& silence : table.Tables("silence")) {
    Silence read{.name = silence.String("name", "")};
    if (read.name.empty()) silence.Fail("name", "a silence needs the name that its alerts have");
    if (const std::string until = silence.String("until", ""); !until.empty()) {
      const auto time = ParseTime(until);
      if (time.ok())
        read.until_ms = time.value();
      else
        silence.Fail("until", time.error().message);
    }
    GFR_TRY(silence.Finish());
    monitor.silences.push_back(std::move(read));
  }
  if (table.Has("webhook")) {
    Config hook = table.Table("webhook");
    AlertWebhook read{.url = hook.String("url", ""), .secret_env = hook.String("secret_env", "")};
    read.allow_private = hook.Boolean("allow_private", false);
    if (!read.url.starts_with("http://") && !read.url.starts_with("https://"))
      hook.Fail("url", "a webhook needs url = \"https://...\"");
    if (hook.Has("secret_env") && read.secret_env.empty())
      hook.Fail("secret_env", "names the variable with the secret that signs; leave it out for no signature");
    GFR_TRY(hook.Finish());
    monitor.webhook = std::move(read);
  }
  GFR_TRY(table.Finish());
  return monitor;
}

void MonitorConfig::LeaveOutSilenced(std::int64_t now_ms, std::vector<DriftAlert>* alerts,
                                     std::vector<std::string>* notes) const {
  std::erase_if(*alerts, [&](const DriftAlert& alert) {
    const bool silenced =
        std::ranges::any_of(silences, [&](const Silence& s) { return s.name == alert.name && now_ms < s.until_ms; });
    if (silenced) notes->push_back("silenced by [[monitor.silence]]: " + alert.text);
    return silenced;
  });
}

}  // namespace gfr
