#include "runtime/telemetry.h"

#include <algorithm>
#include <cassert>
#include <charconv>
#include <cmath>
#include <limits>

namespace gfr {
namespace {

constexpr std::string_view kOther = "other";

bool IsName(std::string_view name) {
  return !name.empty() && !(name[0] >= '0' && name[0] <= '9') &&
         std::ranges::all_of(name, [](char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_'; });
}

void AppendNumber(double value, std::string* text) {
  if (std::isnan(value)) {
    *text += "NaN";
  } else if (std::isinf(value)) {
    *text += value > 0 ? "+Inf" : "-Inf";
  } else {
    char digits[32];
    text->append(digits, std::to_chars(digits, digits + sizeof digits, value).ptr);
  }
}

void AppendEscaped(std::string_view value, bool quotes, std::string* text) {
  for (const char c : value) {
    if (c == '\\') {
      *text += "\\\\";
    } else if (c == '\n') {
      *text += "\\n";
    } else if (c == '"' && quotes) {
      *text += "\\\"";
    } else {
      *text += c;
    }
  }
}

// name{label="value",...} with `le` last if it is given, and a space.
void AppendSeries(const std::string& name, const char* suffix, const std::vector<Label>& labels,
                  const std::vector<std::string>& values, std::string_view le, std::string* text) {
  text->append(name).append(suffix);
  std::string inside;
  for (std::size_t i = 0; i < labels.size(); ++i) {
    inside.append(inside.empty() ? "" : ",").append(labels[i].name).append("=\"");
    AppendEscaped(values[i], /*quotes=*/true, &inside);
    inside += '"';
  }
  if (!le.empty()) inside.append(inside.empty() ? "" : ",").append("le=\"").append(le).append("\"");
  if (!inside.empty()) text->append("{").append(inside).append("}");
  *text += ' ';
}

void AppendMetric(const std::string& name, const std::vector<Label>& labels, const std::vector<std::string>& values,
                  const std::vector<double>&, const Counter& counter, std::string* text) {
  AppendSeries(name, "", labels, values, "", text);
  text->append(std::to_string(counter.value())).append("\n");
}

void AppendMetric(const std::string& name, const std::vector<Label>& labels, const std::vector<std::string>& values,
                  const std::vector<double>&, const Gauge& gauge, std::string* text) {
  AppendSeries(name, "", labels, values, "", text);
  AppendNumber(gauge.value(), text);
  *text += '\n';
}

void AppendMetric(const std::string& name, const std::vector<Label>& labels, const std::vector<std::string>& values,
                  const std::vector<double>& bounds, const Histogram& histogram, std::string* text) {
  std::uint64_t below = 0;
  for (std::size_t i = 0; i <= bounds.size(); ++i) {
    std::string le;
    AppendNumber(i < bounds.size() ? bounds[i] : INFINITY, &le);
    AppendSeries(name, "_bucket", labels, values, le, text);
    text->append(std::to_string(below += histogram.count_at(i))).append("\n");
  }
  AppendSeries(name, "_sum", labels, values, "", text);
  AppendNumber(histogram.sum(), text);
  *text += '\n';
  AppendSeries(name, "_count", labels, values, "", text);
  text->append(std::to_string(below)).append("\n");  // The same numbers as the buckets, whoever observes meanwhile.
}

template <typename Metric>
constexpr const char* kTypeName = nullptr;
template <>
constexpr const char* kTypeName<Counter> = "counter";
template <>
constexpr const char* kTypeName<Gauge> = "gauge";
template <>
constexpr const char* kTypeName<Histogram> = "histogram";

template <typename Metric>
std::unique_ptr<Metric> MakeMetric(const std::vector<double>& bounds) {
  if constexpr (std::is_same_v<Metric, Histogram>) {
    return std::make_unique<Histogram>(bounds);
  } else {
    return std::make_unique<Metric>();
  }
}

}  // namespace

void Histogram::Observe(double value, std::uint64_t times) {
  const auto at = static_cast<std::size_t>(std::ranges::lower_bound(bounds_, value) - bounds_.begin());
  counts_[at].fetch_add(times, std::memory_order_relaxed);
  sum_.fetch_add(value * static_cast<double>(times), std::memory_order_relaxed);
}

double Histogram::Quantile(double q) const {
  const double wanted = q * static_cast<double>(count());
  if (wanted <= 0) return std::numeric_limits<double>::quiet_NaN();
  double before = 0;
  for (std::size_t i = 0; i < bounds_.size(); ++i) {
    const auto here = static_cast<double>(count_at(i));
    const double from = i == 0 ? 0 : bounds_[i - 1];
    if (here > 0 && before + here >= wanted) return from + (bounds_[i] - from) * (wanted - before) / here;
    before += here;
  }
  return bounds_.back();
}

std::uint64_t Histogram::count() const {
  std::uint64_t count = 0;
  for (std::size_t i = 0; i < counts_.size(); ++i) count += count_at(i);
  return count;
}

template <typename Metric>
Family<Metric>::Family(std::string name, std::string help, std::vector<Label> labels, std::vector<double> bounds)
    : name_(std::move(name)), help_(std::move(help)), bounds_(std::move(bounds)), labels_(std::move(labels)) {
  assert(IsName(name_) && !help_.empty() && std::ranges::is_sorted(bounds_));
  assert(std::ranges::all_of(labels_, [](const Label& l) { return IsName(l.name) && l.name != "le"; }));
  if (labels_.empty()) (void)With({});
}

template <typename Metric>
Metric& Family<Metric>::With(std::initializer_list<std::string_view> values) {
  const MutexLock lock(mutex_);
  assert(values.size() == labels_.size());
  std::vector<std::string> key;
  key.reserve(values.size());
  for (const Label& label : labels_) {
    const std::string_view value = values.begin()[key.size()];
    const bool known = std::ranges::find(label.values, value) != label.values.end();
    key.emplace_back(known ? value : kOther);
  }
  std::unique_ptr<Metric>& metric = series_[std::move(key)];
  if (metric == nullptr) metric = MakeMetric<Metric>(bounds_);
  return *metric;
}

template <typename Metric>
void Family<Metric>::Declare(std::string_view label, std::string value) {
  const MutexLock lock(mutex_);
  const auto at = std::ranges::find(labels_, label, &Label::name);
  assert(at != labels_.end());
  if (std::ranges::find(at->values, value) == at->values.end()) at->values.push_back(std::move(value));
}

template <typename Metric>
void Family<Metric>::AppendTo(std::string* text) const {
  const MutexLock lock(mutex_);
  text->append("# HELP ").append(name_).append(" ");
  AppendEscaped(help_, /*quotes=*/false, text);
  text->append("\n# TYPE ").append(name_).append(" ").append(kTypeName<Metric>).append("\n");
  for (const auto& [values, metric] : series_) AppendMetric(name_, labels_, values, bounds_, *metric, text);
}

template class Family<Counter>;
template class Family<Gauge>;
template class Family<Histogram>;

template <typename Metric>
Family<Metric>& Telemetry::Add(std::unique_ptr<Family<Metric>> family, const std::string& name) {
  const MutexLock lock(mutex_);
  assert(std::ranges::find(names_, name) == names_.end());
  names_.push_back(name);
  Family<Metric>& added = *family;
  texts_.push_back(
      [owned = std::shared_ptr<Family<Metric>>(std::move(family))](std::string* t) { owned->AppendTo(t); });
  return added;
}

Family<Counter>& Telemetry::AddCounter(std::string name, std::string help, std::vector<Label> labels) {
  assert(name.ends_with("_total"));
  return Add(std::make_unique<Family<Counter>>(name, std::move(help), std::move(labels)), name);
}

Family<Gauge>& Telemetry::AddGauge(std::string name, std::string help, std::vector<Label> labels) {
  assert(!name.ends_with("_total"));
  return Add(std::make_unique<Family<Gauge>>(name, std::move(help), std::move(labels)), name);
}

Family<Histogram>& Telemetry::AddHistogram(std::string name, std::string help, std::vector<double> bounds,
                                           std::vector<Label> labels) {
  return Add(std::make_unique<Family<Histogram>>(name, std::move(help), std::move(labels), std::move(bounds)), name);
}

void Telemetry::BeforeText(std::function<void()> refresh) {
  const MutexLock lock(mutex_);
  refresh_.push_back(std::move(refresh));
}

std::string Telemetry::Text() const {
  std::vector<std::function<void()>> refresh;
  std::vector<std::function<void(std::string*)>> texts;
  {
    const MutexLock lock(mutex_);
    refresh = refresh_;
    texts = texts_;
  }
  for (const auto& call : refresh) call();
  std::string text;
  for (const auto& append : texts) append(&text);
  return text;
}

}  // namespace gfr
