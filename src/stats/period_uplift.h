// PeriodUplift: what a holdout loses, added up over periods. In each period a user counts once; the uplift is the sum
// over periods of the mean outside less the mean in the holdout. Users come back in several periods, so its variance is
// clustered by user: sum over users of (sum over periods of (value - mean) / count)^2, each arm by itself.
//
// A period in which an arm has nobody is left out. Thread safety: none.
#pragma once

#include <cstdint>
#include <map>
#include <vector>

#include "stats/difference.h"

namespace gfr {

class PeriodUplift {
 public:
  void Add(std::uint64_t user, std::int64_t period, bool held_out, double value);

  struct Period {
    std::int64_t period = 0;
    double held_out = 0, others = 0;  // Units.
    double uplift = 0;
  };
  std::vector<Period> periods() const;
  // n: users. NaN without a period that has both.
  Difference Cumulative() const;

 private:
  struct Value {
    std::int64_t period;
    bool held_out;
    double value;
  };
  std::map<std::int64_t, Sums> sums_[2];  // By period; [1]: held out.
  std::map<std::uint64_t, std::vector<Value>> users_;
};

}  // namespace gfr
