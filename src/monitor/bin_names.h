// BinName: what people read of a reference's bin.
#pragma once

#include <fmt/format.h>

#include <string>

#include "monitor/reference.h"

namespace gfr {

inline std::string BinName(const ReferenceColumn& column, std::size_t bin) {
  const Bins& bins = column.bins;
  if (bin == bins.missing()) return "missing";
  if (bins.categorical) {
    if (bin == bins.unseen()) return "unseen";
    if (bin + 1 == bins.unseen()) return "other";
    const auto name = column.names.find(bins.codes[bin]);
    return name == column.names.end() ? fmt::format("{:.0f}", bins.codes[bin]) : name->second;
  }
  if (bins.uppers.empty()) return bin == 0 ? "below" : "any";
  if (bin == 0) return fmt::format("below {:.4g}", bins.least);
  if (bin == bins.above()) return fmt::format("above {:.4g}", bins.uppers.back());
  const float low = bin == 1 ? bins.least : bins.uppers[bin - 2], high = bins.uppers[bin - 1];
  return low == high ? fmt::format("{:.4g}", low) : fmt::format("{:.4g} to {:.4g}", low, high);
}

}  // namespace gfr
