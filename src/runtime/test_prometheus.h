// PrometheusFaults: what is wrong with a text for Prometheus, by the text format's rules and those of `promtool check
// metrics`. Strict: also what Prometheus would let pass, such as an order of lines that splits a family. For tests.
#pragma once

#include <charconv>
#include <cmath>
#include <map>
#include <regex>
#include <set>
#include <sstream>
#include <string>
#include <vector>

namespace gfr {

class PrometheusChecker {
 public:
  std::vector<std::string> Check(const std::string& text) {
    if (!text.empty() && text.back() != '\n') Fault("the last line has no end", "");
    std::istringstream lines(text);
    for (std::string line; std::getline(lines, line);) Line(line);
    EndFamily();
    return faults_;
  }

 private:
  void Fault(const std::string& what, const std::string& line) { faults_.push_back(what + ": " + line); }

  void Line(const std::string& line) {
    static const std::regex help(R"(# HELP ([a-z_][a-z0-9_]*) .+)");
    static const std::regex type(R"(# TYPE ([a-z_][a-z0-9_]*) (counter|gauge|histogram))");
    static const std::regex sample(
        R"re(([a-z_][a-z0-9_]*)(?:\{((?:[a-z_][a-z0-9_]*="(?:[^"\\]|\\["\\n])*",?)+)\})? (\S+))re");
    std::smatch match;
    if (std::regex_match(line, match, help)) {
      EndFamily();
      family_ = match[1];
      if (!families_.insert(family_).second) Fault("a family stands twice", line);
    } else if (std::regex_match(line, match, type)) {
      if (match[1] != family_ || !type_.empty()) Fault("TYPE does not follow HELP", line);
      type_ = match[2];
      Name(line);
    } else if (std::regex_match(line, match, sample)) {
      Sample(match[1], match[2], match[3], line);
    } else {
      Fault("no line of the text format", line);
    }
  }

  void Name(const std::string& line) {
    if ((type_ == "counter") != family_.ends_with("_total")) Fault("only counters end in _total, and all do", line);
    for (const char* unit : {"_ms", "_us", "_ns", "_milliseconds", "_kb", "_mb", "_gb", "_kilobytes", "_percent"}) {
      if (family_.ends_with(unit) || family_.ends_with(std::string(unit) + "_total")) Fault("no base unit", line);
    }
    for (const char* suffix : {"_bucket", "_count", "_sum", "_counter", "_gauge", "_histogram"}) {
      if (family_.ends_with(suffix)) Fault("a reserved suffix, or the type in the name", line);
    }
  }

  void Sample(const std::string& name, const std::string& labels, const std::string& number, const std::string& line) {
    double value = 0;
    const auto [end, error] = std::from_chars(number.data(), number.data() + number.size(), value);
    const bool special = number == "NaN" || number == "+Inf" || number == "-Inf";
    if (!special && (error != std::errc() || end != number.data() + number.size())) Fault("no number", line);
    if (!seen_.insert(name + "{" + labels + "}").second) Fault("a series stands twice", line);
    if (type_.empty()) return Fault("no TYPE before a sample", line);
    if (type_ != "histogram") {
      if (name != family_) Fault("a sample of another family", line);
      if (type_ == "counter" && value < 0) Fault("a counter below 0", line);
      return;
    }
    static const std::regex le(R"re((.*?),?le="([^"]+)")re");
    std::smatch match;
    if (name == family_ + "_bucket" && std::regex_match(labels, match, le)) {
      Buckets& b = buckets_[match[1]];
      const double bound = match[2] == "+Inf" ? INFINITY : std::stod(match[2]);
      if (bound <= b.bound || value < b.count) Fault("buckets do not ascend", line);
      b.bound = bound;
      b.count = value;
    } else if (name == family_ + "_count") {
      buckets_[labels].total = value;
    } else if (name == family_ + "_sum") {
      buckets_[labels].has_sum = true;
    } else {
      Fault("no sample of a histogram", line);
    }
  }

  void EndFamily() {
    for (const auto& [labels, b] : buckets_) {
      if (!std::isinf(b.bound) || b.count != b.total || !b.has_sum)
        Fault("a histogram needs a +Inf bucket equal to its count, and a sum", family_ + "{" + labels + "}");
    }
    buckets_.clear();
    type_.clear();
  }

  struct Buckets {
    double bound = -INFINITY, count = 0, total = -1;
    bool has_sum = false;
  };
  std::vector<std::string> faults_;
  std::string family_, type_;
  std::set<std::string> families_, seen_;
  std::map<std::string, Buckets> buckets_;
};

inline std::vector<std::string> PrometheusFaults(const std::string& text) { return PrometheusChecker().Check(text); }

}  // namespace gfr
