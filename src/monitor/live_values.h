// LiveValues: the ranking value that a version's rows promised and that their labels brought, by the hour: sums of
// ValueSums (label_free_quality.h). What a label of a row is worth is the value that the slate was sorted by, over the
// probability of the label: so the sums expect the mean served value an impression. Thread safety: a plain value.
#pragma once

#include <cstdint>
#include <map>

#include "base/byte_reader.h"
#include "base/byte_writer.h"
#include "monitor/label_free_quality.h"

namespace gfr {

class LiveValues {
 public:
  struct Hour {
    ValueSums served, labelled;  // Of rows whose impression arrived; of those whose label is known.
  };
  Hour& At(std::int64_t hour_ms) { return hours_[hour_ms]; }
  void ForgetBefore(std::int64_t hour_ms) { hours_.erase(hours_.begin(), hours_.lower_bound(hour_ms)); }
  // Of the hours [from_ms, to_ms).
  Hour Between(std::int64_t from_ms, std::int64_t to_ms) const {
    Hour sum;
    for (auto hour = hours_.lower_bound(from_ms); hour != hours_.end() && hour->first < to_ms; ++hour) {
      sum.served.Add(hour->second.served);
      sum.labelled.Add(hour->second.labelled);
    }
    return sum;
  }

  void Encode(ByteWriter& out) const {
    out.Varint(hours_.size());
    for (const auto& [start, hour] : hours_) {
      out.Signed(start);
      for (const ValueSums* s : {&hour.served, &hour.labelled}) {
        for (const double x : {s->rows, s->expected, s->variance, s->slope, s->measured}) out.Number(x);
      }
    }
  }
  static bool Decode(ByteReader& in, LiveValues* values) {  // False: the bytes are damaged.
    for (std::size_t n = in.Count(81); n > 0; --n) {
      Hour& hour = values->hours_[in.Signed()];
      for (ValueSums* s : {&hour.served, &hour.labelled}) {
        for (double* x : {&s->rows, &s->expected, &s->variance, &s->slope, &s->measured}) *x = in.Number<double>();
      }
    }
    return !in.bad;
  }

 private:
  std::map<std::int64_t, Hour> hours_;
};

}  // namespace gfr
