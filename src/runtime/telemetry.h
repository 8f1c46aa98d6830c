// Telemetry: the counters, gauges and histograms of a process, and their text for Prometheus (GET /metrics).
//
//   auto& served = telemetry.AddHistogram("gfr_request_duration_seconds", "Time of a request.", kDurationsS,
//                                         {{"endpoint", {"feed", "events"}}, {"status", {"2xx", "4xx", "5xx"}}});
//   served.With({"feed", "2xx"}).Observe(0.002);
//
// Names follow Prometheus: gfr_ first, the base unit last, counters end in _total. A label has the values that were
// declared, from the configuration; any other counts as "other", so that no request can make a series. A series is
// there from its first use; one without labels from the start. Families live as long as their Telemetry. Thread safety:
// all.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <initializer_list>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/sync.h"

namespace gfr {

// Upper bounds, in seconds, of histograms of time.
inline const std::vector<double> kDurationsS{0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025,
                                             0.05,   0.1,     0.25,   0.5,   1,      2.5,   5,    10};

struct Label {
  std::string name;
  std::vector<std::string> values;  // All others are "other".
};

class Counter {
 public:
  void Add(std::uint64_t by = 1) { value_.fetch_add(by, std::memory_order_relaxed); }
  void operator++() { Add(); }
  void operator+=(std::uint64_t by) { Add(by); }
  std::uint64_t value() const { return value_.load(std::memory_order_relaxed); }

 private:
  std::atomic<std::uint64_t> value_ = 0;
};

class Gauge {
 public:
  void Set(double value) { value_.store(value, std::memory_order_relaxed); }
  void Add(double by) { value_.fetch_add(by, std::memory_order_relaxed); }
  double value() const { return value_.load(std::memory_order_relaxed); }

 private:
  std::atomic<double> value_ = 0;
};

class Histogram {
 public:
  explicit Histogram(const std::vector<double>& bounds) : bounds_(bounds), counts_(bounds.size() + 1) {}
  void Observe(double value, std::uint64_t times = 1);
  std::uint64_t count() const;
  double sum() const { return sum_.load(std::memory_order_relaxed); }
  // The value that a share `q` of all are at most, as Prometheus estimates it: evenly spread between two bounds, and at
  // most the last bound. NaN: there is no value.
  double Quantile(double q) const;
  // Values at most bounds[i], and above the bound before; the last: above all.
  std::uint64_t count_at(std::size_t i) const { return counts_[i].load(std::memory_order_relaxed); }

 private:
  const std::vector<double>& bounds_;  // Its family's.
  std::vector<std::atomic<std::uint64_t>> counts_;
  std::atomic<double> sum_ = 0;
};

// The series of one name. Metric: Counter, Gauge or Histogram.
template <typename Metric>
class Family {
 public:
  Family(std::string name, std::string help, std::vector<Label> labels, std::vector<double> bounds = {});
  // One value a label, in the order declared. The reference lives as long as the family: keep it where it is hot.
  Metric& With(std::initializer_list<std::string_view> values);
  Metric& operator*() { return With({}); }  // REQUIRES: no labels.
  Metric* operator->() { return &With({}); }
  // A label's value that the configuration names from now on.
  void Declare(std::string_view label, std::string value);
  void AppendTo(std::string* text) const;

 private:
  const std::string name_, help_;
  const std::vector<double> bounds_;
  mutable Mutex mutex_;
  std::vector<Label> labels_;
  std::map<std::vector<std::string>, std::unique_ptr<Metric>> series_;
};

class Telemetry {
 public:
  // REQUIRES, of each: `name` and the labels' names are valid for Prometheus, and `name` is new.
  Family<Counter>& AddCounter(std::string name, std::string help, std::vector<Label> labels = {});
  Family<Gauge>& AddGauge(std::string name, std::string help, std::vector<Label> labels = {});
  // `bounds` ascend.
  Family<Histogram>& AddHistogram(std::string name, std::string help, std::vector<double> bounds,
                                  std::vector<Label> labels = {});
  // Called before each text is made, to set gauges that are dear to keep up to date.
  void BeforeText(std::function<void()> refresh);

  // The text format, version 0.0.4, families in the order they were added.
  std::string Text() const;

 private:
  template <typename Metric>
  Family<Metric>& Add(std::unique_ptr<Family<Metric>> family, const std::string& name);
  mutable Mutex mutex_;
  std::vector<std::string> names_;
  std::vector<std::function<void(std::string*)>> texts_;  // Each owns its family.
  std::vector<std::function<void()>> refresh_;
};

}  // namespace gfr
